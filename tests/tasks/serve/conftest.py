"""One tiny model for all engines: its weights say nothing, and are the same everywhere."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import torch

from model.reader import Reader
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import ReaderDoor
from tasks.serve.embedded import Embedded
from tasks.serve.engine import Engine, Limits
from tests.tasks.serve.readers import LEASE_S, Start, Tiny, client_of


@pytest.fixture(scope="session")
def tiny(tiny_model_dir: Path) -> Tiny:
    return Tiny(Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32), tiny_model_dir)


@pytest.fixture
def start(tiny: Tiny, tmp_path: Path) -> Iterator[Start]:
    """Starts nodes, all of one home; they are stopped at the end."""
    engines: list[Engine] = []

    def start(directory: LocalDirectory, node: str = "here", limits: Limits | None = None) -> Embedded:
        engines.append(tiny.engine(tmp_path, directory, node, limits))
        return Embedded(engines[-1])

    yield start
    for engine in engines:
        engine.stop(0.0)


@pytest.fixture
def engine(tiny: Tiny, tmp_path: Path) -> Iterator[Engine]:
    engine = tiny.engine(tmp_path, LocalDirectory(LEASE_S))
    yield engine
    engine.stop()


@pytest.fixture(params=["embedded", "grpc"])
def door(request: pytest.FixtureRequest, engine: Engine) -> Iterator[ReaderDoor]:
    with ExitStack() as stack:
        yield Embedded(engine) if request.param == "embedded" else stack.enter_context(client_of(engine))
