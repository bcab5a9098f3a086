"""A strip: where in a long text a few places are, as shares of its length."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tasks.memory.reader import Memory
from tasks.memory.sources import part_name

LEAST = 0.004
"""Share of a strip that a mark has at least: what is narrower is not seen."""


@dataclass(frozen=True)
class Mark:
    """A stretch of a text, as shares of its length."""

    start: float
    length: float


@dataclass(frozen=True)
class Strip:
    """A text, and the marks on it."""

    name: str
    length: int
    """In characters, or in tokens of a context."""
    marks: tuple[Mark, ...]

    @property
    def told(self) -> str:
        """The marks in words, for whoever does not see them."""
        return ", ".join(f"{100 * one.start:.0f} %" for one in self.marks)


def strip(name: str, length: int, spans: Iterable[tuple[int, int]]) -> Strip:
    """Spans [start, end) of a text of this length as marks, in order, each place once."""
    whole = max(1, length)
    marks = (Mark(start / whole, max(LEAST, (end - start) / whole)) for start, end in sorted(set(spans)))
    return Strip(name, length, tuple(marks))


def strips(memory: Memory, citations: Iterable[Mapping[str, Any]]) -> list[Strip]:
    """For each document that is cited, where in it the cited words stand."""
    spans: dict[str, list[tuple[int, int]]] = {}
    for one in citations:
        if one["document"]:
            spans.setdefault(one["document"], []).append((one["start"], one["end"]))
    found = []
    for document, places in spans.items():
        if rows := memory.sources_of(document):
            found.append(strip(part_name(rows[0]), int(rows[0]["chars"]), places))
    return found
