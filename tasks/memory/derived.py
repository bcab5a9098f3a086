"""Columns that are derived from a record's words: these cut and stemmed for full-text search, and its labels.

The idea: they are made when a record is staged, so what was published before there were such rules, or by
others, has none. A note on a column tells; where it is missing an upkeep makes them, and until then a
search goes by the words as they are written, and no label is shown.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from tasks import schema
from tasks.memory.keys import labelled
from tasks.memory.reader import quoted
from tasks.runs.ledger import Row
from tasks.text import labels, searched
from tasks.text.words import likely_language

_KEY = "nightread.words"
_RULES = f"{searched.RULES}, labels {labels.RULES}"
_NOTED_ON = schema.CUT["text"]
BATCH = 1000


def cut(row: Row) -> Row:
    """A record with the columns of words that are cut from others."""
    language = likely_language(row["context"])  # a few words more than the text has
    return row | {to: searched.searched(row[of], language) for of, to in schema.CUT.items()}


def _made(row: Row) -> Row:
    return cut(row) | {"labels": labelled(row["text"], row["title"], row["position"])}


def is_derived(table: Any) -> bool:
    """Whether these columns of this version of a table are made by the rules of today."""
    held = table.schema.names
    noted = (table.schema.field(_NOTED_ON).metadata or {}) if _NOTED_ON in held else {}
    return bool(noted.get(_KEY.encode()) == _RULES.encode())


def note_derived(table: Any) -> None:
    """Note in the newest version that these columns are made by the rules of today."""
    table.update_field_metadata({"path": _NOTED_ON, "metadata": {_KEY: _RULES}})


def derive(table: Any) -> int:
    """Cut the words of all records, and label them, unless they are; how many of them changed.

    The caller holds the one right to write the table.
    """
    if is_derived(table):
        return 0
    changed = list(_changed(table))
    for at in range(0, len(changed), BATCH):
        ids = quoted(changed[at : at + BATCH])
        rows = table.search().where(f"id IN ({ids})").select(schema.RECORDS.names).to_list()
        table.delete(f"id IN ({ids})")
        table.add(pa.Table.from_pylist([_made(row) for row in rows], schema.RECORDS))
    note_derived(table)
    return len(changed)


def _changed(table: Any) -> Iterator[str]:
    """Ids of the records whose words the rules of today cut or label otherwise."""
    columns = ["id", "text", "context", "title", "position", "labels", *schema.CUT.values()]
    for batch in table.search().select(columns).to_batches():
        for row in batch.to_pylist():
            if _made(row) != row:
                yield row["id"]
