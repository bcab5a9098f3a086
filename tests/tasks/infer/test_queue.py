"""The lease queue on a clock that stands still: who reads what, and what is stored. No process.

Run: pytest tests/tasks/infer/test_queue.py
"""

import shutil
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from tasks.infer.budget import Spending
from tasks.infer.cache_key import window_key
from tasks.infer.messages import Commit, Lease, Verdict, Worker
from tasks.infer.queue import LeaseQueue
from tasks.runs.ledger import Ledger
from tasks.settings import BudgetConfig
from tests.tasks.infer.leases import KEY, A, B, C, Clock, commit, queue_of, read, segment, stored, take
from tests.tasks.reading import count_writes, windows, written_twice


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


def test_a_reached_limit_ends_the_reading_after_a_window_and_keeps_it(ledger: Ledger, clock: Clock) -> None:
    segments = [segment("long", 0, 5), segment("done", 0, 2), segment("later", 0, 1)]

    def over(tokens: int, _seconds: float, _nodes: int) -> str:
        return "budget.tokens=300" if tokens >= 300 else ""

    queue = LeaseQueue(segments, KEY, ledger, clock=clock, over=over)
    long, done = take(queue, A), take(queue, B)
    read(queue, done)
    assert queue.open()
    assert commit(queue, long, 0) == Verdict.STORED
    assert not queue.open()
    assert queue.lease(C, 0) is None
    assert commit(queue, long, 1) == Verdict.LOST
    outcome = queue.outcome()
    assert (outcome.postponed, outcome.over) == (frozenset({"long", "later"}), "budget.tokens=300")
    assert (stored(ledger, "long", 5), stored(ledger, "done", 2)) == ([0], [0, 1])


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


def test_hours_of_gpus_are_those_of_all_machines_since_the_reading_began() -> None:
    spending = Spending(BudgetConfig(gpu_hours=4), seconds=900, gpus=8)
    assert spending.over(tokens=1, seconds=899, nodes=2) == ""
    assert spending.over(tokens=1, seconds=900, nodes=2) == "budget.gpu_hours=4"
    assert Spending(BudgetConfig(seconds=1000), seconds=900).over(1, 100, 1) == "budget.seconds=1000"
