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

from tasks import schema
from tasks.memory.reader import Memory, quoted
from tasks.memory.sessions.round import Round
from tasks.memory.sessions.store import Span

TABLE = "rounds"
KEPT = timedelta(minutes=10)
"""Versions of the table as long as this one was used may still be read by a process."""
DOCUMENT = "session"
"""What a span's document is called: a copy under another key is the same text."""


def open_long_term(folder: Path) -> Memory | None:
    """The long-term memory of the session in this folder, as recall searches it; None where all is newer."""
    if not (folder / f"{TABLE}.lance").exists():
        return None
    table = _connect(folder).open_table(TABLE)
    return Memory(folder, folder.name, int(table.version), "", table)


def move(folder: Path, spans: Sequence[Span], rounds: dict[int, Round]) -> None:
    """Write spans of these rounds to long-term memory; calling again for some of them is harmless.

    One process may do so at a time.
    """
    from tasks.memory.publish import INDEX_ROWS, VECTOR_KEYS, VECTORS, WORD_KEYS, WORDS

    rows = pa.Table.from_pylist([_row(one, rounds[one.round]) for one in spans], schema.ROUNDS)
    memory = open_long_term(folder)
    if memory is None:
        table = _connect(folder).create_table(TABLE, rows)
        for column in WORD_KEYS:
            table.create_index(column, config=WORDS)
    else:
        table = memory.table
        table.delete(f"id IN ({quoted(str(one.id) for one in spans)})")
        table.add(rows)
    held = {index.columns[0] for index in table.list_indices()}
    for column in VECTOR_KEYS if table.count_rows() > INDEX_ROWS else ():
        if column not in held:
            table.create_index(column, config=VECTORS)
    table.optimize(cleanup_older_than=KEPT)


def _connect(folder: Path) -> Any:
    import lancedb  # here: most commands on sessions do not need it

    return lancedb.connect(str(folder.resolve()))


def _row(span: Span, said: Round) -> dict[str, Any]:
    return {
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
