"""Shards that a process reads at a time: what several of them need next is done at once.

The idea: whatever reads a shard stops where it needs something: a chunk read, the network asked, a window
kept. Needs of one kind are met together: chunks and questions as rows of a batch, windows at the price of one
flush. Windows and questions go first, so that all rows come to their next chunks together however they began.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from model.reader import Chunk
from tasks.infer.queue import Desk, Job, row_of
from tasks.infer.windows import Ask, Done, Models, Need, Reading, read_shard

_N = TypeVar("_N", bound=Need)
Keep = Callable[[Mapping[int, Done]], Sequence[bool]]
"""Called with windows by their rows; says of each whether it was kept, on the disk by then."""


class Rows:
    """The shards that are being read by this process, each with the number of its row.

    Args:
        key: the cache key.
    """

    def __init__(self, home: Path, models: Models, key: str, keep: Keep) -> None:
        self.home, self.models, self.key, self.keep = home, models, key, keep
        self.needs: dict[int, tuple[Reading, Need]] = {}
        """What each row reads, and what it needs next."""
        self.over: list[int] = []
        """Rows that have come to their end."""

    def begin(self, row: int, job: Job) -> None:
        """Give a free row something to read."""
        where = (self.home, job.document, job.shard, job.source)
        self._resume(row, read_shard(*where, self.models, self.key, job.first), None)

    def step(self) -> list[int]:
        """Meet what some rows need next; returns those that have come to their end meanwhile."""
        reader = self.models.reader
        if done := self._needing(Done):
            self._go_on(done, self.keep(done))
        elif asked := self._needing(Ask):
            self._go_on(asked, reader.salience([ask.cache for ask in asked.values()]))
        elif chunks := self._needing(Chunk):
            self._go_on(chunks, reader.read_together(list(chunks.values())))
        over, self.over = self.over, []
        return over

    def _needing(self, kind: type[_N]) -> dict[int, _N]:
        return {row: need for row, (_, need) in self.needs.items() if isinstance(need, kind)}

    def _go_on(self, rows: Iterable[int], answers: Sequence[Any]) -> None:
        for row, answer in zip(rows, answers, strict=True):
            self._resume(row, self.needs.pop(row)[0], answer)

    def _resume(self, row: int, reading: Reading, answer: Any) -> None:
        """Let a row run until it needs something, or is over."""
        try:
            self.needs[row] = reading, reading.send(answer)
        except StopIteration:
            self.over.append(row)


def read_here(desk: Desk, home: Path, models: Models) -> None:
    """Read what the desk has in this process."""

    def keep(windows: Mapping[int, Done]) -> list[bool]:
        return desk.keep(
            [(name(row), done.window, done.payload, done.tokens) for row, done in windows.items()]
        )

    def name(row: int) -> str:
        return row_of("here", row)

    rows, free = Rows(home, models, desk.key, keep), list(range(models.batch_size))
    while desk.open():
        while free and (job := desk.take(name(free[0]))) is not None:
            rows.begin(free.pop(0), job)
        for row in rows.step():
            desk.done(name(row))
            free.append(row)
