"""Arrow schemas: the contract between steps.

One constant per file format that travels from one step to another. Every writer goes through
`check`, so a table that drifts from its contract fails where it is made, not where it is read.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

VERSION = b"1"
VECTOR_DIMS = 256

OUTCOMES = (
    "ok",
    "empty_text",
    "encrypted",
    "scanned_no_ocr",
    "unsupported",
    "corrupt",
    "timeout",
    "out_of_memory",
    "too_large",
    "unreadable",
    "vanished",
    "killed_reader",
    "forgotten",
    "postponed",
)
"""What can become of a source. What is forgotten is left out, what is postponed is left for the next run;
anything else but ok goes to quarantine with its reason."""

LEVELS = ("passage", "window", "section", "document", "corpus")
"""Levels of a record, from the finest. A passage is verbatim text; the others carry a summary."""


def _schema(name: str, fields: list[tuple[str, pa.DataType]]) -> pa.Schema:
    columns = [pa.field(column, kind, nullable=False) for column, kind in fields]
    return pa.schema(columns, metadata={b"schema": name.encode(), b"version": VERSION})


TEXT = _schema(
    "text",
    [
        ("part", pa.int32()),  # which document of the source (0 but for containers such as JSONL)
        ("char_start", pa.int64()),  # offset of this span in its document
        ("text", pa.string()),
        ("place", pa.string()),  # "page", "line", "row", "slide", "message" ...
        ("number", pa.int64()),  # number of the place where the span begins, from 1
    ],
)
"""Parsed text of one source: spans of all its documents, in order."""

WINDOWS = _schema(
    "windows",
    [
        ("document", pa.string()),
        ("window", pa.int32()),
        ("token_start", pa.int64()),
        ("char_start", pa.int64()),
        ("char_end", pa.int64()),
        ("ids", pa.list_(pa.field("item", pa.int32(), nullable=False))),
        # first character of every token, relative to char_start
        ("starts", pa.list_(pa.field("item", pa.int32(), nullable=False))),
    ],
)
"""Shards: consecutive windows of one document."""

OMITTED = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),  # "image", "comment", "page without text"
        pa.field("count", pa.int32(), nullable=False),
        pa.field("where", pa.string(), nullable=False),  # "pages 2-5"; "" where it has no place
    ]
)
"""What a source holds and its text does not."""

SOURCES = _schema(
    "sources",
    [
        ("uri", pa.string()),
        ("version", pa.string()),  # etag, or size and modification time
        ("content", pa.string()),  # sha256 of the bytes; "" where they could not be read
        ("part", pa.int32()),
        ("label", pa.string()),  # "" for the file itself, "row=12" for a part of a container
        ("document", pa.string()),  # sha256 of the parsed text; "" unless ok
        ("chars", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("parsed", pa.string()),  # path of the TEXT file relative to home; "" unless ok
        ("omitted", pa.list_(pa.field("item", OMITTED, nullable=False))),
        ("encoding", pa.string()),  # "cp1252, guessed"; "" for UTF-8 and where the format itself tells
    ],
)
"""What a run knows of every source: which documents it holds, or why it holds none."""

ADDED_SOURCES: dict[str, object] = {"omitted": [], "encoding": ""}
"""Columns that sources noted by earlier versions lack, and what they hold there."""

QUOTE = pa.struct(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),  # characters into the document's parsed text
        pa.field("end", pa.int64(), nullable=False),
        pa.field("salience", pa.float32(), nullable=False),
    ]
)

PLACED = pa.struct(
    [
        pa.field("text", pa.string(), nullable=False),
        pa.field("document", pa.string(), nullable=False),
        pa.field("start", pa.int64(), nullable=False),
        pa.field("end", pa.int64(), nullable=False),
        pa.field("uri", pa.string(), nullable=False),  # the source that held it when the two were compared
        pa.field("place", pa.string(), nullable=False),  # "page 3", "line 120", "row 7"
        pa.field("title", pa.string(), nullable=False),  # of its document
        pa.field("date", pa.string(), nullable=False),  # of its document, ISO; "" where it gives none
    ]
)
"""Verbatim words where they stand, with what names their document."""

RELATIONS = ("changes", "supersedes", "superseded", "contradicts", "confirms", "repeats")
"""What a statement is to one that was remembered before: its new wording in the same source, an amendment of
it, what that amendment has replaced already, the opposite in another source, the same in another source, or
its copy in a nearly equal document."""

RELATION = pa.struct(
    [
        pa.field("kind", pa.string(), nullable=False),
        pa.field("quote", PLACED, nullable=False),  # of the record itself
        pa.field("other", PLACED, nullable=False),
    ]
)

_STRINGS = pa.list_(pa.field("item", pa.string(), nullable=False))

RECORDS = _schema(
    "records",
    [
        ("id", pa.string()),
        ("level", pa.string()),
        ("document", pa.string()),  # "" at corpus level
        ("corpus", pa.string()),  # "" below corpus level
        ("window_first", pa.int32()),
        ("window_last", pa.int32()),  # inclusive
        ("char_start", pa.int64()),
        ("char_end", pa.int64()),
        ("summary", pa.string()),  # "" for a passage
        ("generated", pa.bool_()),  # False: the summary is sentences of the text, below its title
        ("text", pa.string()),  # what full-text search sees: passage text, or the summary
        ("quotes", pa.list_(pa.field("item", QUOTE, nullable=False))),
        ("vector", pa.list_(pa.field("item", pa.float32(), nullable=False), VECTOR_DIMS)),
        ("grounding", pa.float32()),  # support of the summary by its quotes, 0 to 1
        ("dropped", pa.int32()),  # generated sentences refused for want of support
        ("model", pa.string()),  # that wrote the summary; "extract" where none did
        ("skip_key", pa.string()),
        ("run", pa.string()),
        ("created", pa.timestamp("us", tz="UTC")),
        ("children", _STRINGS),
        ("title", pa.string()),  # of the document, or of the corpus; "" where it has none
        ("section", pa.string()),  # path of headings, such as "Article 4 > 4.2 Rent"; "" outside any
        ("context", pa.string()),  # what is searched beside `text`: where it stands, what is before it, it
        ("context_vector", pa.list_(pa.field("item", pa.float32(), nullable=False), VECTOR_DIMS)),
        ("position", pa.int32()),  # number of a passage in its document, from 0; -1 at other levels
        ("dates", _STRINGS),  # of the document and in the text, ISO: "2024-03-05", "2024-03", "2024"
        ("entities", _STRINGS),  # names in the text
        ("text_hash", pa.int64()),  # of a passage's words: equal ones have equal hashes; 0 at other levels
        ("sketch", pa.list_(pa.field("item", pa.int64(), nullable=False))),  # of a document's sentences
        ("novelty", pa.float32()),  # share of its statements that memory did not hold; -1: not compared
        ("relations", pa.list_(pa.field("item", RELATION, nullable=False))),
        ("related", _STRINGS),  # documents that `relations` lead to
        ("words", pa.string()),  # of `text`, cut and stemmed for full-text search; "" in English
        ("context_words", pa.string()),  # of `context`, likewise
        ("labels", _STRINGS),  # what to know of its words before using them, see `tasks.text.labels`
    ],
)
"""Long-term memory: one row per record."""

CUT = {"text": "words", "context": "context_words"}
"""Columns of words (see `tasks.text.searched`), by the column that they are cut from; filled when staged."""

ROUNDS = _schema(
    "rounds",
    [
        ("id", pa.string()),
        ("level", pa.string()),  # "passage": a few sentences of one round
        ("document", pa.string()),  # the same for all: a session is one text
        ("position", pa.int32()),  # number of the span in its session, from 0
        ("round", pa.int64()),  # number of the round, from 1
        ("char_start", pa.int64()),  # characters into the text of the round
        ("char_end", pa.int64()),
        ("dates", _STRINGS),  # of the round
        ("text", pa.string()),  # its words, behind who says them and when
        ("context", pa.string()),  # the same behind what was said before
        ("vector", pa.list_(pa.field("item", pa.float32(), nullable=False), VECTOR_DIMS)),
        ("context_vector", pa.list_(pa.field("item", pa.float32(), nullable=False), VECTOR_DIMS)),
        ("words", pa.string()),
        ("context_words", pa.string()),
    ],
)
"""Long-term memory of a session: spans of older rounds, with the columns that recall searches."""

_PLACED_SQL = ", ".join(
    f'"{field.name}": {"Int64" if field.type == pa.int64() else "Utf8"}' for field in PLACED
)
_RELATIONS_SQL = f'List(Struct("kind": Utf8, "quote": Struct({_PLACED_SQL}), "other": Struct({_PLACED_SQL})))'
ADDED = {
    "title": "''",
    "section": "''",
    "context": "text",
    "context_vector": "vector",
    "position": "cast(-1 as int)",
    "dates": "arrow_cast(make_array(), 'List(Utf8)')",
    "entities": "arrow_cast(make_array(), 'List(Utf8)')",
    "text_hash": "cast(0 as bigint)",
    "sketch": "arrow_cast(make_array(), 'List(Int64)')",
    "novelty": "cast(-1 as float)",
    "relations": f"arrow_cast(make_array(), '{_RELATIONS_SQL}')",
    "related": "arrow_cast(make_array(), 'List(Utf8)')",
    "words": "''",
    "context_words": "''",
    "labels": "arrow_cast(make_array(), 'List(Utf8)')",
}
"""Columns that tables made by earlier versions lack, and SQL for what their records hold there."""


def sources(rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Rows of sources, also such as an earlier version noted, as a table (SOURCES)."""
    whole = [{**ADDED_SOURCES, **row} for row in rows]
    return check(pa.Table.from_pylist(whole, schema=SOURCES), SOURCES)


def with_added(table: pa.Table) -> pa.Table:
    """A table of sources with the columns that its version did not have yet."""
    for name, value in ADDED_SOURCES.items():
        if name not in table.schema.names:
            field = SOURCES.field(name)
            table = table.append_column(field, pa.array([value] * table.num_rows, field.type))
    return table


def check(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return `table` cast to `schema` with its metadata.

    Raises:
        ValueError: if a column is missing, unknown, of another type, or null where none may be.
    """
    if table.schema.names != schema.names:
        raise ValueError(f"columns {table.schema.names} are not those of {schema.names}")
    cast = table.cast(schema)
    for field in schema:
        if not field.nullable and cast.column(field.name).null_count:
            raise ValueError(f"column {field.name!r} holds nulls")
    return cast
