"""Documents whose windows are on disk, by the million: columns in memory, of which a few at a time become
objects."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import pyarrow as pa

from tasks.ingest.names import Names
from tasks.ingest.source_rows import SLICE, Numbers


@dataclass(frozen=True, slots=True)
class ShardedDocument:
    """A document whose windows are on disk."""

    document: str
    windows: int
    tokens: int
    directory: Path


class Sharded(Sequence[ShardedDocument]):
    """Such documents in a fixed order, whose directories lie in one folder and have their names."""

    def __init__(self, folder: Path, documents: pa.ChunkedArray, windows: Numbers, tokens: Numbers) -> None:
        self.folder, self._documents = folder, documents
        self._windows, self._tokens = windows, tokens

    @cached_property
    def _names(self) -> Names:
        return Names(one.document for one in self)

    def __len__(self) -> int:
        return len(self._documents)

    @overload
    def __getitem__(self, at: int) -> ShardedDocument: ...
    @overload
    def __getitem__(self, at: slice) -> "Sharded": ...
    def __getitem__(self, at: int | slice) -> "ShardedDocument | Sharded":
        if isinstance(at, slice):
            return self.take(range(len(self))[at])
        return next(iter(self.take([range(len(self))[at]])))

    def __iter__(self) -> Iterator[ShardedDocument]:
        for at in range(0, len(self), SLICE):
            some = slice(at, at + SLICE)
            columns = (self._documents[some].to_pylist(), self._windows[some], self._tokens[some])
            for document, windows, tokens in zip(*columns, strict=True):
                yield ShardedDocument(document, int(windows), int(tokens), self.folder / document)

    def take(self, numbers: Sequence[int] | Numbers) -> "Sharded":
        """Those of these numbers, in their order."""
        at = np.asarray(numbers, np.int64)
        return Sharded(self.folder, self._documents.take(at), self._windows[at], self._tokens[at])

    def get(self, document: str) -> ShardedDocument | None:
        """One of them by its name."""
        at = self.place(document)
        return self[at] if at >= 0 else None

    def place(self, document: str) -> int:
        """Which of them a document is; -1 for none."""
        return self._names.find(document)

    def without(self, documents: Container[str]) -> "Sharded":
        """Those that are not of these."""
        kept = np.fromiter((one.document not in documents for one in self), bool, len(self))
        return self.take(np.flatnonzero(kept))

    @property
    def windows(self) -> int:
        """Of all of them."""
        return int(self._windows.sum())


class Sharding:
    """Documents as they are told of, whose windows are counted in any order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._documents: list[pa.Array] = []
        self._windows, self._tokens = np.zeros(0, np.int64), np.zeros(0, np.int64)
        self._count = 0

    def begin(self, documents: Sequence[str]) -> int:
        """More of them; the number of the first."""
        first, self._count = self._count, self._count + len(documents)
        self._documents.append(pa.array(documents, pa.string()))
        if self._count > len(self._windows):
            more = np.zeros(max(SLICE, self._count), np.int64)
            self._windows = np.concatenate([self._windows, more])
            self._tokens = np.concatenate([self._tokens, more])
        return first

    def counted(self, first: int, some: Sequence[ShardedDocument]) -> None:
        """What is on disk of those from this number on."""
        for number, one in enumerate(some, first):
            self._windows[number], self._tokens[number] = one.windows, one.tokens

    def all(self) -> Sharded:
        """All of them, in the order in which they were told of."""
        documents = pa.chunked_array(self._documents, pa.string()).combine_chunks()
        names = documents if isinstance(documents, pa.ChunkedArray) else pa.chunked_array([documents])
        count = self._count
        return Sharded(self.folder, names, self._windows[:count], self._tokens[:count])


def sharded(documents: Iterable[ShardedDocument]) -> Sharded:
    """Documents whose directories lie in one folder."""
    some = list(documents)
    made = Sharding(some[0].directory.parent if some else Path())
    made.counted(made.begin([one.document for one in some]), some)
    return made.all()
