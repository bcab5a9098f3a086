"""Rows of schema.SOURCES by the million: columns in memory, of which a few at a time become dicts.

The idea: a dict of a row is four times as large as the row in Arrow, and a step looks at one row after the
other. So rows are kept as a table, read in order a slice at a time, and looked up by number.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import overload

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema
from tasks.ledger import Row

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

    def take(self, numbers: Sequence[int]) -> "SourceRows":
        """The rows of these numbers, in their order."""
        return SourceRows(self.table.take(pa.array(numbers, pa.int64())))

    def by_uri(self) -> Iterator[Row]:
        """The rows by uri and part; such as an earlier version noted have all columns."""
        table = schema.with_added(self.table)
        order = pc.sort_indices(table, sort_keys=[("uri", "ascending"), ("part", "ascending")])
        for at in range(0, len(order), SLICE):
            yield from table.take(order[at : at + SLICE]).to_pylist()

    def ok(self) -> Iterator[tuple[int, str]]:
        """Number and document of every row that holds one, in order."""
        number = 0
        for batch in self.table.select(["outcome", "document"]).to_batches(max_chunksize=SLICE):
            for outcome, document in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                if outcome == "ok":
                    yield number, document
                number += 1


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


def first_of(rows: Iterable[Row], documents: Collection[str]) -> dict[str, Row]:
    """The first row of each of these documents."""
    found: dict[str, Row] = {}
    for row in rows:
        if row["document"] in documents:
            found.setdefault(row["document"], row)
    return found


class ByDocument(Mapping[str, Row]):
    """Some documents, each with one row, in a fixed order.

    Args:
        numbers: of the rows, by document.
    """

    def __init__(self, rows: SourceRows, numbers: Mapping[str, int]) -> None:
        self._rows, self._numbers = rows, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __contains__(self, document: object) -> bool:
        return document in self._numbers

    def __getitem__(self, document: str) -> Row:
        return self._rows[self._numbers[document]]

    def rows(self) -> SourceRows:
        """Their rows, in their order."""
        return self._rows.take(list(self._numbers.values()))


class Holders:
    """Every row of a table that holds a document, found by it."""

    def __init__(self, rows: SourceRows) -> None:
        good = SourceRows(rows.table.filter(pc.equal(rows.table["outcome"], "ok")))
        self._rows, self._order = good, pc.sort_indices(good.table["document"])
        self._documents = good.table["document"].take(self._order).combine_chunks()

    def get(self, document: str) -> list[Row]:
        """Its rows, in the order of the table; none of a document that no source holds."""
        at = self._first(document)
        found: list[Row] = []
        while at < len(self._documents) and self._documents[at].as_py() == document:
            found.append(self._rows[self._order[at].as_py()])
            at += 1
        return found

    def _first(self, document: str) -> int:
        low, high = 0, len(self._documents)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self._documents[middle].as_py() < document else (low, middle)
        return low
