"""What tests of the lease queue share: a clock that stands still, segments, workers that lease and commit."""

from pathlib import Path

from tasks.infer.cache_key import window_key
from tasks.infer.messages import Commit, Lease, Verdict, Worker
from tasks.infer.queue import LeaseQueue
from tasks.infer.segments import Segment, Source
from tasks.ingest.sharded import ShardedDocument
from tasks.runs.ledger import Ledger

KEY = "key"
A, B, C = (Worker("here", number) for number in (1, 2, 3))


class Clock:
    """Seconds that pass only when a test says so."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def segment(document: str, start: int, stop: int) -> Segment:
    return Segment(ShardedDocument(document, stop, 100 * stop, Path("/nowhere")), Source("", 0), start, stop)


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
