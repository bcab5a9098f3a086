"""A document as it was read, ready to be summarised: its outline, and what can be quoted from it."""

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

    @property
    def title(self) -> str:
        """Its title line."""
        return title_line(self.outline)


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
    how, language = kind_of(found.kind), language_of(_head(pieces()))
    source = Source(how, found, language, salience_by_char(notes))
    return Reading(document, candidates(pieces(), source), notes, found, how)


def _head(pieces: Iterable[Placed]) -> str:
    text = ""
    for _, piece in pieces:
        text += piece
        if len(text) >= LANGUAGE_CHARS:
            break
    return text[:LANGUAGE_CHARS]
