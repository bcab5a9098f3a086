"""A document as it was read, ready to be summarised: its outline, and what can be quoted from it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from tasks.infer.journal import WindowNote, salience_by_char
from tasks.reduce.candidates import Candidate, Source, candidates
from tasks.reduce.kinds import Kind, kind_of
from tasks.reduce.shown import title_line
from tasks.text.outline import Outline, outline
from tasks.text.passages import Placed
from tasks.text.words import language_of

LANGUAGE_CHARS = 20_000
"""Characters by which the language of a document is told."""
_LINE = re.compile(r"(?m)(?=[^\n]*\w)\S[^\n]{0,200}")
"""The first line that holds a letter or a digit."""


@dataclass(frozen=True)
class Reading:
    """A document as it was read: what of it can be quoted, and where its windows stand."""

    document: str
    candidates: Iterable[Candidate]
    """In order; gone through once."""
    notes: Sequence[WindowNote]
    outline: Outline
    how: Kind
    """How a document of its kind is summarised."""
    head: str = ""
    """Its first characters."""

    @property
    def title(self) -> str:
        """Its title line."""
        return title_line(self.outline)

    @property
    def beginning(self) -> tuple[int, str]:
        """(char_start, text) of its first line, cut where it is long."""
        if (line := _LINE.search(self.head)) is None:
            return 0, ""
        return line.start(), line[0].rstrip()


def reading(
    document: str, pieces: Callable[[], Iterable[Placed]], notes: Sequence[WindowNote], name: str
) -> Reading:
    """A document as it was read; memory is bounded by its headings and a paragraph.

    Args:
        pieces: gives its text as consecutive pieces, each time from the beginning.
        notes: its windows, in order.
        name: its file name or the last part of its URI.
    """
    found = outline(pieces(), name)
    how, head = kind_of(found.kind), _head(pieces())
    source = Source(how, found, language_of(head), salience_by_char(notes))
    return Reading(document, candidates(pieces(), source), notes, found, how, head)


def _head(pieces: Iterable[Placed]) -> str:
    text = ""
    for _, piece in pieces:
        text += piece
        if len(text) >= LANGUAGE_CHARS:
            break
    return text[:LANGUAGE_CHARS]
