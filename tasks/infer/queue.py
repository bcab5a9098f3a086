"""The lease queue: who reads which segment, what is stored of it, and which documents are refused.

The idea: workers lease segments, the longest first, and commit every window. The queue alone writes to the
ledger, and takes a commit only from the present holder of the lease: a worker that was given up, however
alive it may still be, can no longer write anything, so nothing is written twice. When a worker dies, all
segments it was reading are suspects and are read one by one, so that none is blamed for another.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from statistics import median
from typing import Protocol

from tasks.infer.cache_key import window_key
from tasks.infer.messages import Commit, Lease, Verdict, Worker
from tasks.infer.segments import Segment, first_missing
from tasks.runs.ledger import Ledger

MAX_DEATHS = 3
"""So many workers may die over one window of a document before the document is refused."""
STRAGGLER_S, STRAGGLER_RATIO = 60.0, 5.0
"""A lease lags if it has committed no window for so long, and for so many times the median of all."""
HEARTBEAT_TIMEOUT_S = 300.0

Progress = Callable[[int], None]
"""Called with the number of tokens just read."""


@dataclass(frozen=True)
class Outcome:
    """What was read, and what could not be."""

    windows: int
    tokens: int
    seconds: float
    refused: dict[str, str] = field(default_factory=dict)
    """Documents that killed their workers, each with the reason."""
    postponed: frozenset[str] = frozenset()
    """Documents of which windows are left for the next run."""
    over: str = ""
    """The limit that was reached, where some are."""


class Leases(Protocol):
    """The queue as nodes see it, on this machine or from another."""

    def open(self) -> bool:
        """Whether there is anything left to read, now or later."""

    def lease(self, worker: Worker, slot: int) -> Lease | None:
        """A segment for a free slot of a worker; None where there is nothing for it now."""

    def commit(self, commits: Sequence[Commit]) -> list[Verdict]:
        """Store windows, all at the price of one disk flush; they are on the disk when this returns."""

    def complete(self, lease: int) -> None:
        """The segment is read, or was dropped."""

    def fail(self, worker: Worker, reason: str) -> None:
        """The worker has died: requeue what it was reading."""


@dataclass(frozen=True)
class _Pending:
    segment: Segment
    first: int
    suspect: bool = False

    @property
    def length(self) -> int:
        """Windows to read."""
        return self.segment.stop - self.first


@dataclass
class _Active:
    lease: Lease
    window: int
    """The window that is expected next."""
    since: float
    """When the one before was committed, or the lease began."""


class LeaseQueue:
    """The one place that knows who reads what; called from one thread.

    Args:
        segments: what may have to be read; windows that the ledger holds are not read again.
        key: the cache key.
        progress: called for every window that is stored.
        heartbeat_timeout_s: silence after which `expire` gives a node up.
        straggler_s: see `STRAGGLER_S`.
        straggler_ratio: see `STRAGGLER_RATIO`.
        clock: seconds that only grow.
        finished: called with every document whose windows are all stored now.
        over: of the tokens and seconds spent so far, by how many nodes, the limit that they have reached;
            "" below it.
    """

    def __init__(
        self,
        segments: Iterable[Segment],
        key: str,
        ledger: Ledger,
        progress: Progress = lambda _: None,
        heartbeat_timeout_s: float = HEARTBEAT_TIMEOUT_S,
        straggler_s: float = STRAGGLER_S,
        straggler_ratio: float = STRAGGLER_RATIO,
        clock: Callable[[], float] = time.monotonic,
        finished: Callable[[str], None] = lambda _: None,
        over: Callable[[int, float, int], str] = lambda _tokens, _seconds, _nodes: "",
    ) -> None:
        self.key, self.ledger, self.clock = key, ledger, clock
        self.progress, self.finished, self.over = progress, finished, over
        self.postponed: frozenset[str] = frozenset()
        self.reached = ""
        """The limit that ended the reading."""
        self.heartbeat_timeout_s = heartbeat_timeout_s
        self.straggler_s, self.straggler_ratio = straggler_s, straggler_ratio
        self.started, self.windows, self.tokens = clock(), 0, 0
        self.refused: dict[str, str] = {}
        self._ids, self._active = count(1), dict[int, _Active]()
        self._heartbeats: dict[str, float] = {}
        self._window_seconds: list[float] = []
        self._released: set[str] = set()
        """Windows over which a straggler has lost its lease."""
        missing = ((segment, first_missing(segment, key, ledger)) for segment in segments)
        self._pending = [_Pending(segment, first) for segment, first in missing if first is not None]
        self._unfinished = Counter(it.segment.document.document for it in self._pending)
        """Segments that are not read yet, by document."""
        self._apply_deaths(ledger.deaths(key))
        self._sort()

    def _apply_deaths(self, deaths: dict[tuple[str, int], tuple[int, str]]) -> None:
        """Refuse documents over which too many workers of earlier runs died; others of them are suspects."""
        for number, pending in enumerate(list(self._pending)):
            died, reason = deaths.get((pending.segment.document.document, pending.first), (0, ""))
            if died:
                self._pending[number] = replace(pending, suspect=True)
            if died >= MAX_DEATHS:
                self.refused[pending.segment.document.document] = _refusal(died, pending.first, reason)
        self._pending = [it for it in self._pending if it.segment.document.document not in self.refused]

    def _sort(self) -> None:
        """Longest first: what is begun last should be short, or all would wait for it."""
        self._pending.sort(key=lambda pending: -pending.length)

    def __len__(self) -> int:
        """Segments that nobody reads yet."""
        return len(self._pending)

    def open(self) -> bool:
        return bool(self._pending or self._active)

    def leases_of(self, worker: Worker) -> list[Lease]:
        """What a worker holds."""
        return [active.lease for active in self._active.values() if active.lease.worker == worker]

    def lease(self, worker: Worker, slot: int) -> Lease | None:
        beside = self.leases_of(worker)
        assert slot not in {lease.slot for lease in beside}, "a slot reads one segment at a time"
        if any(lease.suspect for lease in beside):
            return None
        pending = next((it for it in self._pending if not (beside and it.suspect)), None)
        if pending is not None:
            self._pending.remove(pending)
        elif not beside and not self._pending:
            pending = self._release_straggler()
        if pending is None:
            return None
        lease = Lease(next(self._ids), pending.segment, worker, slot, pending.first, pending.suspect)
        self._active[lease.id] = _Active(lease, lease.first, self.clock())
        return lease

    def _release_straggler(self) -> _Pending | None:
        """A segment whose worker lags far behind, taken from it: once for any window.

        Only for a worker that has nothing else to do, as backup tasks in MapReduce (Dean and Ghemawat 2004,
        section 3.6); which of both is first does not matter here, since the old lease is lost.
        """
        if not self._window_seconds:
            return None
        limit_s = max(self.straggler_s, self.straggler_ratio * median(self._window_seconds))
        for active in self._active.values():
            name = window_key(self.key, active.lease.segment.document.document, active.window)
            if self.clock() - active.since > limit_s and name not in self._released:
                self._released.add(name)
                del self._active[active.lease.id]
                return _Pending(active.lease.segment, active.window, active.lease.suspect)
        return None

    def commit(self, commits: Sequence[Commit]) -> list[Verdict]:
        expected = {lease: active.window for lease, active in self._active.items()}
        verdicts, new = [], []
        gaps: dict[int, int] = {}
        for commit in commits:
            if commit.lease not in expected:
                verdicts.append(Verdict.LOST)
            elif commit.window < expected[commit.lease]:
                verdicts.append(Verdict.DUPLICATE)
            elif commit.window > expected[commit.lease]:
                gaps[commit.lease] = expected.pop(commit.lease)
                verdicts.append(Verdict.LOST)
            else:
                verdicts.append(Verdict.STORED)
                new.append(commit)
                expected[commit.lease] = commit.window + 1
        self.ledger.put_many((self._name(commit), "window", commit.payload.encode()) for commit in new)
        for commit in new:
            active = self._active[commit.lease]
            self._window_seconds.append(self.clock() - active.since)
            active.window, active.since = commit.window + 1, self.clock()
            self.windows, self.tokens = self.windows + 1, self.tokens + commit.tokens
            self.progress(commit.tokens)
        for lease, window in gaps.items():
            self._requeue(self._active[lease], f"its Parquet files lack window {window}")
        if new and (reached := self._over()):
            self._stop(reached)
        return verdicts

    def _over(self) -> str:
        return self.over(self.tokens, self.clock() - self.started, max(1, len(self._heartbeats)))

    def _stop(self, reached: str) -> None:
        """Read no further window: what is not read yet is postponed, and its workers lose their leases."""
        unread = [it for it in self._active.values() if it.window < it.lease.segment.stop]
        segments = [*(it.segment for it in self._pending), *(it.lease.segment for it in unread)]
        self.postponed |= {segment.document.document for segment in segments}
        self._pending = []
        for active in unread:
            del self._active[active.lease.id]
        self.reached = self.reached or reached

    def _name(self, commit: Commit) -> str:
        return window_key(self.key, self._active[commit.lease].lease.segment.document.document, commit.window)

    def complete(self, lease: int) -> None:
        active = self._active.get(lease)
        if active is None:
            return
        if active.window < active.lease.segment.stop:
            self._requeue(active, f"its Parquet files end before window {active.window}")
            return
        del self._active[lease]
        document = active.lease.segment.document.document
        self._unfinished[document] -= 1
        if not self._unfinished[document]:
            self.finished(document)

    def fail(self, worker: Worker, reason: str) -> None:
        for lease in self.leases_of(worker):
            self._requeue(self._active[lease.id], reason)

    def fail_node(self, node: str, reason: str) -> None:
        """All workers of a node have died, or can be reached no more."""
        self._heartbeats.pop(node, None)
        for worker in {active.lease.worker for active in self._active.values()}:
            if worker.node == node:
                self.fail(worker, reason)

    def heartbeat(self, node: str) -> None:
        """A node has given a sign of life; from the first one on it is expected to go on doing so."""
        self._heartbeats[node] = self.clock()

    def expire(self) -> list[str]:
        """Requeue the leases of nodes that have been silent for too long; their names."""
        now = self.clock()
        silent = [node for node, at in self._heartbeats.items() if now - at > self.heartbeat_timeout_s]
        for node in silent:
            self.fail_node(node, f"its node gave no sign for {self.heartbeat_timeout_s:g} s")
        return silent

    def _requeue(self, active: _Active, reason: str) -> None:
        """Count a death over the window that was being read; refuse its document after too many."""
        if self._active.pop(active.lease.id, None) is None:
            return  # lost with another segment of its document
        segment, document = active.lease.segment, active.lease.segment.document.document
        died = self.ledger.add_death(document, self.key, active.window, reason)
        if died < MAX_DEATHS:
            self._pending.append(_Pending(segment, active.window, suspect=True))
            self._sort()
            return
        self.refused[document] = _refusal(died, active.window, reason)
        self._pending = [it for it in self._pending if it.segment.document.document != document]
        for lease in [it.lease for it in self._active.values()]:
            if lease.segment.document.document == document:
                del self._active[lease.id]

    def outcome(self) -> Outcome:
        return Outcome(
            self.windows, self.tokens, self.clock() - self.started, self.refused, self.postponed, self.reached
        )


def _refusal(died: int, window: int, reason: str) -> str:
    return f"{died} workers died over window {window}, the last: {reason}"
