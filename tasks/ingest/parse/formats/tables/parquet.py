"""Parquet: the column that `parse.parquet_field` names holds a document in every row."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, TextSpan, cut
from tasks.settings import ParseConfig

_ROWS = 256
"""Rows that are held at a time."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Rows streamed batch by batch; part and row are numbered alike, other columns are not read."""
    try:
        with pq.ParquetFile(path) as file:
            _check(file.schema_arrow, config.parquet_field)
            number = 0
            for batch in file.iter_batches(batch_size=_ROWS, columns=[config.parquet_field]):
                for value in batch.column(0).cast(pa.large_string()):
                    number += 1
                    yield from _document(value.as_py() or "", number)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno:  # of the disk: what pyarrow finds wrong has no number
            raise
        kind = "encrypted" if "encrypt" in str(error).lower() else "corrupt"
        raise BadDocument(
            kind, f"not a readable Parquet file: {' '.join(str(error).split())[:300]}"
        ) from error


def _check(schema: pa.Schema, name: str) -> None:
    """Refuse a file without such a column of text."""
    has = ", ".join(f"{field.name} ({field.type})" for field in schema)[:300]
    if schema.get_field_index(name) < 0:
        raise BadDocument(
            "unsupported", f"no column {name!r}; name one with parse.parquet_field; it has: {has}"
        )
    kind = schema.field(name).type
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise BadDocument(
            "unsupported",
            f"column {name!r} holds {kind}, no text; name one with parse.parquet_field; it has: {has}",
        )


def _document(text: str, number: int) -> Iterator[TextSpan]:
    label, part = f"row={number}", number - 1
    if text.strip():
        yield from cut(text.replace("\r\n", "\n").replace("\r", "\n"), "row", number, part, label)
    else:
        yield TextSpan("", "row", number, part, label, "empty_text: the row's text is empty")
