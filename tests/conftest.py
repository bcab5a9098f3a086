"""What all tests share: the lanes, the profiles of Hypothesis, and models that are loaded once a session."""

import os
import resource
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from tests import lanes
from tests.models import TOKENIZER_FILES, tiny_model

if TYPE_CHECKING:
    from model.embed.embedder import Embedder
    from model.reader import Reader

ReaderOf = Callable[..., "Reader"]


def pytest_configure(config: pytest.Config) -> None:
    """Choose the lane's examples: `-m slow` tries many, CI always the same ones."""
    every: dict[str, Any] = {
        "deadline": None,
        "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    }
    settings.register_profile("dev", max_examples=40, **every)
    settings.register_profile("ci", max_examples=40, derandomize=True, print_blob=True, **every)
    settings.register_profile("thorough", max_examples=500, **every)
    marks = config.option.markexpr
    thorough = "slow" in marks and "not slow" not in marks
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("thorough" if thorough else "ci" if os.environ.get("CI") else "dev")
    if "not heavy" in marks:
        lanes.install()
    os.environ["NIGHTREAD_CACHE"] = str(lanes.CACHE)  # processes that tests start have it too


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    lanes.mark(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """In the fast lane neither a test nor its fixtures start a process or load a real model."""
    guarded = "not heavy" in item.config.option.markexpr and not lanes.is_heavy(item)
    with lanes.guard(item.nodeid) if guarded else nullcontext():
        return (yield)


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device here")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)  # with -n the tests run in children
    peak = max(resource.getrusage(one).ru_maxrss for one in who) * 1024
    terminalreporter.write_line(f"peak memory of a test process: {peak / 2**30:.1f} GiB")


@pytest.fixture(autouse=True)
def _threads() -> Iterator[None]:
    """A test that reads with other numbers of threads does not slow down those behind it."""
    yield
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", len(os.sched_getaffinity(0)))))


@pytest.fixture(scope="session")
def processes() -> None:
    """Requested by fixtures that start a process or a server: it makes their tests heavy."""


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face folder, converted once per machine. Makes a test heavy."""
    from model.weights import default_model

    return default_model(lanes.MODELS)


@pytest.fixture(scope="session")
def embedder_dir() -> Path:
    """all-MiniLM-L6-v2 as a Hugging Face folder. Makes a test heavy."""
    from model.weights import default_embedder

    return default_embedder()


@pytest.fixture(scope="session")
def tokenizer_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The default model's tokenizer without the model."""
    from model.weights import default_model

    folder = tmp_path_factory.mktemp("tokenizer")
    with lanes.unguarded():
        for name in (*TOKENIZER_FILES, "config.json"):
            shutil.copy(default_model(lanes.MODELS) / name, folder)
    return folder


@pytest.fixture(scope="session")
def tiny_model_dir(tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A decoder of random weights that tokenises like the default model: two layers of 48 dimensions."""
    return tiny_model(tmp_path_factory.mktemp("tiny-model"), tokenizer_dir)


@pytest.fixture(scope="session")
def reader_of(model_dir: Path) -> ReaderOf:
    """Readers of the default model on the CPU: `reader_of(stride, "float32" or "bfloat16")`.

    Weights are loaded once for each dtype and shared by readers of all strides; a test that changes weights
    loads a reader of its own.
    """
    import torch

    from model.reader import Reader

    @cache
    def loaded(dtype: str) -> Reader:
        return Reader(model_dir, 2048, torch.device("cpu"), getattr(torch, dtype))

    @cache
    def reader_of(stride: int, dtype: str = "float32") -> Reader:
        reader = Reader.around(loaded(dtype).model, stride)
        reader.tokenizer = loaded(dtype).tokenizer
        return reader

    return reader_of


@pytest.fixture(scope="session")
def reader_2048(reader_of: ReaderOf) -> "Reader":
    """The default model as a run on this CPU reads with it: windows of 4,096 tokens."""
    from model.weights import pick_device, pick_dtype

    return reader_of(2048, str(pick_dtype(pick_device("cpu"))).removeprefix("torch."))


@pytest.fixture(scope="session")
def embedder(embedder_dir: Path) -> "Embedder":
    """The default embedder, the one that the process keeps for runs too."""
    from model.embed.embedder import load_embedder

    return load_embedder(str(embedder_dir))
