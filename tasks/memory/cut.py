"""How memory cuts a document into passages: whole sentences up to a size, or the turns of a dialogue.

The idea: a passage is what can be cited by itself. In a dialogue that is what one speaker says at a time,
with the name and the date in front of it or above it; anywhere else it is a few sentences.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tasks.text.headings import Line, lines
from tasks.text.outline import Outline
from tasks.text.passages import Placed, stream_passages
from tasks.text.speakers import opening, session_date

TURN_CHARS, SENTENCE_CHARS = 900, 450
"""A turn and a sentence up to these lengths are not cut: they answer as a whole."""

_HELD_CHARS = 1 << 16
"""Of a turn without an end that are held in memory."""


@dataclass(frozen=True, slots=True)
class Passage:
    """Characters [start, end) of a document; of a turn also who says it, and when (ISO)."""

    start: int
    end: int
    text: str
    speaker: str = ""
    date: str = ""


def passages(pieces: Iterable[Placed], outline: Outline, max_chars: int) -> Iterator[Passage]:
    """The passages of a document given as consecutive pieces, in order, each of at most `max_chars`.

    A turn of a dialogue is one passage up to TURN_CHARS, a sentence up to SENTENCE_CHARS.
    """
    if outline.kind == "dialogue":
        yield from _turns(pieces, max(max_chars, TURN_CHARS))
    else:
        for start, end, text in stream_passages(pieces, max_chars, SENTENCE_CHARS):
            yield Passage(start, end, text)


RECUT_CHARS = 1 << 22
"""A longer document is not held in memory to be cut as another one was."""
RECUT_GAP, RECUT_LEAST = 5000, 40
"""A passage is looked for within so many characters, and not at all if it is so short that it may be any."""


def recut(
    pieces: Iterable[Placed], outline: Outline, max_chars: int, held: Sequence[str]
) -> Iterator[Passage]:
    """The passages of a document of which memory holds nearly the same text, cut where that one is cut.

    Args:
        held: the passages of the other document, in order. Where the text has one of them word for word, it
            is a passage here too; what lies between is cut as any text.
    """
    text = "".join(piece for _, piece in pieces)
    at = 0
    for one in held:
        found = text.find(one, at, at + RECUT_GAP + len(one)) if len(one) >= RECUT_LEAST else -1
        end = found + len(one)
        if found < 0 or text[end : end + 1].strip() or text[max(0, found - 1) : found].strip():
            continue  # not there, or a part of a longer sentence
        yield from _between(text, at, found, outline, max_chars)
        yield Passage(found, end, one)
        at = end
    yield from _between(text, at, len(text), outline, max_chars)


def _between(text: str, start: int, end: int, outline: Outline, max_chars: int) -> Iterator[Passage]:
    for one in passages([(0, text[start:end])], outline, max_chars):
        yield Passage(start + one.start, start + one.end, one.text)


def _turns(pieces: Iterable[Placed], max_chars: int) -> Iterator[Passage]:
    held: list[Line] = []
    speaker = date = ""
    for line in lines(pieces):
        begins = opening(line.text)
        stamp = "" if begins else session_date(line.text)
        if begins or stamp or sum(len(one.text) for one in held) > _HELD_CHARS:
            yield from _passages(held, speaker, date, max_chars)
            held = []
        if begins:
            speaker, date = begins.speaker, begins.date or date
        elif stamp:
            speaker, date = "", stamp
        held.append(line)
    yield from _passages(held, speaker, date, max_chars)


def _passages(turn: list[Line], speaker: str, date: str, max_chars: int) -> Iterator[Passage]:
    if not turn:
        return
    start, text = turn[0].start, ""
    for line in turn:
        text = text.ljust(line.start - start, "\n") + line.text
    for first, last, said in stream_passages([(0, text)], max_chars):
        yield Passage(start + first, start + last, said, speaker, date)
