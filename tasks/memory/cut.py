"""How memory cuts a document into passages: whole sentences up to a size, or the turns of a dialogue.

The idea: a passage is what can be cited by itself. In a dialogue that is what one speaker says at a time,
with the name and the date in front of it or above it; anywhere else it is a few sentences.
"""

from collections.abc import Iterable, Iterator
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
