"""Records kept in memory by what answers many questions: some columns of a table that does not change.

The idea: to read a known row from the table costs more than all arithmetic on it. Of 100,000 records, the
columns that ranking and hits need take 70 MiB; where they take too much, rows are read as ever.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks.ingest.names import Names

MOST_BYTES = 256 << 20
"""That the columns of one memory may take."""


class Holding:
    """Rows by the values that their lists hold.

    Args:
        rows: ids, ascending.
        lists: of strings, one a row.
    """

    def __init__(self, rows: npt.NDArray[np.uint64], lists: pa.Array) -> None:
        values = lists.flatten().dictionary_encode()
        codes = values.indices.to_numpy()
        order = np.argsort(codes, kind="stable")
        self._rows = rows[pc.list_parent_indices(lists).to_numpy()[order]]
        self._ends = np.searchsorted(codes[order], np.arange(len(values.dictionary)), side="right")
        self._names = Names(values.dictionary.to_pylist())

    def of(self, values: Iterable[str]) -> set[int]:
        """The rows that hold any of these."""
        places = [at for one in values if (at := self._names.find(one)) >= 0]
        starts = (self._ends[at - 1] if at else 0 for at in places)
        found = (self._rows[start : self._ends[at]] for start, at in zip(starts, places, strict=True))
        return {row for some in found for row in some.tolist()}


class Resident:
    """Columns of all records, by row id.

    Args:
        columns: `_rowid` among them, in any order.
    """

    def __init__(self, columns: pa.Table) -> None:
        self._holding: dict[str, Holding] = {}
        self.nbytes = columns.nbytes
        rows = columns["_rowid"].to_numpy()
        order = np.argsort(rows, kind="stable")
        is_mixed = bool(np.any(rows[1:] < rows[:-1]))  # Lance promises no order
        self._columns = columns.take(order).combine_chunks() if is_mixed else columns
        self._rows: npt.NDArray[np.uint64] = rows[order]

    def taken(self, rows: Collection[int], columns: Sequence[str]) -> pa.Table | None:
        """Some columns of those of these rows that exist, and their ids, in order; None if a column is not
        kept."""
        if not set(columns) <= set(self._columns.column_names):
            return None
        wanted = np.array(sorted(rows), dtype=self._rows.dtype)
        at = np.searchsorted(self._rows, wanted)
        there = at < len(self._rows)
        there[there] = self._rows[at[there]] == wanted[there]
        found: pa.Table = self._columns.select([*columns, "_rowid"]).take(at[there])
        return found

    def holding(self, column: str, values: Iterable[str]) -> set[int] | None:
        """The rows whose list in a column holds any of these values; None if the column is not kept."""
        if column not in self._columns.column_names:
            return None
        if column not in self._holding:
            self._holding[column] = Holding(self._rows, self._columns[column].combine_chunks())
        return self._holding[column].of(values)


def resident(table: Any, columns: Sequence[str], most_bytes: int = MOST_BYTES) -> Resident | None:
    """These columns of a table; None if they take more memory than they may."""
    batches, taken = [], 0
    query = table.search().select(list(columns)).with_row_id(True)
    for batch in query.to_batches():
        batches.append(batch)
        taken += batch.nbytes
        if taken > most_bytes:
            return None
    return Resident(pa.Table.from_batches(batches).combine_chunks()) if batches else None
