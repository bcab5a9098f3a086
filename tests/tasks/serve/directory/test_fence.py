"""Who lost a context while asleep saves nothing over who has it now."""

import errno
import threading
from pathlib import Path

import pytest

from tasks.serve.directory.fence import FencedOff, fenced


def save(folder: Path, text: str, fence: int) -> None:
    with fenced(folder, fence):
        (folder / "saved").write_text(text)


def test_a_smaller_fence_saves_nothing_once_a_larger_one_was_here(tmp_path: Path) -> None:
    folder = tmp_path / "book"
    save(folder, "by the first", 7)
    save(folder, "by the first again", 7)
    with fenced(folder, 9):  # another node opens it
        assert (folder / "saved").read_text() == "by the first again"
    with pytest.raises(FencedOff, match="book: claimed by another node"):
        save(folder, "late", 7)
    with pytest.raises(FencedOff), fenced(folder, 8):
        pass
    assert (folder / "saved").read_text() == "by the first again"
    save(folder, "by the second", 9)
    assert (folder / "saved").read_text() == "by the second"


def test_on_a_full_disk_a_fence_is_noted_where_the_one_before_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that what makes room, forgetting a context, needs none."""

    def has_no_room(path: Path, content: str) -> None:
        raise OSError(errno.ENOSPC, "no room", str(path))

    save(tmp_path / "book", "saved", 998)
    monkeypatch.setattr("tasks.serve.directory.fence.write_atomic", has_no_room)
    with fenced(tmp_path / "book", 1001):
        pass
    with pytest.raises(OSError, match="no room"), fenced(tmp_path / "new", 1001):
        pass
    with pytest.raises(FencedOff), fenced(tmp_path / "book", 1000):
        pass


def test_a_save_under_way_ends_before_another_node_opens(tmp_path: Path) -> None:
    folder, begun, go_on, seen = tmp_path / "book", threading.Event(), threading.Event(), []

    def slowly() -> None:
        with fenced(folder, 1):
            begun.set()
            assert go_on.wait(60)
            (folder / "saved").write_text("whole")

    def opens() -> None:
        with fenced(folder, 2):
            seen.append((folder / "saved").read_text())

    threads = [threading.Thread(target=slowly), threading.Thread(target=opens)]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert seen == ["whole"]


def test_an_error_inside_leaves_the_folder_free(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), fenced(tmp_path, 3):
        raise OSError("the disk is full")
    save(tmp_path, "again", 3)
