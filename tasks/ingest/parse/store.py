"""Parsed text on disk, read a few segments at a time: exact characters, and the place they stand at."""

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

Piece = tuple[int, str, str, int]
"""char_start, text, place, number."""


@lru_cache(maxsize=64)
def _open(path: str, _modified: int) -> Any:
    return pq.ParquetFile(path)


def _file(home: Path, parsed: str) -> Any:
    path = home / parsed
    return _open(str(path), path.stat().st_mtime_ns)


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


def read_segments(home: Path, parsed: str, part: int, start: int = 0, end: int = 1 << 62) -> Iterator[Piece]:
    """Segments of one document that overlap characters [start, end), in order."""
    file = _file(home, parsed)
    for group in _groups(file, part, start, end):
        table = file.read_row_group(group)
        wanted = (pc.field("part") == part) & (pc.field("char_start") < end)
        for row in table.filter(wanted).to_pylist():
            if row["char_start"] + len(row["text"]) > start:
                yield row["char_start"], row["text"], row["place"], row["number"]


def read_text(home: Path, parsed: str, part: int, start: int, end: int) -> str:
    """Exactly the characters [start, end) of a document."""
    found = [
        text[max(0, start - at) : end - at] for at, text, *_ in read_segments(home, parsed, part, start, end)
    ]
    return "".join(found)


def place_of(home: Path, parsed: str, part: int, char: int) -> str:
    """Where a character stands in its source: "page 3", "line 120", "row 7"."""
    for at, text, place, number in read_segments(home, parsed, part, char, char + 1):
        if place in ("line", "paragraph"):
            number += text.count("\n", 0, char - at)
        return f"{place} {number}"
    raise ValueError(f"character {char} lies beyond the text of {parsed}, part {part}")
