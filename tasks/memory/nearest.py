"""The nearest vectors to one, found in memory: those of a column of a table that does not change.

The idea: turned so that what tells vectors apart comes first, a quarter of their numbers nominates some,
whose cosines are then exact. To scan a quarter of the bytes takes less time than to open an index on disk.
"""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema

MOST_BYTES = 256 << 20
"""That the vectors of one memory may take: those of 128,000 records."""
HEAD = 64
"""Numbers of a vector that nominate."""
NOMINATED = 20
"""Vectors whose cosine is computed for each that is wanted: of 100,000 they hold 99.8 % of the hundred
nearest and all of the ten nearest (100 questions), as the index on disk does."""
BLOCK = 8_192
"""Vectors that are turned at a time."""

Numbers = npt.NDArray[np.float32]
RowIds = npt.NDArray[np.uint64]
Levels = npt.NDArray[np.int32]
"""Places in `schema.LEVELS`."""


class Nearest:
    """Vectors (n, 256), each in a row; one without length is near to none.

    Args:
        rows: their ids, in any order.
        levels: of the records in these rows.
        vectors: of any length; turned in place.
    """

    def __init__(self, rows: RowIds, levels: Levels, vectors: Numbers) -> None:
        lengths = np.linalg.norm(vectors, axis=1)
        vectors /= np.maximum(lengths, np.finfo(np.float32).tiny)[:, None]
        self._rows, self._levels, self._is_none = rows, levels, np.flatnonzero(lengths == 0.0)
        self._turn: Numbers = np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1].copy()  # strongest first
        for start in range(0, len(vectors), BLOCK):
            vectors[start : start + BLOCK] = vectors[start : start + BLOCK] @ self._turn
        self._head, self._tail = vectors[:, :HEAD].copy(), vectors[:, HEAD:].copy()

    @property
    def nbytes(self) -> int:
        return self._head.nbytes + self._tail.nbytes

    def of(
        self, vector: Numbers, limit: int, levels: Collection[str] | None = None
    ) -> tuple[RowIds, npt.NDArray[np.float64]]:
        """Row ids and cosines of the nearest to a vector, (256,), best first; of these levels alone."""
        asked = vector / np.linalg.norm(vector) @ self._turn
        rough = self._head @ asked[:HEAD]
        rough[self._is_none] = -np.inf
        if levels is not None:
            rough[~np.isin(self._levels, [schema.LEVELS.index(one) for one in levels])] = -np.inf
        few = _largest(rough, NOMINATED * limit)
        cosines = (rough[few] + self._tail[few] @ asked[HEAD:]).astype(np.float64)
        best = np.argsort(-cosines, kind="stable")[:limit]
        best = best[cosines[best] > -np.inf]
        return self._rows[few[best]], cosines[best]


def _largest(values: Numbers, most: int) -> npt.NDArray[np.int64]:
    """Places of the largest values, in order."""
    if len(values) <= most:
        return np.arange(len(values))
    return np.sort(np.argpartition(values, -most)[-most:])


def nearest(table: Any, columns: Sequence[str], most_bytes: int = MOST_BYTES) -> dict[str, Nearest]:
    """Those of these columns of vectors; none if they take more memory than they may."""
    count = int(table.count_rows())
    if count == 0 or count * len(columns) * schema.VECTOR_DIMS * 4 > most_bytes:
        return {}
    return {column: Nearest(*_read(table, column, count)) for column in columns}


def _read(table: Any, column: str, count: int) -> tuple[RowIds, Levels, Numbers]:
    """A column, and the row ids and levels of its vectors."""
    rows, levels, at = np.empty(count, np.uint64), np.empty(count, np.int32), 0
    vectors = np.empty((count, schema.VECTOR_DIMS), np.float32)
    names = pa.array(schema.LEVELS)
    for batch in table.search().select([column, "level"]).with_row_id(True).to_batches():
        end = at + batch.num_rows
        rows[at:end] = batch["_rowid"].to_numpy()
        levels[at:end] = pc.index_in(batch["level"], value_set=names).to_numpy()
        vectors[at:end] = batch[column].flatten().to_numpy().reshape(-1, schema.VECTOR_DIMS)
        at = end
    return rows, levels, vectors
