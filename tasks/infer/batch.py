"""Continuous batching: the segments that one process reads together, each in a slot of its own.

The idea: reading a segment stops wherever it needs something: a chunk read, the salience of its cache, a
window committed. Needs of one kind are served together: chunks and questions as rows of a batch, commits at
the price of one disk flush. A slot that comes to its end takes the next segment while the others go on.
Commits and questions go first, so that all slots come to their next chunks together however they began.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from model.reader import Chunk
from tasks.infer.messages import Commit, Lease, Verdict, Worker
from tasks.infer.models import Models
from tasks.infer.queue import LeaseQueue
from tasks.infer.windows import Ask, Need, Reading, WindowRead, read_segment

_N = TypeVar("_N", bound=Need)
Commits = Callable[[Sequence[Commit]], Sequence[Verdict]]
"""Called with windows that were read; they are on the disk when it returns."""


class Batch:
    """The leases that this process reads together.

    Args:
        key: the cache key.
        commit: what stores windows.
    """

    def __init__(self, home: Path, models: Models, key: str, commit: Commits) -> None:
        self.home, self.models, self.key, self.commit = home, models, key, commit
        self._needs: dict[int, tuple[Reading, Need]] = {}
        """By lease: what reads its segment, and what that needs next."""
        self._ended: list[int] = []

    def __len__(self) -> int:
        """Leases that are being read."""
        return len(self._needs)

    def add(self, lease: Lease) -> None:
        """Begin to read another segment."""
        self._resume(
            lease.id, read_segment(self.home, lease.segment, self.models, self.key, lease.first), None
        )

    def step(self) -> list[int]:
        """Serve one kind of need of all slots that have it; leases that have come to their end meanwhile."""
        reader = self.models.reader
        if windows := self._needing(WindowRead):
            commits = [Commit(lease, it.window, it.payload, it.tokens) for lease, it in windows.items()]
            self._go_on(windows, [verdict != Verdict.LOST for verdict in self.commit(commits)])
        elif asks := self._needing(Ask):
            self._go_on(asks, reader.salience([ask.cache for ask in asks.values()]))
        elif chunks := self._needing(Chunk):
            self._go_on(chunks, reader.read_together(list(chunks.values()), hidden=False))
        ended, self._ended = self._ended, []
        return ended

    def _needing(self, kind: type[_N]) -> dict[int, _N]:
        return {lease: need for lease, (_, need) in self._needs.items() if isinstance(need, kind)}

    def _go_on(self, leases: Iterable[int], answers: Sequence[Any]) -> None:
        for lease, answer in zip(leases, answers, strict=True):
            self._resume(lease, self._needs.pop(lease)[0], answer)

    def _resume(self, lease: int, reading: Reading, answer: Any) -> None:
        """Let a segment's reading run until it needs something, or ends."""
        try:
            self._needs[lease] = reading, reading.send(answer)
        except StopIteration:
            self._ended.append(lease)


def read_in_process(queue: LeaseQueue, home: Path, models: Models) -> None:
    """Read everything that the queue has in this process."""
    worker, batch, slots = Worker("here", 0), Batch(home, models, queue.key, queue.commit), dict[int, int]()
    while queue.open():
        for slot in set(range(models.batch_size)) - set(slots.values()):
            if (lease := queue.lease(worker, slot)) is not None:
                slots[lease.id] = slot
                batch.add(lease)
        for ended in batch.step():
            queue.complete(ended)
            del slots[ended]
