"""Rows of sources by the document that they hold: the first one of each, or all of them.

The idea: neither a dict of the rows nor one of their numbers, but the numbers in order, and `Names` that
find one.
"""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np
import pyarrow.compute as pc

from tasks.ingest.names import Names
from tasks.ingest.source_rows import SLICE, Numbers, SourceRows, gathered
from tasks.runs.ledger import Row


class ByDocument(Mapping[str, Row]):
    """Some documents, each with one row, in a fixed order.

    Args:
        numbers: of the rows, one for each document.
    """

    def __init__(self, rows: SourceRows, numbers: Sequence[int] | Numbers) -> None:
        self._rows, self._numbers = rows, np.asarray(numbers, np.int64)

    @cached_property
    def _names(self) -> Names:
        return Names(self)

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[str]:
        return (row["document"] for row in self.rows(["document"]))

    def __contains__(self, document: object) -> bool:
        return document in self._names

    def __getitem__(self, document: str) -> Row:
        return self._rows[int(self._numbers[self._found(document)])]

    def _found(self, document: str) -> int:
        at = self.place(document)
        if at < 0:
            raise KeyError(document)
        return at

    def place(self, document: str) -> int:
        """Which of them a document is; -1 for none."""
        return self._names.find(document)

    def chars(self, document: str) -> int:
        """Characters of its text."""
        return int(self._rows.table["chars"][int(self._numbers[self._found(document)])].as_py())

    def rows(self, columns: Sequence[str] = ()) -> Iterator[Row]:
        """Their rows, or some columns of them, in their order."""
        rows = SourceRows(self._rows.table.select(columns)) if columns else self._rows
        for at in range(0, len(self), SLICE):
            yield from rows.take(self._numbers[at : at + SLICE])

    def of(self, documents: Iterable[str]) -> SourceRows:
        """The rows of these of them, in their order."""
        return self._rows.take(self._numbers[[self._found(document) for document in documents]])

    def only(self, wanted: Callable[[str], bool]) -> "ByDocument":
        """Some of them."""
        kept = np.fromiter(map(wanted, self), bool, len(self))
        return ByDocument(self._rows, self._numbers[kept])


def first_of(rows: Iterable[Row], documents: Container[str] | None = None) -> ByDocument:
    """The first row of each document, or of each of these."""
    found = gathered(rows)
    good = found.ok()
    all_ = ByDocument(found, good)
    first = ByDocument(found, good[Names(all_).firsts()])
    return first if documents is None else first.only(documents.__contains__)


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
