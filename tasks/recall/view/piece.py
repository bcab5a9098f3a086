"""A piece of a document around a place: its lines or pages, and which of their characters are cited.

The idea: a document may have a hundred million characters, and a page shows some thousands of them. The text
is stored in spans with their places, so a piece costs the same wherever it lies.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tasks.errors import InvalidInput
from tasks.ingest.parse.base import BY_LINE
from tasks.ingest.parse.store import StoredSpan, read_spans
from tasks.recall.view.opened import OpenDocument

BEFORE, AFTER = 5_000, 7_000
"""Characters shown before and after the place."""
EDGE = 400
"""Characters in which a piece looks for a line end to begin or end at."""
NUMBERED = (*BY_LINE, "row")
"""Places whose numbers stand beside the text; others, such as pages, have a heading."""

_LINE = re.compile(r"[^\n]*\n|[^\n]+")

Span = tuple[int, int]
"""Characters [start, end) of a document."""


@dataclass(frozen=True, slots=True)
class Words:
    """Characters that are cited, or are not."""

    text: str
    is_cited: bool


@dataclass(frozen=True, slots=True)
class Block:
    """The characters of one place: a line, a row, a page."""

    place: str
    number: int
    words: tuple[Words, ...]

    @property
    def is_numbered(self) -> bool:
        return self.place in NUMBERED


@dataclass(frozen=True, slots=True)
class Piece:
    """Characters [start, end) of a document of `chars`, block by block."""

    start: int
    end: int
    chars: int
    blocks: tuple[Block, ...]

    @property
    def before(self) -> int:
        """Where the piece before this one has its place."""
        return max(0, self.start - AFTER)

    @property
    def cited_blocks(self) -> tuple[Block, ...]:
        """Those that hold cited characters."""
        return tuple(one for one in self.blocks if any(words.is_cited for words in one.words))


def piece(document: OpenDocument, cited: Span | None, at: int = 0) -> Piece:
    """The text around cited characters, or from `at` on.

    Raises:
        InvalidInput: if the document has no such characters.
    """
    chars = document.chars
    start, end = cited or (at, at + 1)
    if not 0 <= start < end <= chars:
        raise InvalidInput(f"characters {start:,} to {end:,}: the document has 0 to {chars:,}")
    first = max(0, start - BEFORE) if cited else start
    last = min(chars, max(min(end, start + AFTER), first) + AFTER)
    spans = list(read_spans(document.home, document.parsed, document.part, first, last))
    if not spans:
        raise InvalidInput(f"character {first:,}: the stored text of {document.names[0]} ends before it")
    first, last = _at_lines(spans, (first, last), start, chars)
    shown = (start, end) if cited else (0, 0)
    return Piece(first, last, chars, tuple(_blocks(spans, (first, last), shown)))


def _at_lines(spans: Iterable[StoredSpan], cut: Span, keep: int, chars: int) -> Span:
    """The same piece, begun behind a line end and ended with one where there is one near."""
    first, last = cut
    text = "".join(_within(one, cut) for one in spans)
    if 0 < first < keep:
        first += text.find("\n", 0, min(EDGE, keep - first)) + 1
    if last < chars and (end := text.rfind("\n", len(text) - EDGE)) >= 0:
        last = max(cut[0] + end + 1, min(keep + 1, last))
    return first, last


def _blocks(spans: Iterable[StoredSpan], shown: Span, cited: Span) -> Iterator[Block]:
    """Blocks of the characters `shown`; spans of one place become one block."""
    held: tuple[str, int] | None = None
    words: list[Words] = []
    for place, number, start, text in _placed(spans, shown):
        if held != (place, number):
            if held and words:
                yield Block(*held, tuple(words))
            held, words = (place, number), []
        words += _told_apart(text, start, cited)
    if held and words:
        yield Block(*held, tuple(words))


def _placed(spans: Iterable[StoredSpan], shown: Span) -> Iterator[tuple[str, int, int, str]]:
    """Place, number, first character and text, line by line where places are lines."""
    for span in spans:
        start = max(span.char_start, shown[0])
        text = _within(span, shown)
        if span.place not in BY_LINE:
            yield span.place, span.number, start, text
            continue
        number = span.number + span.text.count("\n", 0, start - span.char_start)
        for line in _LINE.findall(text):
            yield span.place, number, start, line
            start, number = start + len(line), number + 1


def _within(span: StoredSpan, shown: Span) -> str:
    return span.text[max(0, shown[0] - span.char_start) : max(0, shown[1] - span.char_start)]


def _told_apart(text: str, start: int, cited: Span) -> Iterator[Words]:
    """What of a text is cited, and what stands before and behind that."""
    first = min(max(cited[0] - start, 0), len(text))
    last = min(max(cited[1] - start, first), len(text))
    for part, is_cited in ((text[:first], False), (text[first:last], True), (text[last:], False)):
        if part:
            yield Words(part, is_cited)
