"""Sources that were found, by the million: columns in memory, of which a few at a time become objects."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import overload

import pyarrow as pa

from tasks.ingest.source_rows import SLICE
from tasks.ingest.storage import Found

_SCHEMA = pa.schema([("uri", pa.string()), ("version", pa.string()), ("size", pa.int64())])


class Listing(Sequence[Found]):
    """Sources in the order they were found."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @overload
    def __getitem__(self, at: int) -> Found: ...
    @overload
    def __getitem__(self, at: slice) -> "Listing": ...
    def __getitem__(self, at: int | slice) -> "Found | Listing":
        if isinstance(at, slice):
            return self.take(range(len(self))[at])
        return next(iter(self.take([range(len(self))[at]])))

    def __iter__(self) -> Iterator[Found]:
        for batch in self._table.to_batches(max_chunksize=SLICE):
            yield from (Found(**row) for row in batch.to_pylist())

    def take(self, numbers: Sequence[int]) -> "Listing":
        """The sources of these numbers, in their order."""
        return Listing(self._table.take(pa.array(numbers, pa.int64())))


def listed(found: Iterable[Found]) -> Listing:
    """All of these."""
    rest, tables = iter(found), []
    while some := list(islice(rest, SLICE)):
        columns = {name: [getattr(one, name) for one in some] for name in _SCHEMA.names}
        tables.append(pa.table(columns, schema=_SCHEMA))
    return Listing(pa.concat_tables(tables) if tables else _SCHEMA.empty_table())
