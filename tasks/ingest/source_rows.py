"""Rows of schema.SOURCES by the million: columns in memory, of which a few at a time become dicts.

The idea: a dict of a row is four times as large as the row in Arrow, and a step looks at one row after the
other. So rows are kept as a table, read in order a slice at a time, and looked up by number.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema
from tasks.runs.ledger import Row

Numbers = np.ndarray[tuple[int], np.dtype[np.int64]]
"""Places in a list."""
SLICE = 1024
"""Rows that are dicts at a time."""


class SourceRows(Sequence[Row]):
    """Rows of schema.SOURCES over a table; what is taken out of it is a copy."""

    def __init__(self, table: pa.Table) -> None:
        self.table = table

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @overload
    def __getitem__(self, at: int) -> Row: ...
    @overload
    def __getitem__(self, at: slice) -> "SourceRows": ...
    def __getitem__(self, at: int | slice) -> "Row | SourceRows":
        if isinstance(at, slice):
            return self.take(range(len(self))[at])
        found: list[Row] = self.table.slice(range(len(self))[at], 1).to_pylist()
        return found[0]

    def __iter__(self) -> Iterator[Row]:
        for batch in self.table.to_batches(max_chunksize=SLICE):
            yield from batch.to_pylist()

    def take(self, numbers: Sequence[int] | Numbers) -> "SourceRows":
        """The rows of these numbers, in their order."""
        return SourceRows(self.table.take(pa.array(numbers, pa.int64())))

    def without(self, *outcomes: str) -> "SourceRows":
        """The rows of other outcomes than these; the table itself where there are no others."""
        left_out = pc.is_in(self.table["outcome"], pa.array(outcomes, pa.string()))
        # filtering copies a table, and there is often nothing to leave out
        return SourceRows(self.table.filter(pc.invert(left_out))) if pc.any(left_out).as_py() else self

    def by_uri(self) -> Iterator[Row]:
        """The rows by uri and part; such as an earlier version noted have all columns."""
        table = schema.with_added(self.table)
        order = pc.sort_indices(table, sort_keys=[("uri", "ascending"), ("part", "ascending")])
        for at in range(0, len(order), SLICE):
            yield from table.take(order[at : at + SLICE]).to_pylist()

    def ok(self) -> Numbers:
        """Numbers of the rows that hold a document, in order."""
        good: Numbers = np.flatnonzero(pc.equal(self.table["outcome"], "ok").to_numpy())
        return good


class Gathered:
    """Rows as they come, put away a slice at a time."""

    def __init__(self) -> None:
        self._tables: list[pa.Table] = []
        self._waiting: list[Row] = []

    def add(self, rows: Iterable[Row]) -> None:
        """More rows, also such as an earlier version noted."""
        self._waiting += rows
        if len(self._waiting) >= SLICE:
            self._put_away()

    def _put_away(self) -> None:
        self._tables.append(schema.sources(self._waiting))
        self._waiting = []

    def table(self) -> pa.Table:
        """All of them so far (schema.SOURCES), in the order they came."""
        if self._waiting or not self._tables:
            self._put_away()
        return pa.concat_tables(self._tables)


def gathered(rows: Iterable[Row]) -> SourceRows:
    """Rows as a table, unless they are one."""
    if isinstance(rows, SourceRows):
        return rows
    found = Gathered()
    for row in rows:
        found.add([row])
    return SourceRows(found.table())
