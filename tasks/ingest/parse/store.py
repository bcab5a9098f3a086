"""Parsed text on disk, read a few spans at a time: exact characters, and the place they stand at."""

from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.files import replacing
from tasks.ingest.home.remote import needed
from tasks.ingest.parse.base import BY_LINE


class StoredSpan(NamedTuple):
    """A span of a document's text, as schema.TEXT holds it."""

    char_start: int
    text: str
    place: str
    number: int


@lru_cache(maxsize=64)
def _metadata(path: str, _modified: int) -> Any:
    return pq.read_metadata(path)


def _open(home: Path, parsed: str) -> Any:
    """A file, closed by its reader: one kept open would hold what an erasure or an upkeep has removed."""
    path = needed(home, parsed)
    return pq.ParquetFile(path, metadata=_metadata(str(path), path.stat().st_mtime_ns))


def _groups(file: Any, part: int, start: int, end: int) -> Iterator[int]:
    """Row groups that may hold characters [start, end) of a part, by their statistics."""
    metadata = file.metadata
    for group in range(metadata.num_row_groups):
        parts, chars = (metadata.row_group(group).column(index).statistics for index in (0, 1))
        if parts.min <= part <= parts.max:
            alone = parts.min == parts.max
            if alone and chars.min >= end:
                return
            following = group + 1
            if alone and following < metadata.num_row_groups:
                later = metadata.row_group(following)
                same = later.column(0).statistics.min == part
                if same and later.column(1).statistics.min <= start:
                    continue
            yield group


def read_spans(
    home: Path, parsed: str, part: int, start: int = 0, end: int = 1 << 62
) -> Iterator[StoredSpan]:
    """Spans of one document that overlap characters [start, end), in order."""
    with _open(home, parsed) as file:
        for group in _groups(file, part, start, end):
            table = file.read_row_group(group, use_threads=False)
            wanted = pc.and_(pc.equal(table["part"], part), pc.less(table["char_start"], end))
            for row in table.filter(wanted).to_pylist():
                if row["char_start"] + len(row["text"]) > start:
                    yield StoredSpan(row["char_start"], row["text"], row["place"], row["number"])


def read_text(home: Path, parsed: str, part: int, start: int, end: int) -> str:
    """Exactly the characters [start, end) of a document."""
    found = read_spans(home, parsed, part, start, end)
    return "".join(span.text[max(0, start - span.char_start) : end - span.char_start] for span in found)


def without_parts(path: Path, parts: Collection[int]) -> None:
    """Take the text of some parts out of a TEXT file."""
    wanted = ~pc.field("part").isin(list(parts))
    with (
        pq.ParquetFile(path) as file,
        replacing(path) as fresh,
        pq.ParquetWriter(fresh, file.schema_arrow, compression="zstd") as writer,
    ):
        for group in range(file.num_row_groups):
            kept = file.read_row_group(group).filter(wanted)
            if kept.num_rows:  # an empty group has no statistics
                writer.write_table(kept)


def place_of(home: Path, parsed: str, part: int, char: int) -> str:
    """Where a character stands in its source: "page 3", "line 120", "row 7"."""
    for span in read_spans(home, parsed, part, char, char + 1):
        lines = span.text.count("\n", 0, char - span.char_start) if span.place in BY_LINE else 0
        return f"{span.place} {span.number + lines}"
    raise ValueError(f"character {char} lies beyond the text of {parsed}, part {part}")
