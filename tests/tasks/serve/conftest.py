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
from tasks.serve.engine import Engine
from tests.tasks.serve.readers import Tiny, client_of

LEASE_S = 600.0


@pytest.fixture(scope="session")
def tiny(tiny_model_dir: Path) -> Tiny:
    return Tiny(Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32), tiny_model_dir)


@pytest.fixture
def engine(tiny: Tiny, tmp_path: Path) -> Iterator[Engine]:
    engine = tiny.engine(tmp_path, LocalDirectory(LEASE_S))
    yield engine
    engine.stop()


@pytest.fixture(params=["embedded", "grpc"])
def door(request: pytest.FixtureRequest, engine: Engine) -> Iterator[ReaderDoor]:
    with ExitStack() as stack:
        yield Embedded(engine) if request.param == "embedded" else stack.enter_context(client_of(engine))
