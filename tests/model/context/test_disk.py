"""What was saved on disk is there again, or is an error: torn, damaged, killed in between, or without room.

Run: pytest tests/model/context/test_disk.py
"""

import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from model.context.disk import Table, TornContext
from model.context.tiers import Tiers
from tests.model.rows import SHAPE, files_of_at_most, row_bytes, some


def test_a_folder_with_saved_rows_is_not_overwritten(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(3))
    tiers.save(tmp_path)
    with pytest.raises(ValueError, match="already holds a saved context"):
        Tiers(SHAPE, "float32", 10**6, tmp_path)
    with pytest.raises(ValueError, match="no saved rows"):
        Tiers.open(tmp_path / "other", 10**6)
    for others in (some(5, 1), some(2), some(4)[:, :, :, :4]):
        another = Tiers(tuple(others.shape[1:]), "float32", 10**6, None)
        another.append(others)
        with pytest.raises(ValueError, match="holds another context"):
            another.save(tmp_path)
    assert torch.equal(Tiers.open(tmp_path, 10**6).gather(range(3)), some(3))


def test_saving_where_the_rows_lie_writes_only_the_new_ones(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(6))
    tiers.save(tmp_path)
    content = bytearray((tmp_path / "rows.bin").read_bytes())
    content[: row_bytes("float32")] = bytes(row_bytes("float32"))
    (tmp_path / "rows.bin").write_bytes(content)
    tiers.append(some(2, 1))
    tiers.save(tmp_path / ".." / tmp_path.name)
    assert (tmp_path / "rows.bin").read_bytes()[: len(content)] == content


def test_two_that_continue_one_context_do_not_overwrite_each_other(tmp_path: Path) -> None:
    first = Tiers(SHAPE, "float32", 2 * row_bytes("float32"), tmp_path)
    first.append(some(5))
    first.save(tmp_path)
    second, third = (Tiers.open(tmp_path, 2 * row_bytes("float32")) for _ in range(2))
    second.append(some(4, 1))
    with pytest.raises(ValueError, match="another process writes here"):
        third.append(some(4, 2))
    second.save(tmp_path)
    with pytest.raises(ValueError, match="saved anew since it was opened"):
        third.append(some(4, 2))
    assert torch.equal(third.gather(range(5)), some(5))
    again = Tiers.open(tmp_path, 10**6)
    assert torch.equal(again.gather(range(9)), torch.cat([some(5), some(4, 1)]))


def test_fewer_rows_can_be_opened_than_were_saved(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(5))
    tiers.save(tmp_path)
    fewer = Tiers.open(tmp_path, row_bytes("float32"), rows=3)
    fewer.append(some(4, 1))
    fewer.save(tmp_path)
    assert torch.equal(Tiers.open(tmp_path, 10**6).gather(range(7)), torch.cat([some(3), some(4, 1)]))
    with pytest.raises(TornContext, match="7 of 8 blocks"):
        Tiers.open(tmp_path, 10**6, rows=8)


@pytest.mark.parametrize("damage", ["byte", "cut", "empty", "checksums", "table", "no line", "version"])
def test_damage_is_an_error_and_never_a_wrong_row(tmp_path: Path, damage: str) -> None:
    tiers = Tiers(SHAPE, "bfloat16", 10**6, tmp_path)
    tiers.append(some(9))
    tiers.save(tmp_path)
    tiers.close()
    path = tmp_path / ("rows.bin" if damage in ("byte", "cut", "empty") else "rows.table")
    content = bytearray(path.read_bytes())
    if damage == "byte":
        content[5 * row_bytes("bfloat16") + 3] ^= 1
    elif damage == "checksums":
        content[-2] ^= 1
    elif damage == "version":
        content[:1] = b"7"
    else:
        del content[{"cut": -20, "table": -20, "empty": 0, "no line": 5}[damage] :]
    path.write_bytes(content)
    error = ValueError if damage == "version" else TornContext
    message = {"byte": r"rows.bin: block 5 is damaged", "version": "format 7, this version reads 1"}
    with pytest.raises(error, match=message.get(damage, path.name) + ".*: read the document again"):
        Tiers.open(tmp_path, 10**6).gather(range(9))


def test_a_damaged_row_that_was_prefetched_is_an_error_too(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(9))
    tiers.save(tmp_path)
    content = bytearray((tmp_path / "rows.bin").read_bytes())
    content[-1] ^= 1
    (tmp_path / "rows.bin").write_bytes(content)
    opened = Tiers.open(tmp_path, 10**6)
    opened.prefetch([7, 8])
    with pytest.raises(TornContext, match="block 8"):
        opened.gather([7, 8])
    assert torch.equal(opened.gather([7, 0]), some(9)[[7, 0]])


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.model.rows import SHAPE, row_bytes, some
from model.context.tiers import Tiers
tiers = Tiers(SHAPE, "float32", 2 * row_bytes("float32"), Path(sys.argv[1]))
tiers.append(some(5), some(5).flatten(1)[:, :2])
tiers.save(Path(sys.argv[1]))
tiers.append(some(20, 1), some(20).flatten(1)[:, :2])
if sys.argv[2] == "in save":
    os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    tiers.save(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.heavy
@pytest.mark.parametrize("moment", ["before save", "in save"])
def test_what_was_saved_outlives_kill_9_after_more_was_appended(tmp_path: Path, moment: str) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), moment]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    tiers = Tiers.open(tmp_path, 2 * row_bytes("float32"))
    assert torch.equal(tiers.gather(range(5)), some(5))
    assert len(tiers) == 5
    tiers.append(some(4, 2), some(4).flatten(1)[:, :2])
    tiers.save(tmp_path)
    again = Tiers.open(tmp_path, 10**6)
    assert torch.equal(again.gather(range(9)), torch.cat([some(5), some(4, 2)]))


FULL = """
import signal, sys
from pathlib import Path
import torch
from tests.model.rows import SHAPE, row_bytes, some
from model.context.tiers import Tiers
home = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
tiers = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), home)
tiers.append(some(12))
tiers.save(home)
try:
    while True:
        tiers.append(some(8, len(tiers)))
except OSError as error:
    print(error)
try:
    tiers.append(some(8))
except OSError:
    pass
try:
    tiers.save(home)
except OSError as error:
    print(error)
count = len(tiers)
expected = torch.cat([some(12)] + [some(8, first) for first in range(12, count, 8)])
assert torch.equal(tiers.gather(range(count)), expected)
print("kept", len(Tiers.open(home, 10**6)))
"""


def _limit_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (9000,) * 2)


@pytest.mark.heavy
def test_a_full_disk_says_so_and_keeps_what_was_stored(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, preexec_fn=_limit_files, check=True)
    assert done.stdout.count("no room for 256 bytes: free space") == 2
    assert str(tmp_path / "rows.bin") in done.stdout
    assert done.stdout.endswith("kept 12\n")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


@pytest.mark.heavy
def test_a_disk_that_is_really_full_says_so(small_disk: Path) -> None:
    command = [sys.executable, "-c", FULL, str(small_disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[Errno 28] no room for 256 bytes: free space")
    assert done.stdout.endswith("kept 12\n")


def test_a_table_without_room_leaves_the_last_one(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(3))
    tiers.save(tmp_path)
    tiers.append(some(200, 1))
    with pytest.raises(OSError, match=r"no room for \d+ bytes"), files_of_at_most(500):
        tiers.save(tmp_path)
    assert len(Table.read(tmp_path).crc) == 3
