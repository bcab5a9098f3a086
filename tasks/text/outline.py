"""What a document is: its title, kind, date and headings, from its text alone, in one pass.

Title, kind and date come from the beginning; headings from every line. Memory is bounded: when there are
too many headings, the deepest are left out.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from tasks.text.file_names import parts
from tasks.text.headings import Heading, headings, lines, tidied
from tasks.text.kinds import Kind, kind_of
from tasks.text.titles import date_of, title_of

HEAD_CHARS = 32_000
MOST_HEADINGS = 20_000
SEPARATOR = " > "


@dataclass(frozen=True)
class Outline:
    """What a document is called, what it is, when it was made, and how it is divided."""

    title: str
    kind: Kind
    date: str
    """ISO: 2024-03-05, 2024-03 or 2024; "" where the document gives none."""
    headings: tuple[Heading, ...] = ()

    def section_at(self, char: int) -> str:
        """Path of the section that holds that character, "Article 4 > 4.2 Rent"; "" outside any.

        The title does not stand in it, though it may be a heading too.
        """
        at = bisect_right(self._starts, char) - 1
        path: list[str] = []
        while at >= 0:
            path.append(self.headings[at].text)
            at = self._parents[at]
        if path and self.title.casefold().startswith(path[-1].casefold()):
            path.pop()
        return SEPARATOR.join(reversed(path))

    @cached_property
    def _starts(self) -> list[int]:
        return [heading.start for heading in self.headings]

    @cached_property
    def _parents(self) -> list[int]:
        """For each heading the one it lies in, -1 for none."""
        parents: list[int] = []
        open_ones: list[int] = []
        for number, heading in enumerate(self.headings):
            while open_ones and self.headings[open_ones[-1]].level >= heading.level:
                open_ones.pop()
            parents.append(open_ones[-1] if open_ones else -1)
            open_ones.append(number)
        return parents


def outline(pieces: Iterable[tuple[int, str]], name: str = "") -> Outline:
    """The outline of a document given as consecutive pieces (char_start, text).

    Args:
        name: path or file name of the document, a hint; a text need not have one.
    """
    stream = iter(pieces)
    start, size = list[tuple[int, str]](), 0
    while size < HEAD_CHARS and (piece := next(stream, None)) is not None:
        start.append(piece)
        size += len(piece[1])
    head = "".join(text for _, text in start)[:HEAD_CHARS]
    kind = kind_of(head, name)
    found = tidied(_bounded(headings(lines(chain(start, stream)), kind)), kind)
    title = title_of(head, kind, found, name) or "".join(parts(name)[-1:])
    return Outline(title, kind, date_of(head, kind), tuple(found))


def title_by(pieces: Iterable[tuple[int, str]], name: str) -> str:
    """The title that a document has under this name, from its beginning alone."""
    size, head = 0, list[tuple[int, str]]()
    for start, text in pieces:
        head.append((start, text))
        size += len(text)
        if size >= HEAD_CHARS:
            break
    return outline(head, name).title


def _bounded(found: Iterator[Heading]) -> list[Heading]:
    """The headings, without the deepest level again and again while there are too many."""
    kept: list[Heading] = []
    deepest = 1 << 30
    for heading in found:
        if heading.level < deepest:
            kept.append(heading)
        if len(kept) >= MOST_HEADINGS:
            deepest = max(one.level for one in kept)
            rest = [one for one in kept if one.level < deepest]
            kept = rest or kept[:1]
    return kept
