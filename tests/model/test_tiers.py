"""What goes into the tiers comes out of them, whatever was evicted, saved, torn or killed in between.

Run: pytest tests/model/test_tiers.py
"""

import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.arena import Arena
from model.disk import Rows, Table, TornContext
from model.formats import FORMATS, WORD, Format
from model.tiers import CPU, Tiers

SHAPE = (2, 4, 8)


class TwoTiers(Tiers):
    """Two tiers in memory, as beside a CUDA device, on any machine."""

    def _memory(self, host_bytes: int, device_bytes: int) -> list[Arena]:
        size = self.format.row_bytes
        return [Arena(size, budget, CPU, pinned=False) for budget in (host_bytes // 2 + size, host_bytes)]


def row_bytes(storage: str) -> int:
    return Format(storage, SHAPE).row_bytes


def some(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 5


def stored(rows: torch.Tensor, storage: str) -> torch.Tensor:
    """What a format keeps of some rows."""
    kept = Format(storage, tuple(rows.shape[1:]))
    return kept.decode(kept.encode(rows), torch.empty_like(rows, dtype=torch.float32))


NUMBERS = st.lists(st.integers(0, 10**6), max_size=9)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 7)),
        st.tuples(st.just("gather"), NUMBERS),
        st.tuples(st.just("prefetch"), NUMBERS),
        st.tuples(st.just("save"), st.integers(0, 1)),
        st.tuples(st.just("reopen"), st.integers(0, 1)),
    ),
    min_size=2,
    max_size=14,
)


@given(
    kind=st.sampled_from([Tiers, TwoTiers]),
    storage=st.sampled_from(sorted(FORMATS)),
    capacity=st.integers(1, 6),
    steps=STEPS,
)
@settings(max_examples=100, deadline=None)
def test_any_sequence_of_steps_equals_a_plain_tensor(
    kind: type[Tiers], storage: str, capacity: int, steps: list[tuple[str, int | list[int]]]
) -> None:
    with TemporaryDirectory() as folder:
        budget, homes = capacity * row_bytes(storage), [Path(folder) / "one", Path(folder) / "two"]
        tiers, truth = kind(SHAPE, storage, budget, homes[0]), torch.zeros(0, *SHAPE)
        tiers.focus(torch.ones(3))
        for number, (step, value) in enumerate(steps):
            if step == "append" and isinstance(value, int):
                fresh = some(value, number)
                tiers.append(fresh, fresh.flatten(1)[:, :3])
                truth = torch.cat([truth, stored(fresh, storage)])
            elif isinstance(value, int):
                tiers.save(homes[value])
                if step == "reopen":
                    tiers.close()
                    tiers = kind.open(homes[value], budget)
            elif len(truth):
                rows = [row % len(truth) for row in value]
                if step == "prefetch":
                    tiers.prefetch(rows)
                assert torch.equal(tiers.gather(rows), truth[rows])
            assert tiers.bytes()["host"] <= budget
        scanned = [rows for _, rows in tiers.scan(3)]
        assert torch.equal(torch.cat([torch.zeros(0, *SHAPE), *scanned]), truth)
        assert len(tiers) == len(truth)
        tiers.close()


def test_formats_keep_what_they_promise() -> None:
    rows = some(50)
    assert torch.equal(stored(rows, "float32"), rows)
    assert torch.equal(stored(rows, "bfloat16"), rows.bfloat16().float())
    error = (stored(rows, "float8") - rows).abs() / rows.abs().amax(-1, keepdim=True)
    assert float(error.max()) <= 16 / 448, "half of the coarsest step"
    assert torch.equal(stored(torch.zeros(1, *SHAPE), "float8"), torch.zeros(1, *SHAPE))
    huge = torch.full((1, *SHAPE), 1e30)
    torch.testing.assert_close(stored(huge, "float8"), huge, rtol=1e-6, atol=0)
    odd = torch.randn(3, 5, 3)
    assert torch.equal(stored(odd, "bfloat16"), odd.bfloat16().float()), "rows are padded to words"


def test_every_float8_number_is_read_as_torch_reads_it() -> None:
    codes = torch.arange(256, dtype=torch.uint8)
    codes = codes[~codes.view(torch.float8_e4m3fn).float().isnan()]
    kept = Format("float8", (len(codes),))
    words = torch.zeros(1, kept.row_bytes // WORD, dtype=torch.int64)
    words.view(torch.float32)[0, 0] = 1
    words.view(torch.uint8)[0, 4 : 4 + len(codes)] = codes
    expected = codes.view(torch.float8_e4m3fn)[None]
    for dtype in (torch.float32, torch.bfloat16):
        assert torch.equal(kept.decode(words, torch.empty(1, len(codes), dtype=dtype)), expected.to(dtype))


def test_float8_takes_at_least_45_percent_fewer_bytes_than_bfloat16() -> None:
    shape = (30, 2, 3, 64, 64)
    assert Format("float8", shape).row_bytes <= 0.55 * Format("bfloat16", shape).row_bytes


def test_rows_come_in_the_type_that_is_asked_for(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "bfloat16", 3 * row_bytes("bfloat16"), tmp_path)
    tiers.append(some(8))
    assert torch.equal(tiers.gather([7, 0, 7], torch.bfloat16), some(8)[[7, 0, 7]].bfloat16())


def test_what_is_old_and_unlike_the_topic_goes_first(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 8 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 4)
    tiers.append(some(8), topics)
    tiers.focus(torch.tensor([1.0, 0.0]))
    tiers.gather([4, 5, 6, 7])
    tiers.append(some(2, 1), topics[:2])
    kept = [row for row in range(8) if tiers.slot[0][row] >= 0]
    assert kept == [0, 2, 4, 5, 6, 7]


def test_while_rows_come_the_oldest_unlike_what_is_read_go_first(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 8 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    for number in range(6):
        tiers.focus(topics[0])
        tiers.append(some(2, number), topics)
    kept = [row for row in range(12) if tiers.slot[0][row] >= 0]
    assert kept == [2, 4, 6, 7, 8, 9, 10, 11]  # first 1 and 3 of the four oldest went, then 5 and 0


def test_rows_that_come_together_may_give_way_to_each_other(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), tmp_path)
    topics = torch.tensor([[1.0, 0.0], [0.0, 1.0]] * 40)
    tiers.focus(torch.tensor([1.0, 0.0]))
    tiers.append(some(80)[:8], topics[:8])
    tiers.append(some(80)[8:], topics[8:])
    assert torch.equal(tiers.gather(list(range(80))), some(80))
    assert torch.equal(tiers.topic([0, 1]), torch.tensor([0.5, 0.5]))


def test_a_scan_moves_nothing(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), tmp_path)
    tiers.append(some(12))
    before = tiers.slot[0].copy(), tiers.bytes()
    assert sum(len(rows) for _, rows in tiers.scan(5)) == 12
    assert np.array_equal(tiers.slot[0], before[0])
    assert tiers.bytes() == before[1]


class Slow(Rows):
    """A disk that answers when it is told to."""

    asked: list[int]

    def slow_down(self, gate: threading.Event) -> "Slow":
        self.asked, self.gate = [], gate
        return self

    def read(self, rows: np.ndarray) -> np.ndarray:
        self.asked += rows.tolist()
        assert self.gate.wait(10)
        return super().read(rows)


def test_gather_waits_for_what_is_on_its_way_and_for_nothing_else(tmp_path: Path) -> None:
    tiers, gate = Tiers(SHAPE, "float32", 4 * row_bytes("float32"), None), threading.Event()
    disk = tiers.disk = Slow(tmp_path, row_bytes("float32")).slow_down(gate)
    tiers.append(some(8))
    high = np.flatnonzero(tiers.slot[0][:8] >= 0)
    coming = tiers.prefetch([0, 1])
    assert torch.equal(tiers.gather(high[:1].tolist()), some(8)[high[:1]])
    assert not coming.done()
    threading.Timer(0.05, gate.set).start()
    assert torch.equal(tiers.gather([0, 1]), some(8)[:2])
    assert coming.done()
    assert sorted(disk.asked) == [0, 1], "what was on its way is not read twice"


def test_without_a_disk_tier_a_full_budget_is_an_error_and_loses_nothing() -> None:
    tiers = Tiers(SHAPE, "float32", 3 * row_bytes("float32"), None)
    tiers.append(some(3))
    for count in (1, 9):
        with pytest.raises(ValueError, match=r"host_bytes=768 is full .* give a folder"):
            tiers.append(some(count))
        assert len(tiers) == 3
        assert torch.equal(tiers.gather([0, 1, 2]), some(3))


def test_full_tiers_without_a_disk_still_swap() -> None:
    tiers = TwoTiers(SHAPE, "float32", 4 * row_bytes("float32"), None)
    tiers.append(some(7))
    for rows in ([0, 1], [5, 6], [3, 2], [0, 6]):
        assert torch.equal(tiers.gather(rows), some(7)[rows])
        assert tiers.slot[0][rows[0]] >= 0
    with pytest.raises(ValueError, match="is full"):
        tiers.append(some(1))
    assert torch.equal(tiers.gather(range(7)), some(7))


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
from tests.model.test_tiers import SHAPE, row_bytes, some
from model.tiers import Tiers
tiers = Tiers(SHAPE, "float32", 2 * row_bytes("float32"), Path(sys.argv[1]))
tiers.append(some(5), some(5).flatten(1)[:, :2])
tiers.save(Path(sys.argv[1]))
tiers.append(some(20, 1), some(20).flatten(1)[:, :2])
if sys.argv[2] == "in save":
    os.fsync = lambda file: os.kill(os.getpid(), signal.SIGKILL)
    tiers.save(Path(sys.argv[1]))
os.kill(os.getpid(), signal.SIGKILL)
"""


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
from tests.model.test_tiers import SHAPE, row_bytes, some
from model.tiers import Tiers
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


def test_a_disk_that_is_really_full_says_so(small_disk: Path) -> None:
    command = [sys.executable, "-c", FULL, str(small_disk)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("[Errno 28] no room for 256 bytes: free space")
    assert done.stdout.endswith("kept 12\n")


def test_a_table_without_room_leaves_the_last_one(tmp_path: Path) -> None:
    tiers = Tiers(SHAPE, "float32", 10**6, tmp_path)
    tiers.append(some(3))
    tiers.save(tmp_path)
    (tmp_path / "rows.table.new").symlink_to("/dev/full")
    tiers.append(some(2, 1))
    with pytest.raises(OSError, match=r"no room for \d+ bytes"):
        tiers.save(tmp_path)
    assert len(Table.read(tmp_path).crc) == 3
