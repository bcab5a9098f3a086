"""The desk: who reads what, what is kept of it, and what becomes of a document that kills its readers.

The idea: readers come to the desk for shards of documents (a short document is one shard), the longest first,
and hand in every window. The desk alone writes to the ledger, and takes a window only from whoever holds its
shard now: a reader that was given up, however alive it may still be, can no longer write anything, so
nothing is written twice. A reader may read several at a time, each in a row of its own; when it dies all are
suspects, and are read one by one, so that none is blamed for another.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from tasks.infer.windows import Source, first_missing, shards_of, window_key
from tasks.ingest.shard import ShardedDocument
from tasks.ledger import Ledger
from tasks.settings import InferConfig

MOST_DEATHS = 3
"""So many readers may die over one window of a document before it is refused."""
STRAGGLER_S, STRAGGLER_TIMES = 60.0, 5.0
"""Taken for a straggler: no window for so long, and for so many times as long as others usually take."""

Progress = Callable[[int], None]
"""Called with the number of tokens just read."""

Handed = tuple[str, int, str, int]
"""A window as it is handed in: by which row, its number, what is to be journaled, its new tokens."""


def row_of(reader: str, row: int) -> str:
    """The desk's name for one of the shards that a reader reads at a time."""
    return f"{reader}.{row}"


def _reader_of(row: str) -> str:
    return row.rpartition(".")[0]


@dataclass(frozen=True)
class Job:
    """A shard of a document to read, from its first missing window on."""

    document: ShardedDocument
    source: Source
    shard: range
    first: int
    suspect: bool = False
    """Whether a reader died over its first window: the next one reads nothing beside it."""

    def as_dict(self) -> dict[str, Any]:
        own = {"first": self.first, "suspect": self.suspect}
        return {**asdict(self.document), **asdict(self.source), **own} | {
            "directory": str(self.document.directory),
            "shard": [self.shard.start, self.shard.stop],
        }

    @classmethod
    def from_dict(cls, row: dict[str, Any]) -> "Job":
        document = ShardedDocument(row["document"], row["windows"], row["tokens"], Path(row["directory"]))
        source, shard = Source(row["parsed"], row["part"]), range(*row["shard"])
        return cls(document, source, shard, row["first"], row["suspect"])

    @property
    def left(self) -> int:
        """Windows to read."""
        return self.shard.stop - self.first


@dataclass
class _Reading:
    job: Job
    window: int
    """The window being read."""
    since: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Outcome:
    """What was read, and what could not be."""

    windows: int
    tokens: int
    seconds: float
    refused: dict[str, str] = field(default_factory=dict)
    """Documents that killed their readers, each with the reason."""


class Counter(Protocol):
    """The desk as readers see it, from wherever they are."""

    def open(self) -> bool:
        """Whether there may be something to read, now or later."""

    def take(self, row: str) -> Job | None:
        """Something to read for a row (see `row_of`) of a reader; None where there is nothing for now."""

    def keep(self, handed: Sequence[Handed]) -> list[bool]:
        """Hand in windows, on the disk when this returns, all at the price of one flush.

        False for a row whose shard was given to somebody else meanwhile: it must drop it.
        """

    def done(self, row: str) -> None:
        """The shard is read, or was dropped."""

    def died(self, row: str, reason: str) -> None:
        """The reader is no more."""


class Desk:
    """The one place that knows who reads what; called from one thread.

    Args:
        documents: what may have to be read.
        config: how long documents are cut.
        key: the cache key.
        progress: told of the tokens of every window that is kept.
    """

    def __init__(
        self,
        documents: Sequence[tuple[ShardedDocument, Source]],
        config: InferConfig,
        key: str,
        ledger: Ledger,
        progress: Progress,
    ) -> None:
        self.key, self.ledger, self.progress = key, ledger, progress
        self.started, self.windows, self.tokens = time.monotonic(), 0, 0
        self.refused: dict[str, str] = {}
        self.reading: dict[str, _Reading] = {}
        self._paces: list[float] = []
        self._moved: set[str] = set()
        self.waiting = [
            Job(document, source, shard, first)
            for document, source in documents
            for shard in shards_of(document, config)
            if (first := first_missing(document.document, shard, key, ledger)) is not None
        ]
        self._refuse_known(ledger.deaths(key))
        self._sort()

    def _refuse_known(self, deaths: dict[tuple[str, int], tuple[int, str]]) -> None:
        """Documents that killed too many readers of earlier runs are not given to one more."""
        for job in list(self.waiting):
            count, reason = deaths.get((job.document.document, job.first), (0, ""))
            if count >= MOST_DEATHS:
                self._refuse(job.document.document, job.first, count, reason)
            elif count:
                self.waiting[self.waiting.index(job)] = replace(job, suspect=True)

    def _refuse(self, document: str, window: int, count: int, reason: str) -> None:
        """None of its shards is given out any more, and who reads one now is told so at its next window."""
        self.refused[document] = f"{count} readers died over window {window}, the last: {reason}"
        self.waiting = [job for job in self.waiting if job.document.document != document]
        readings = self.reading.items()
        self.reading = {row: it for row, it in readings if it.job.document.document != document}

    def _sort(self) -> None:
        """Longest first: what is begun last should be short, or all would wait for it."""
        self.waiting.sort(key=lambda job: -job.left)

    def open(self) -> bool:
        return bool(self.waiting or self.reading)

    def take(self, row: str) -> Job | None:
        assert row not in self.reading
        beside = [it.job for name, it in self.reading.items() if _reader_of(name) == _reader_of(row)]
        if any(job.suspect for job in beside):
            return None
        job = next((job for job in self.waiting if not (beside and job.suspect)), None)
        if job is not None:
            self.waiting.remove(job)
        elif not beside and not self.waiting:
            job = self._straggling()
        if job is not None:
            self.reading[row] = _Reading(job, job.first)
        return job

    def _straggling(self) -> Job | None:
        """A shard whose reader lags far behind the others, taken from it: once for any window.

        Only asked for by somebody who has nothing else to do, as backup tasks are in MapReduce (Dean and
        Ghemawat 2004, section 3.6); whose window comes first does not matter here, the old reader is out.
        """
        if not self._paces:
            return None
        patience = max(STRAGGLER_S, STRAGGLER_TIMES * median(self._paces))
        for row, reading in self.reading.items():
            name = window_key(self.key, reading.job.document.document, reading.window)
            if time.monotonic() - reading.since > patience and name not in self._moved:
                self._moved.add(name)
                del self.reading[row]
                return replace(reading.job, first=reading.window)
        return None

    def keep(self, handed: Sequence[Handed]) -> list[bool]:
        held = [self.reading.get(row) for row, *_ in handed]
        # a window before the one expected was read again behind an older state, and is kept already
        new = [
            (reading, window)
            for reading, window in zip(held, handed, strict=True)
            if reading is not None and window[1] >= reading.window
        ]
        self.ledger.put_many(
            (window_key(self.key, reading.job.document.document, window), "window", payload.encode())
            for reading, (_, window, payload, _) in new
        )
        for reading, (_, window, _, tokens) in new:
            self.windows, self.tokens = self.windows + 1, self.tokens + tokens
            self.progress(tokens)
            self._paces.append(time.monotonic() - reading.since)
            reading.window, reading.since = window + 1, time.monotonic()
        return [reading is not None for reading in held]

    def done(self, row: str) -> None:
        reading = self.reading.get(row)
        if reading is not None and reading.window < reading.job.shard.stop:
            self.died(row, f"its Parquet files end before window {reading.window}")
        self.reading.pop(row, None)

    def died(self, row: str, reason: str) -> None:
        reading = self.reading.pop(row, None)
        if reading is None:
            return
        job, window = reading.job, reading.window
        count = self.ledger.add_death(job.document.document, self.key, window, reason)
        if count >= MOST_DEATHS:
            self._refuse(job.document.document, window, count, reason)
        else:
            self.waiting.append(replace(job, first=window, suspect=True))
            self._sort()

    def outcome(self) -> Outcome:
        return Outcome(self.windows, self.tokens, time.monotonic() - self.started, self.refused)
