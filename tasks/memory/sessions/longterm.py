"""Long-term memory of a session: a Lance table of the spans that have left its mid-term memory.

The idea: it has the columns that recall searches in the records of documents, so the same searches find what
was said long ago. Spans come in batches, and a batch that was written twice is there once: whoever moves them
deletes their ids first.
"""

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from model.hardware import return_freed
from tasks import schema
from tasks.memory.derived import cut
from tasks.memory.reader import Memory, quoted
from tasks.memory.sessions.round import Round
from tasks.memory.sessions.store import Span

TABLE = "rounds"
KEPT = timedelta(minutes=10)
"""Versions of the table as long as this one was used may still be read by a process."""
UNINDEXED_ROWS, UNINDEXED_SHARE = 512, 16
"""New rows, at most, and as a share 1/16 of the table, that wait to be indexed: that writes the whole table
anew, and to search rows without an index takes 40 ms a thousand."""
DOCUMENT = "session"
"""What a span's document is called: a copy under another key is the same text."""


def open_long_term(folder: Path) -> Memory | None:
    """The long-term memory of the session in this folder, as recall searches it; None where all is newer, and
    while its first spans are written."""
    if not (folder / f"{TABLE}.lance").exists():
        return None
    table = _connect(folder).open_table(TABLE)
    from tasks.memory.publish import WORD_INDICES

    if not _indexed(table) >= set(WORD_INDICES) & set(table.schema.names):
        return None
    return Memory(folder, folder.name, int(table.version), "", table)


def move(folder: Path, spans: Sequence[Span], rounds: dict[int, Round]) -> None:
    """Write spans of these rounds to long-term memory; calling again for some of them is harmless.

    One process may do so at a time.
    """
    from tasks.memory.publish import INDEX_ROWS, VECTOR_KEYS, VECTORS, WORD_INDICES

    rows = pa.Table.from_pylist([_row(one, rounds[one.round]) for one in spans], schema.ROUNDS)
    there, db = (folder / f"{TABLE}.lance").exists(), _connect(folder)
    table = db.open_table(TABLE) if there else db.create_table(TABLE, schema=schema.ROUNDS)
    if missing := {one: schema.ADDED[one] for one in schema.CUT.values() if one not in table.schema.names}:
        table.add_columns(missing)  # of an earlier version
    if table.count_rows(again := f"id IN ({quoted(str(one.id) for one in spans)})"):
        table.delete(again)
    table.add(rows)
    held, count = _indexed(table), table.count_rows()
    for column in set(WORD_INDICES) - held:
        table.create_index(column, config=WORD_INDICES[column])
    for column in set(VECTOR_KEYS) - held if count > INDEX_ROWS else ():
        table.create_index(column, config=VECTORS)
    if _unindexed(table) >= min(UNINDEXED_ROWS, count // UNINDEXED_SHARE):
        table.optimize(cleanup_older_than=KEPT)
    return_freed()


def _unindexed(table: Any) -> int:
    """Rows that are searched without an index."""
    return max(int(index.num_unindexed_rows or 0) for index in table.list_indices())


def _indexed(table: Any) -> set[str]:
    """Columns that have an index."""
    return {index.columns[0] for index in table.list_indices()}


def _connect(folder: Path) -> Any:
    import lancedb  # here: most commands on sessions do not need it

    return lancedb.connect(str(folder.resolve()))


def _row(span: Span, said: Round) -> dict[str, Any]:
    row = {
        "id": str(span.id),
        "level": "passage",
        "document": DOCUMENT,
        "position": span.id,
        "round": span.round,
        "char_start": span.start,
        "char_end": span.end,
        "dates": [said.day],
        "text": span.key,
        "context": span.context,
        "vector": span.vector,
        "context_vector": span.context_vector,
    }
    return cut(row)
