"""A citation opened: the cited characters, and what stands around them in the stored text.

The idea: a citation names a document by its hash and characters of its text, so it opens without the source,
and only where this memory holds the document.
"""

from dataclasses import dataclass
from typing import Any

from tasks.errors import InvalidInput
from tasks.ingest.parse.store import place_of, read_text
from tasks.memory.reader import Memory
from tasks.memory.sources import part_name

MOST_CHARS = 20_000
"""That are opened at a time."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Characters [start, end) of a document, and those around them."""

    document: str
    start: int
    end: int
    before: str
    text: str
    after: str
    place: str
    """Such as "page 3"."""
    sources: tuple[str, ...]
    """Every source that holds the document."""
    chars: int
    """Of the whole document."""


def open_at(memory: Memory, document: str, start: int, end: int, around: int = 600) -> Opening:
    """What a citation cites, with `around` characters before and after it.

    Raises:
        InvalidInput: if this memory holds no such document, it has no such characters, they are too many, or
            its stored text is gone.
    """
    rows = [row for row in memory.sources_of(document) if row["outcome"] == "ok"]
    if not rows:
        raise InvalidInput(f"document {document[:80]!r}: this memory holds none of this id")
    chars = int(rows[0]["chars"])
    if not 0 <= start < end <= chars:
        raise InvalidInput(f"characters {start} to {end}: the document has 0 to {chars}")
    if end - start + 2 * around > MOST_CHARS:
        raise InvalidInput(f"{end - start + 2 * around:,} characters: open at most {MOST_CHARS:,} at a time")
    text, place, first = _stored(memory, rows[0], start, end, around)
    at, stop = start - first, end - first
    names = tuple(dict.fromkeys(part_name(row) for row in rows))
    return Opening(document, start, end, text[:at], text[at:stop], text[stop:], place, names, chars)


def _stored(memory: Memory, row: dict[str, Any], start: int, end: int, around: int) -> tuple[str, str, int]:
    """The text from before to after the characters, the place where they begin, and where it begins."""
    first = max(0, start - around)
    try:
        text = read_text(memory.home, row["parsed"], row["part"], first, end + around)
        return text, place_of(memory.home, row["parsed"], row["part"], start), first
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the stored text of {part_name(row)} is gone: read its corpus again") from error
