"""The lease queue on a clock that stands still: who reads what, what is stored, who is refused. No process.

Run: pytest tests/tasks/infer/test_queue.py
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.infer.cache_key import window_key
from tasks.infer.messages import Commit, Lease, Verdict, Worker
from tasks.infer.queue import LeaseQueue
from tasks.infer.segments import Segment, Source
from tasks.ingest.shard import ShardedDocument
from tasks.ledger import Ledger
from tests.tasks.reading import count_writes, windows, written_twice

KEY = "key"
A, B, C = (Worker("here", number) for number in (1, 2, 3))


class Clock:
    """Seconds that pass only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def segment(document: str, start: int, stop: int) -> Segment:
    return Segment(ShardedDocument(document, stop, 100 * stop, Path("/nowhere")), Source("", 0), start, stop)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(tmp_path / "ledger.sqlite") as ours:
        yield ours


@pytest.fixture
def clock() -> Clock:
    return Clock()


def queue_of(ledger: Ledger, clock: Clock, *segments: Segment) -> LeaseQueue:
    return LeaseQueue(
        segments,
        KEY,
        ledger,
        heartbeat_timeout_s=30,
        straggler_s=10,
        straggler_ratio=4,
        clock=clock,
    )


def take(queue: LeaseQueue, worker: Worker, slot: int = 0) -> Lease:
    lease = queue.lease(worker, slot)
    assert lease is not None
    return lease


def commit(queue: LeaseQueue, lease: Lease, window: int) -> Verdict:
    (verdict,) = queue.commit([Commit(lease.id, window, f"{lease.segment.document.document} {window}", 100)])
    return verdict


def read(queue: LeaseQueue, lease: Lease) -> None:
    for window in range(lease.first, lease.segment.stop):
        assert commit(queue, lease, window) == Verdict.STORED
    queue.complete(lease.id)


def stored(ledger: Ledger, document: str, count: int) -> list[int]:
    names = {window_key(KEY, document, window): window for window in range(count)}
    return sorted(names[name] for name in ledger.has_many(names))


def test_the_longest_segment_is_leased_first(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("short", 0, 2), segment("long", 0, 5), segment("middle", 0, 3))
    given = [take(queue, worker).segment.document.document for worker in (A, B, C)]
    assert given == ["long", "middle", "short"]
    assert queue.lease(Worker("here", 4), 0) is None
    assert queue.open()


def test_every_window_is_stored_once_and_then_the_queue_is_closed(ledger: Ledger, clock: Clock) -> None:
    progress: list[int] = []
    queue = LeaseQueue([segment("d", 0, 3), segment("d", 3, 5)], KEY, ledger, progress.append, clock=clock)
    first, second = take(queue, A), take(queue, B)
    read(queue, second)
    assert queue.open()
    clock.now = 7.0
    read(queue, first)
    assert not queue.open()
    assert stored(ledger, "d", 5) == [0, 1, 2, 3, 4]
    outcome = queue.outcome()
    assert (outcome.windows, outcome.tokens, outcome.seconds, outcome.refused) == (5, 500, 7.0, {})
    assert progress == [100] * 5


def test_a_document_is_finished_once_the_last_of_its_segments_is_read(ledger: Ledger, clock: Clock) -> None:
    finished: list[str] = []
    segments = [segment("d", 0, 3), segment("d", 3, 5), segment("other", 0, 1)]
    queue = LeaseQueue(segments, KEY, ledger, clock=clock, finished=finished.append)
    first, second = take(queue, A), take(queue, B)
    queue.fail(A, "it was killed")
    read(queue, second)
    read(queue, take(queue, C))
    assert finished == ["d"]
    while (lease := queue.lease(C, 0)) is not None:
        read(queue, lease)
    queue.complete(first.id)  # lost when its worker died
    assert sorted(finished) == ["d", "other"]


def test_windows_of_an_earlier_run_are_not_leased_again(ledger: Ledger, clock: Clock) -> None:
    ledger.put_many((window_key(KEY, "d", window), "window", b"") for window in (0, 1, 3, 4))
    queue = queue_of(ledger, clock, segment("d", 0, 3), segment("d", 3, 5))
    lease = take(queue, A)
    assert (lease.segment.start, lease.first) == (0, 2)
    assert len(queue) == 0


def test_several_windows_are_stored_by_one_call(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 3), segment("e", 0, 2))
    d, e = take(queue, A), take(queue, B)
    verdicts = queue.commit([Commit(d.id, 0, "", 1), Commit(e.id, 0, "", 1), Commit(99, 0, "", 1)])
    assert verdicts == [Verdict.STORED, Verdict.STORED, Verdict.LOST]


def test_a_window_that_was_read_again_behind_an_older_state_is_not_stored_again(
    ledger: Ledger, clock: Clock
) -> None:
    ledger.put(window_key(KEY, "d", 0), "window", b"first")
    queue = queue_of(ledger, clock, segment("d", 0, 3))
    lease = take(queue, A)
    assert commit(queue, lease, 0) == Verdict.DUPLICATE
    assert commit(queue, lease, 1) == Verdict.STORED
    assert commit(queue, lease, 1) == Verdict.DUPLICATE
    twice = [Commit(lease.id, 2, "one", 100), Commit(lease.id, 2, "two", 100)]
    assert queue.commit(twice) == [Verdict.STORED, Verdict.DUPLICATE]
    assert ledger.get(window_key(KEY, "d", 0)) == b"first"
    assert ledger.get(window_key(KEY, "d", 2)) == b"one"
    assert queue.outcome().windows == 2


def test_a_dead_worker_s_segments_go_on_at_the_windows_that_are_missing(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 2))
    d, e = take(queue, A), take(queue, B)
    commit(queue, d, 0)
    queue.fail(A, "it was killed")
    assert commit(queue, d, 1) == Verdict.LOST, "however alive the worker may still be"
    assert commit(queue, e, 0) == Verdict.STORED, "others are not touched"
    again = take(queue, C)
    assert (again.segment, again.first, again.suspect) == (d.segment, 1, True)
    assert ledger.deaths(KEY) == {("d", 1): (1, "it was killed")}
    queue.complete(d.id)  # the worker that lost it has stopped reading: no second death
    queue.fail(A, "it was killed")
    read(queue, again)
    assert stored(ledger, "d", 4) == [0, 1, 2, 3]


def test_a_suspect_is_read_alone(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    take(queue, A, 0), take(queue, A, 1)
    queue.fail(A, "it was killed")
    innocent = take(queue, B, 0)
    assert (innocent.segment.document.document, innocent.suspect) == ("d", True)
    assert queue.lease(B, 1) is None, "nothing beside a suspect"
    other = take(queue, C, 0)
    assert other.suspect
    read(queue, innocent)
    assert take(queue, B, 1).segment.document.document == "f"
    queue.fail(C, "it was killed")
    assert queue.lease(B, 0) is None, "no suspect beside another segment"


def test_three_deaths_over_one_window_refuse_the_document_with_all_its_segments(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("bad", 0, 4), segment("bad", 4, 7), segment("good", 0, 1))
    beside = None
    for death in range(3):
        lease = take(queue, Worker("here", 10 + death))
        assert lease.segment.start == 0
        if death == 0:
            commit(queue, lease, 0)
            beside = take(queue, B)
        queue.fail(lease.worker, f"death {death}")
    assert beside is not None
    assert queue.refused == {"bad": "3 workers died over window 1, the last: death 2"}
    assert commit(queue, beside, 4) == Verdict.LOST
    read(queue, take(queue, C))
    assert not queue.open()
    assert queue.outcome().refused == queue.refused


def test_deaths_are_counted_by_window_and_over_runs(ledger: Ledger, clock: Clock) -> None:
    for window, deaths in ((0, 2), (1, 1)):
        for _ in range(deaths):
            ledger.add_death("d", KEY, window, "earlier")
    queue = queue_of(ledger, clock, segment("d", 0, 3), segment("e", 0, 3))
    lease = take(queue, A)
    assert (lease.segment.document.document, lease.suspect) == ("d", True), "by deaths of an earlier run"
    commit(queue, lease, 0)
    queue.fail(A, "it was killed")
    assert queue.refused == {}, "deaths over another window do not count"
    while (lease := take(queue, B)).segment.document.document != "d":
        read(queue, lease)
    queue.fail(B, "it was killed")
    assert list(queue.refused) == ["d"]


def test_a_document_that_earlier_runs_refused_is_not_leased_once_more(ledger: Ledger, clock: Clock) -> None:
    for _ in range(3):
        ledger.add_death("bad", KEY, 2, "it was killed")
    ledger.put_many((window_key(KEY, "bad", window), "window", b"") for window in (0, 1))
    queue = queue_of(ledger, clock, segment("bad", 0, 4), segment("bad", 4, 8), segment("good", 0, 1))
    assert queue.refused == {"bad": "3 workers died over window 2, the last: it was killed"}
    assert take(queue, A).segment.document.document == "good"
    assert queue.lease(B, 0) is None


def test_deaths_under_another_cache_key_say_nothing(ledger: Ledger, clock: Clock) -> None:
    for _ in range(3):
        ledger.add_death("d", "another model", 0, "it was killed")
    assert not take(queue_of(ledger, clock, segment("d", 0, 1)), A).suspect


def test_a_segment_that_ends_early_is_a_death_over_its_first_missing_window(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 3))
    lease = take(queue, A)
    commit(queue, lease, 0)
    queue.complete(lease.id)
    assert ledger.deaths(KEY) == {("d", 1): (1, "its Parquet files end before window 1")}
    assert take(queue, A).first == 1


def test_a_window_beyond_the_expected_one_is_not_stored_over_the_gap(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4))
    lease = take(queue, A)
    commit(queue, lease, 0)
    assert [commit(queue, lease, window) for window in (2, 3)] == [Verdict.LOST, Verdict.LOST]
    assert stored(ledger, "d", 4) == [0]
    assert ledger.deaths(KEY) == {("d", 1): (1, "its Parquet files lack window 1")}
    assert take(queue, A).first == 1


def test_an_idle_worker_takes_over_a_straggler_s_segment_once_for_any_window(
    ledger: Ledger, clock: Clock
) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3))
    slow, quick = take(queue, A), take(queue, B)
    for window in range(3):
        clock.now += 2.0
        commit(queue, quick, window)
    queue.complete(quick.id)
    clock.now = 9.9
    assert queue.lease(B, 0) is None, "below straggler_s"
    clock.now = 10.1
    taken = take(queue, B)
    assert (taken.segment, taken.first, taken.suspect) == (slow.segment, 0, False)
    assert commit(queue, slow, 0) == Verdict.LOST
    assert ledger.deaths(KEY) == {}, "a straggler is no death"
    clock.now = 1000.0
    assert queue.lease(C, 0) is None, "a window that is slow everywhere moves once"
    commit(queue, taken, 0)
    clock.now = 2000.0
    assert take(queue, C).first == 1


def test_a_worker_that_is_as_slow_as_all_others_is_no_straggler(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3))
    take(queue, A)
    quick = take(queue, B)
    for window in range(3):
        clock.now += 5.0
        commit(queue, quick, window)
    queue.complete(quick.id)
    clock.now = 19.9
    assert queue.lease(B, 0) is None, "beyond straggler_s, but below four times the median"
    clock.now = 20.1
    assert take(queue, B).segment.document.document == "d"


def test_a_straggler_keeps_its_segment_while_there_is_other_work(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    slow, quick = take(queue, A), take(queue, B)
    commit(queue, quick, 0)
    clock.now = 100.0
    assert take(queue, C).segment.document.document == "f"
    assert queue.lease(B, 1) is None, "who reads something already is not idle"
    assert commit(queue, slow, 0) == Verdict.STORED


def test_silent_nodes_lose_their_leases_and_may_come_back_with_new_ones(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    far, near = [Worker("far", 1), Worker("far", 2)], Worker("near", 1)
    leases = [take(queue, worker) for worker in (*far, near)]
    clock.now = 1000.0
    assert queue.expire() == [], "a node that has not begun to give signs may still be starting"
    for node in ("far", "near"):
        queue.heartbeat(node)
    clock.now += 29.0
    queue.heartbeat("near")
    assert queue.expire() == []
    clock.now += 2.0
    assert queue.expire() == ["far"]
    assert queue.expire() == []
    assert [commit(queue, lease, 0) for lease in leases] == [Verdict.LOST, Verdict.LOST, Verdict.STORED]
    assert set(ledger.deaths(KEY).values()) == {(1, "its node gave no sign for 30 s")}
    assert take(queue, far[0]).suspect


def test_a_node_that_went_away_loses_the_leases_of_all_its_workers(ledger: Ledger, clock: Clock) -> None:
    queue = queue_of(ledger, clock, segment("d", 0, 4), segment("e", 0, 3), segment("f", 0, 2))
    for worker in (Worker("far", 1), Worker("far", 2), A):
        take(queue, worker)
    queue.fail_node("far", "its node went away")
    assert {document for document, _ in ledger.deaths(KEY)} == {"d", "e"}
    assert len(queue) == 2


class Reader:
    """A worker that reads its leases window by window, however late it hears that one is lost."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.reading: dict[int, tuple[Lease, int]] = {}

    def act(self, queue: LeaseQueue, choice: int, back: int) -> None:
        slot = choice % 2
        if slot not in self.reading:
            if (lease := queue.lease(self.worker, slot)) is not None:
                self.reading[slot] = lease, max(lease.segment.start, lease.first - back)
            return
        lease, window = self.reading[slot]
        if window == lease.segment.stop or commit(queue, lease, window) == Verdict.LOST:
            queue.complete(lease.id)
            del self.reading[slot]
        else:
            self.reading[slot] = lease, window + 1


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["act"] * 8 + ["fail", "node", "wait"]),
        st.integers(0, 3),
        st.integers(0, 1),
        st.integers(0, 2),
    ),
    max_size=60,
)


@given(lengths=st.lists(st.integers(1, 5), min_size=1, max_size=5), steps=STEPS)
def test_any_interleaving_stores_every_window_once_and_ends(
    lengths: list[int], steps: list[tuple[str, int, int, int]]
) -> None:
    home = Path(tempfile.mkdtemp())
    try:
        with Ledger(home / "ledger.sqlite") as ledger:
            count_writes(home)
            _interleave(ledger, lengths, steps)
        assert written_twice(home) == []
    finally:
        shutil.rmtree(home)


def _interleave(ledger: Ledger, lengths: list[int], steps: list[tuple[str, int, int, int]]) -> None:
    clock = Clock()
    documents = {f"d{number}": length for number, length in enumerate(lengths)}
    cuts = [
        segment(document, start, stop)
        for document, length in documents.items()
        for start, stop in ((0, length // 2), (length // 2, length))
        if start < stop
    ]
    queue = queue_of(ledger, clock, *cuts)
    workers = [Reader(Worker(f"node-{number % 2}", number)) for number in range(4)]
    for kind, number, slot, back in steps:
        clock.now += 1.0
        if kind == "act":
            workers[number].act(queue, slot, back)
            queue.heartbeat(workers[number].worker.node)
        elif kind == "fail":
            queue.fail(workers[number].worker, "it was killed")
            workers[number] = Reader(Worker(workers[number].worker.node, workers[number].worker.number + 4))
        elif kind == "node":
            queue.fail_node(f"node-{slot}", "its node went away")
        else:
            clock.now += 40.0
            queue.expire()
    survivor, rounds = Reader(Worker("last", 99)), 0
    while queue.open():
        clock.now += 1000.0
        queue.expire()
        survivor.act(queue, rounds, 0)
        rounds += 1
        assert rounds < 1000, "it ends"
    kept = windows(ledger.path.parent)
    for document, length in documents.items():
        there = stored(ledger, document, length)
        assert there == list(range(length)) or document in queue.refused
    assert queue.outcome().windows == len(kept)
