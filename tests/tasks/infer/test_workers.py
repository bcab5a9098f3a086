"""Ranks on one node: the same windows whatever their number, and whatever happens to them.

Every rank is a real process; what goes wrong is done to it from outside, or by a document.
Run: pytest tests/tasks/test_ranks.py
"""

import json
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tasks.errors import InvalidInput, NightreadError
from tasks.infer import queue as desks
from tasks.infer.group import environment, visible_devices
from tasks.infer.queue import Desk, Handed
from tasks.infer.windows import shards_of, window_key
from tests.flows.corpus import write_corpus
from tests.marks import slow
from tests.models import tiny_model
from tests.tasks.ranks import Reading, meanwhile, poison, ranks_of, windows, written_twice


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, model_dir: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("model"), model_dir)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"), 6, lines=120)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory, corpus: Path, model: Path) -> dict[str, bytes]:
    """What one process reads."""
    alone = Reading(tmp_path_factory.mktemp("alone"), corpus, model)
    alone.infer()
    return windows(alone.run.home)


def whole(reading: Reading, expected: dict[str, bytes]) -> bool:
    return windows(reading.run.home) == expected and not written_twice(reading.run.home)


@pytest.mark.parametrize("ranks", [*slow(1, 2), 3])
def test_any_number_of_ranks_keeps_the_same_windows(
    ranks: int, corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, f"infer.workers={ranks}")
    read = reading.infer()
    assert whole(reading, expected)
    assert read.windows == len(expected)
    assert read.tokens == sum(reading.tokens) == sum(document.tokens for document in reading.documents)
    assert ranks_of() == []
    assert reading.infer().windows == 0


TOGETHER = ("infer.workers=2", "infer.sequence_parallel=2")


def nearly_whole(reading: Reading, expected: dict[str, bytes]) -> bool:
    """As `whole`, for ranks that sum in another order, which in bf16 may turn one quote for another."""
    found = windows(reading.run.home)
    same = [quoted(found[key]) & quoted(expected[key]) for key in expected]
    share = sum(map(len, same)) / sum(len(quoted(payload)) for payload in expected.values())
    print(f"{share:.0%} of the quotes are the same")
    return found.keys() == expected.keys() and share >= 0.9 and not written_twice(reading.run.home)


def quoted(payload: bytes) -> set[str]:
    return {quote["text"] for quote in json.loads(payload)}


def test_ranks_that_share_every_chunk_keep_the_same_windows(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, *TOGETHER)
    read = reading.infer()
    assert nearly_whole(reading, expected)
    assert read.windows == len(expected)
    assert ranks_of() == []


def test_one_of_two_that_share_every_chunk_may_die(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, *TOGETHER)
    with meanwhile(once_reading(reading, lambda: random.choice(ranks_of()).kill())):
        reading.infer()
    assert nearly_whole(reading, expected)
    assert len(reading.run.ledger.deaths(reading.models.key)) == 1


def test_two_that_share_every_chunk_are_given_up_when_one_hangs(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, *TOGETHER, "infer.heartbeat_timeout_s=3")
    with meanwhile(once_reading(reading, lambda: ranks_of()[1].send_signal(signal.SIGSTOP))):
        reading.infer()
    assert nearly_whole(reading, expected)
    assert ranks_of() == []


@pytest.mark.parametrize(("devices", "device", "refused"), [("3", "auto", True), ("3", "cpu", False)])
def test_ranks_that_share_every_chunk_need_a_device_each(
    devices: str,
    device: str,
    refused: bool,
    corpus: Path,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, *TOGETHER, f"infer.device={device}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", devices)
    if not refused:
        assert reading.infer().windows
        return
    with pytest.raises(InvalidInput, match=r"infer.sequence_parallel=2: this node has 1 devices"):
        reading.infer()


def test_an_empty_list_of_devices_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert visible_devices() == []
    assert environment(1, 2)["CUDA_VISIBLE_DEVICES"] == ""


@contextmanager
def watched(see: Callable[[Sequence[Handed]], None]) -> Iterator[None]:
    """Show whatever is handed in at the desk."""
    keep = Desk.keep

    def watch(desk: Desk, handed: Sequence[Handed]) -> list[bool]:
        see(handed)
        return keep(desk, handed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "keep", watch)
        yield


AT_A_TIME = "infer.batch_size=4"


@pytest.mark.parametrize("ranks", [*slow(1), 2])
def test_a_rank_that_reads_several_at_a_time_keeps_the_same_windows(
    ranks: int, corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, AT_A_TIME, f"infer.workers={ranks}")
    together: list[int] = []
    with watched(lambda handed: together.append(len(handed))):
        read = reading.infer()
    assert nearly_whole(reading, expected)
    assert (read.windows, read.tokens) == (len(expected), sum(reading.tokens))
    assert max(together) > 1, "windows that come together are kept together"


def test_a_rank_that_reads_several_at_a_time_may_die_and_goes_on_where_it_was(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, AT_A_TIME, "infer.workers=2")
    with meanwhile(once_reading(reading, lambda: random.choice(ranks_of()).kill())):
        read = reading.infer()
    assert nearly_whole(reading, expected)
    assert read.windows == len(expected)
    assert read.refused == {}


def test_of_several_that_are_read_at_a_time_only_the_one_that_kills_is_refused(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, "infer.batch_size=6", "infer.workers=2")
    bad = reading.document("report-03.txt")
    poison(bad)
    read = reading.infer()
    assert list(read.refused) == [bad.document]
    deaths = reading.run.ledger.deaths(reading.models.key)
    assert deaths.pop((bad.document, bad.windows - 1))[0] == 3
    assert {count for count, _ in deaths.values()} <= {1}, "the others were read alone after that"
    assert len(windows(reading.run.home)) == len(expected) - 1


SHORT = "infer.segment_windows=4"


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory, model: Path) -> tuple[Path, dict[str, bytes]]:
    """One document that is read in shards, and what one process reads of it."""
    corpus = write_corpus(tmp_path_factory.mktemp("long"), 1, lines=600)
    alone = Reading(tmp_path_factory.mktemp("sharded"), corpus, model, SHORT)
    alone.infer()
    return corpus, windows(alone.run.home)


@pytest.mark.parametrize("ranks", [*slow(2), 3])
def test_ranks_share_one_long_document_and_keep_the_same_windows(
    ranks: int, long: tuple[Path, dict[str, bytes]], model: Path, tmp_path: Path
) -> None:
    corpus, expected = long
    reading = Reading(tmp_path / "home", corpus, model, SHORT, f"infer.workers={ranks}")
    readers: set[str] = set()
    with watched(lambda handed: readers.update(row for row, *_ in handed)):
        read = reading.infer()
    assert whole(reading, expected)
    assert len(readers) > 1  # a third may be ready only when two have read it all
    (document,) = reading.documents
    assert len(shards_of(document, reading.run.infer)) == document.windows // 4 > ranks
    assert (read.windows, read.tokens) == (document.windows, document.tokens)


def test_a_sharded_read_that_is_cut_off_goes_on_where_each_shard_was(
    long: tuple[Path, dict[str, bytes]], model: Path, tmp_path: Path
) -> None:
    corpus, expected = long
    reading = Reading(tmp_path / "home", corpus, model, SHORT)
    keep, left = Desk.keep, 6

    def stop(desk: Desk, handed: Sequence[Handed]) -> list[bool]:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return keep(desk, handed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Desk, "keep", stop)
        with pytest.raises(KeyboardInterrupt):
            reading.infer()
    assert len(windows(reading.run.home)) == 6
    assert reading.infer().windows == len(expected) - 6
    assert whole(reading, expected)


def test_shards_say_nearly_what_one_stream_says(
    long: tuple[Path, dict[str, bytes]], model: Path, tmp_path: Path
) -> None:
    corpus, sharded = long
    reading = Reading(tmp_path / "home", corpus, model, "infer.segment_windows=100000")
    reading.infer()
    (document,) = reading.documents
    assert shards_of(document, reading.run.infer) == [range(document.windows)]
    short = Reading(tmp_path / "other", corpus, model, SHORT)

    def said(kept: dict[str, bytes], key: str) -> list[bytes]:
        return [kept[window_key(key, document.document, number)] for number in range(document.windows)]

    stream, shards = said(windows(reading.run.home), reading.models.key), said(sharded, short.models.key)
    assert stream[:4] == shards[:4], "the first shard has nothing before it"
    assert sum(map(bytes.__eq__, stream, shards)) >= 0.8 * document.windows


def test_ranks_killed_at_random_moments_cost_nothing(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2")
    killed: list[int] = []

    def act(over: threading.Event) -> None:
        # the first one while they start, which takes longer: a quick read would be over before a later one
        while not over.wait(random.uniform(0.2, 5.0 if killed else 2.0)) and len(killed) < 4:
            if ranks := ranks_of():
                killed.append(random.choice(ranks).pid)
                psutil.Process(killed[-1]).kill()

    with meanwhile(act):
        read = reading.infer()
    assert whole(reading, expected)
    assert read.windows == len(expected)
    assert killed


def once_reading(reading: Reading, act: Callable[[], None]) -> Callable[[threading.Event], None]:
    """Do something as soon as a first window was kept."""

    def wait(over: threading.Event) -> None:
        while not reading.tokens and not over.wait(0.005):
            pass
        if not over.is_set():
            act()

    return wait


def test_a_rank_that_hangs_is_replaced_within_its_time(model: Path, tmp_path: Path) -> None:
    # a single document has a single rank, which is reading it once a first window was kept
    corpus = write_corpus(tmp_path / "corpus", 1, lines=400)
    alone = Reading(tmp_path / "alone", corpus, model)
    alone.infer()
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2", "infer.heartbeat_timeout_s=3")
    with meanwhile(once_reading(reading, lambda: ranks_of()[0].send_signal(signal.SIGSTOP))):
        started = time.monotonic()
        reading.infer()
    assert whole(reading, windows(alone.run.home))
    assert 3 < time.monotonic() - started < 60
    assert "no sign for 3 s" in str(reading.run.ledger.deaths(reading.models.key))


def test_a_straggler_loses_its_document_to_an_idle_rank(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desks, "STRAGGLER_S", 2.0)
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2", "infer.heartbeat_timeout_s=1000")
    with meanwhile(once_reading(reading, lambda: ranks_of()[0].send_signal(signal.SIGSTOP))):
        reading.infer()
    assert whole(reading, expected)
    assert reading.run.ledger.deaths(reading.models.key) == {}


def test_a_rank_without_its_node_ends(corpus: Path, model: Path, tmp_path: Path) -> None:
    from tasks.infer.group import Rank, Setup

    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2")
    setup = Setup(reading.run.home, reading.run.infer, reading.run.shard, reading.models.key)
    rank = Rank(0, setup, {"rank": 0, "port": 0})
    assert rank.process.stdin is not None
    rank.process.stdin.close()
    assert rank.process.wait(60) == 0
    rank.close()


def test_a_document_that_kills_three_readers_is_refused_and_the_others_are_read(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    home = tmp_path / "home"
    reading = Reading(home, corpus, model, "infer.workers=2")
    bad = reading.document("report-03.txt")
    poison(bad)
    read = reading.infer()
    assert list(read.refused) == [bad.document]
    last = bad.windows - 1
    assert f"3 readers died over window {last}, the last: it failed: IndexError" in read.refused[bad.document]
    kept = windows(home)
    assert len(kept) == len(expected) - 1
    assert kept.items() <= expected.items()
    assert written_twice(home) == []
    again = Reading(home, corpus, model, "infer.workers=2")
    started = time.monotonic()
    assert again.infer().refused == read.refused  # by the ledger: nobody else has to die
    assert time.monotonic() - started < 1
    memory = again.publish(read)
    assert "report-03.txt" not in {row["uri"] for row in again.rows if row["outcome"] == "ok"}
    assert memory
    (held,) = again.run.ledger.quarantined()
    assert (held["outcome"], Path(held["uri"]).name) == ("killed_reader", "report-03.txt")
    assert again.run.ledger.release([held["uri"]]) == 1
    assert again.run.ledger.deaths(again.models.key) == {}


def test_deaths_are_counted_over_runs(corpus: Path, model: Path, tmp_path: Path) -> None:
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2")
    bad = reading.document("report-03.txt")
    poison(bad)
    for _ in range(2):
        reading.run.ledger.add_death(bad.document, reading.models.key, bad.windows - 1, "earlier")
    assert "3 readers died" in reading.infer().refused[bad.document]


def test_a_document_that_takes_too_much_memory_is_refused(
    corpus: Path, model: Path, tmp_path: Path, expected: dict[str, bytes]
) -> None:
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2", "infer.worker_memory_mb=1500")
    greedy = reading.document("report-02.txt")
    path = sorted(greedy.directory.glob("*.parquet"))[-1]
    table = pq.read_table(path)
    swollen = [*table["ids"].to_pylist()[:-1], np.zeros(150_000_000, np.int32)]
    column = table.schema.get_field_index("ids")
    field = table.schema.field("ids")
    table = table.set_column(column, field, pa.array(swollen, type=field.type))
    pq.write_table(table, path, row_group_size=4, compression="zstd")
    del table, swollen
    read = reading.infer()
    assert list(read.refused) == [greedy.document]
    assert "over infer.worker_memory_mb=1500" in read.refused[greedy.document]
    assert windows(reading.run.home).items() <= expected.items()


def test_a_cap_below_the_weights_ends_the_run_and_says_so(corpus: Path, model: Path, tmp_path: Path) -> None:
    reading = Reading(tmp_path / "home", corpus, model, "infer.workers=2", "infer.worker_memory_mb=50")
    with pytest.raises(NightreadError, match=r"before they read anything; the last: .*worker_memory_mb=50"):
        reading.infer()
    assert ranks_of() == []


def test_ranks_share_cores_and_devices_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,6")
    monkeypatch.setattr("os.sched_getaffinity", lambda _: set(range(8)))
    shares = [environment(rank, 4) for rank in range(4)]
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["4", "6", "4", "6"]
    assert {share["OMP_NUM_THREADS"] for share in shares} == {"2"}
