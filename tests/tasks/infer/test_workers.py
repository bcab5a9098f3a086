"""Workers on one node, as real processes: the same windows whatever their number and their fate.

What the lease queue decides is shown without a process in test_queue.py; here a process is killed, hangs,
outgrows its memory or meets a document that kills it, each after a number of stored windows.

Run: pytest tests/tasks/infer/test_workers.py (-m slow for workers that hang, outgrow their memory, share
chunks or are killed at random moments, and for other numbers of them)
"""

import random
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import InvalidInput, NightreadError
from tasks.infer.group import environment, visible_devices
from tasks.infer.messages import Setup
from tasks.infer.node import Node
from tasks.infer.queue import LeaseQueue
from tasks.infer.segments import Segment, Source
from tasks.settings import InferConfig, ShardConfig
from tests.marks import slow
from tests.tasks.infer.conftest import SEGMENTED
from tests.tasks.infer.test_windows import nearly
from tests.tasks.reading import Reading, Texts, poison, windows, worker_processes, written_twice

TWO = ("infer.workers=2", SEGMENTED)
pytestmark = pytest.mark.heavy


@pytest.fixture(autouse=True)
def no_worker_is_left() -> object:
    yield
    assert worker_processes() == []


def kill_one() -> None:
    random.choice(worker_processes()).kill()


def whole(reading: Reading, expected: dict[str, bytes]) -> bool:
    return windows(reading.run.home) == expected and not written_twice(reading.run.home)


@pytest.mark.parametrize("workers", slow(2, 3))  # half a minute; of two, one is killed below
def test_any_number_of_workers_stores_the_same_windows(
    workers: int, texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    seen: set[int] = set()
    reading = Reading(
        tmp_path / "home",
        texts,
        tiny_model_dir,
        SEGMENTED,
        f"infer.workers={workers}",
        at_commit={1: lambda: seen.update(process.pid for process in worker_processes())},
    )
    read = reading.infer()
    assert whole(reading, expected)
    assert len(seen) == workers
    assert read.windows == len(expected)
    assert read.tokens == sum(reading.tokens) == sum(document.tokens for document in reading.documents)


@pytest.mark.parametrize("rows", [1, *slow(4)])
def test_a_worker_killed_while_it_reads_costs_nothing(
    rows: int, texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    overrides = (*TWO, f"infer.batch_size={rows}")
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *overrides, at_commit={3: kill_one})
    read = reading.infer()
    assert whole(reading, expected) or (rows > 1 and nearly(windows(reading.run.home), expected))
    assert (read.windows, read.refused) == (len(expected), {})


@pytest.mark.slow
def test_workers_killed_at_random_moments_cost_nothing(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *TWO)
    over, killed = threading.Event(), 0

    def kill() -> None:
        nonlocal killed
        # the first one while it starts, which takes longer: a quick read would be over before a later one
        while not over.wait(random.uniform(0.2, 5.0 if killed else 2.0)) and killed < 4:
            if worker_processes():
                kill_one()
                killed += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        read = reading.infer()
    finally:
        over.set()
        thread.join()
    assert whole(reading, expected)
    assert (read.windows, killed > 0) == (len(expected), True)


@pytest.mark.slow  # half a minute; test_queue.py lets leases run out without a process
def test_a_worker_that_hangs_is_killed_after_its_time_and_replaced(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    def hang() -> None:
        for process in worker_processes():
            process.send_signal(signal.SIGSTOP)

    overrides = (*TWO, "infer.heartbeat_timeout_s=3")
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *overrides, at_commit={2: hang})
    # a single segment has a single worker, which is reading it once a first window was stored
    reading.documents = [reading.document("short-1.txt")]
    read = reading.infer()
    assert read.windows == reading.documents[0].windows
    assert windows(reading.run.home).items() <= expected.items()
    assert written_twice(reading.run.home) == []
    ((_, (count, reason)),) = reading.deaths().items()
    assert count == 1
    (silent_s,) = re.findall(r"^it gave no sign for (\d+) s$", reason)
    assert 3 <= int(silent_s) < 100, "a busy machine may see it late; the default is 300 s"


def test_a_document_that_kills_its_workers_is_refused_and_the_others_are_read(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    home = tmp_path / "home"
    reading = Reading(home, texts, tiny_model_dir, *TWO)
    bad = reading.document("short-1.txt")
    poison(bad)
    last = bad.windows - 1
    for _ in range(2):
        reading.run.ledger.add_death(bad.document, reading.models.key, last, "in an earlier run")
    read = reading.infer()
    assert list(read.refused) == [bad.document]
    assert f"3 workers died over window {last}, the last: it failed: IndexError" in read.refused[bad.document]
    kept = windows(home)
    assert len(kept) == len(expected) - 1
    assert kept.items() <= expected.items()
    assert written_twice(home) == []
    again = Reading(home, texts, tiny_model_dir, *TWO)
    assert again.infer().refused == read.refused, "by the ledger: nobody else has to die"
    assert again.deaths() == reading.deaths()
    (held,) = again.run.ledger.quarantined()
    assert (held["outcome"], Path(held["uri"]).name) == ("killed_reader", "short-1.txt")
    assert again.run.ledger.release([held["uri"]]) == 1


@pytest.mark.slow  # a quarter of a minute; the cap is met below, and a document is refused above
def test_a_worker_that_outgrows_its_memory_is_killed_and_its_document_refused(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    cap = "infer.worker_memory_mb=1100"
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *TWO, cap)
    greedy = reading.document("short-2.txt")
    swell(greedy.directory)
    over = (greedy.windows - 1) // 4 * 4  # four windows are loaded together
    for _ in range(2):
        reading.run.ledger.add_death(greedy.document, reading.models.key, over, "in an earlier run")
    reading.documents = [greedy, reading.document("short-1.txt")]
    read = reading.infer()
    assert list(read.refused) == [greedy.document]
    assert f"over {cap}" in read.refused[greedy.document]
    kept = read.windows - reading.documents[1].windows
    assert over <= kept < greedy.windows, (
        "a look that comes late lets others that were loaded with it be stored"
    )
    assert windows(reading.run.home).items() <= expected.items()


def swell(directory: Path) -> None:
    """Give the last window of a document far more tokens than memory can hold as Python's integers."""
    path = sorted(directory.glob("*.parquet"))[-1]
    table = pq.read_table(path)
    ids = [np.asarray(row, np.int32) for row in table["ids"].to_pylist()]
    ids[-1] = np.zeros(60_000_000, np.int32)
    offsets = np.cumsum([0, *map(len, ids)], dtype=np.int32)
    field = table.schema.field("ids")
    swollen = pa.ListArray.from_arrays(offsets, np.concatenate(ids), type=field.type)
    table = table.set_column(table.schema.get_field_index("ids"), field, swollen)
    pq.write_table(table, path, row_group_size=4, compression="zstd")


def test_a_cap_below_the_weights_ends_the_run_and_says_so(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *TWO, "infer.worker_memory_mb=40")
    with pytest.raises(NightreadError, match=r"before they read anything; the last: .*worker_memory_mb=40"):
        reading.infer()


def test_a_worker_with_another_model_than_the_run_s_ends_the_run(
    texts: Texts, tiny_model_dir: Path, tmp_path: Path
) -> None:
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *TWO)
    document = reading.documents[0]
    whole_document = Segment(document, Source("", 0), 0, document.windows)
    queue = LeaseQueue([whole_document], "another key", reading.run.ledger)
    config = replace(reading.run.infer, workers=1)
    setup = Setup(reading.run.home, config, reading.run.shard, "another key")
    with pytest.raises(
        NightreadError, match=r"worker of node here failed: .* give every node the same files"
    ):
        Node(setup, queue).work()


TOGETHER = ("infer.sequence_parallel=2", "infer.device=cpu", *TWO)


@pytest.mark.parametrize("hangs", slow(False, True))  # a minute; test_sequence.py shares chunks too
def test_a_group_that_shares_every_chunk_is_replaced_when_one_of_its_processes_fails(
    hangs: bool,
    texts: Texts,
    tiny_model_dir: Path,
    tmp_path: Path,
    expected: dict[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")  # fewer than ranks, which on a CPU does not matter

    def fail() -> None:
        number = signal.SIGSTOP if hangs else signal.SIGKILL
        random.choice(worker_processes()).send_signal(number)

    overrides = (*TOGETHER, "infer.heartbeat_timeout_s=5") if hangs else TOGETHER
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, *overrides, at_commit={4: fail})
    read = reading.infer()
    assert nearly(windows(reading.run.home), expected)
    assert written_twice(reading.run.home) == []
    assert read.windows == len(expected)
    assert len(reading.deaths()) == 1


def test_ranks_that_share_every_chunk_need_a_device_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    setup = Setup(tmp_path, InferConfig(workers=2, sequence_parallel=2), ShardConfig(), "key")
    with pytest.raises(InvalidInput, match=r"infer.sequence_parallel=2: this node has 1 devices"):
        Node(setup, None)  # type: ignore[arg-type]


def test_an_empty_list_of_devices_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_devices() == []
    assert environment(1, 2)["CUDA_VISIBLE_DEVICES"] == ""


def test_workers_share_cores_and_devices_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    shares = [environment(process, 4) for process in range(4)]
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["4", "6", "4", "6"]
    assert {share["OMP_NUM_THREADS"] for share in shares} == {"2"}
