"""Documents of several sizes, sharded once, and what one process reads of them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.runs.ledger import Ledger
from tests.flows.corpus import story
from tests.tasks.infer.leases import Clock
from tests.tasks.reading import Reading, Texts, windows

SEGMENTED = "infer.segment_windows=4"
"""Under this the long document is read in several segments."""


@pytest.fixture(scope="session")
def texts(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Texts:
    """A long document and two short ones."""
    stories = {"long.txt": story(0, 150), "short-1.txt": story(1, 40), "short-2.txt": story(2, 40)}
    return Texts(tmp_path_factory.mktemp("texts"), tokenizer_dir, stories)


@pytest.fixture(scope="session")
def expected(
    tmp_path_factory: pytest.TempPathFactory, texts: Texts, tiny_model_dir: Path
) -> dict[str, bytes]:
    """The windows that this process reads alone."""
    alone = Reading(tmp_path_factory.mktemp("alone") / "home", texts, tiny_model_dir, SEGMENTED)
    alone.infer()
    return windows(alone.run.home)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ours:
        yield ours


@pytest.fixture
def clock() -> Clock:
    return Clock()
