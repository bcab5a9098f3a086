"""Records kept in memory by what answers many questions: some columns of a table that does not change.

The idea: to read a known row from the table costs more than all arithmetic on it. Of 100,000 records, the
columns that ranking and hits need take 70 MiB; where they take too much, rows are read as ever.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

MOST_BYTES = 256 << 20
"""That the columns of one memory may take."""


class Resident:
    """Columns of all records, by row id."""

    def __init__(self, columns: pa.Table) -> None:
        rows = columns["_rowid"].to_numpy()
        order = np.argsort(rows, kind="stable")
        self._columns = columns.take(order).combine_chunks() if np.any(np.diff(rows) < 0) else columns
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
