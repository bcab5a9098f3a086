"""A file is the old one or the new one; one at a time holds a lock. Run: pytest tests/model/test_files.py"""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from model.files import locked, replace_file, replacing, write_atomic
from tests.model.rows import files_of_at_most


def test_a_file_is_replaced_as_a_whole_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "ä.json"
    for content in ("first", "zwei: ü", b"\x00third"):
        write_atomic(path, content)
        assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_names_the_place_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "kept"
    write_atomic(path, "old")
    with pytest.raises(OSError, match=r"no room for 5000 bytes: free space.*kept"), files_of_at_most(1000):
        write_atomic(path, b"x" * 5000)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_while_a_replacement_is_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "folder"

    def fill(text: str, fail: bool) -> None:
        with replacing(path) as fresh:
            fresh.mkdir()
            (fresh / "part").write_text(text)
            if fail:
                raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fill("half", fail=True)
    assert list(tmp_path.iterdir()) == []
    fill("whole", fail=False)
    assert (path / "part").read_text() == "whole"
    (tmp_path / "other").write_text("renamed")
    replace_file(tmp_path / "other", path / "part")
    assert (path / "part").read_text() == "renamed"


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_that_is_not_waited_for_is_replaced_as_a_whole_too(durable: bool, tmp_path: Path) -> None:
    def write(text: str) -> None:
        with replacing(tmp_path / "state", durable) as fresh:
            fresh.write_text(text)
            if text == "torn":
                raise RuntimeError("killed")

    write("old")
    write("new")
    with pytest.raises(RuntimeError, match="killed"):
        write("torn")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]


def test_many_that_write_one_file_at_once_leave_one_of_theirs(tmp_path: Path) -> None:
    texts = [str(number) * 10_000 for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_atomic(tmp_path / "one", text), texts))
    assert (tmp_path / "one").read_text() in texts
    assert list(tmp_path.iterdir()) == [tmp_path / "one"]


HOLD = """
import sys, time
from pathlib import Path
from model.files import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.heavy
def test_a_lock_keeps_other_processes_and_threads_out_until_its_holder_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(TimeoutError), locked(path, 0.1):
            pass
        holder.kill()
    with ThreadPoolExecutor(1) as pool, locked(path, 5), pytest.raises(TimeoutError):
        pool.submit(lambda: locked(path, 0.1).__enter__()).result()
