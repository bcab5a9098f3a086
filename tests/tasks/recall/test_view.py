"""What pages show of sources: each is asked for once, and one process draws for all threads."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import sleep
from typing import Any

import pytest

from tasks.errors import Transient
from tasks.ingest.storage import Found, find
from tasks.recall.view import opened
from tasks.recall.view.opened import MOST_SOURCES, states
from tasks.recall.view.pages import drawer as drawing
from tasks.settings import StorageConfig
from tests.tasks.memory.rows import source

THREADS = 8


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Sources whose store was asked; one of a bucket does not answer."""
    seen: list[str] = []

    def asks(uri: str, storage: StorageConfig) -> Iterator[Found]:
        seen.append(uri)
        if uri.startswith("s3://"):
            raise Transient("the store does not answer")
        return find(uri, storage)

    monkeypatch.setattr(opened, "find", asks)
    return seen


def read(path: Path, **changes: Any) -> dict[str, Any]:
    """The source that a file is, as it was read."""
    (found,) = find(str(path), StorageConfig())
    return source(found.uri, "d", version=found.version, **changes)


def test_every_file_is_asked_for_once_and_not_all_of_them(tmp_path: Path, asked: list[str]) -> None:
    for number in range(2 * MOST_SOURCES):
        (tmp_path / f"copy-{number:02}.txt").write_text("the same text")
    rows = [read(path, label=f"row={row}") for path in sorted(tmp_path.iterdir()) for row in (1, 2)]
    (tmp_path / "copy-00.txt").write_text("another text")
    (tmp_path / "copy-01.txt").unlink()
    told = states(rows, StorageConfig())
    assert [row for row, _ in told] == rows[:MOST_SOURCES]
    assert [state for _, state in told] == ["changed"] * 2 + ["gone"] * 2 + ["same"] * (MOST_SOURCES - 4)
    assert asked == [row["uri"] for row in rows[:MOST_SOURCES:2]]


def test_a_store_that_does_not_answer_is_asked_once(tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / "here.txt").write_text("here")
    rows = [source(f"s3://bucket/{name}.txt", "d") for name in "abc"] + [read(tmp_path / "here.txt")]
    assert [state for _, state in states(rows, StorageConfig())] == ["unknown"] * 3 + ["same"]
    assert asked == ["s3://bucket/a.txt", str(tmp_path / "here.txt")]


def test_threads_that_come_at_once_share_one_drawer(monkeypatch: pytest.MonkeyPatch) -> None:
    made, barrier, real = list[drawing.Drawer](), Barrier(THREADS), drawing.Drawer

    def slowly() -> drawing.Drawer:
        made.append(real())
        sleep(0.05)  # the other threads come meanwhile
        return made[-1]

    def come(_: int) -> drawing.Drawer:
        barrier.wait()
        return drawing.drawer()

    monkeypatch.setattr(drawing, "Drawer", slowly)
    drawing._made.cache_clear()
    with ThreadPoolExecutor(THREADS) as threads:
        found = set(threads.map(come, range(THREADS)))
    drawing._made.cache_clear()
    assert found == set(made)
    assert len(made) == 1
    made[0].close()
