"""The tree of a document: windows into sections, sections into the document, each with its extract.

The idea: every level extracts from the sentences that the level below nominated, the document from all of its
sentences where they are few enough. A section is a fixed run of window numbers, so the tree's shape depends
on content alone, and only a window's sentences and the nominated ones are held in memory.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from tasks.infer.cache_key import identity, window_key
from tasks.infer.journal import WindowNote
from tasks.infer.quotes import Quote
from tasks.reduce.candidates import Candidate
from tasks.reduce.extract import MOST_CANDIDATES, extract
from tasks.reduce.kinds import LONG_SPREAD
from tasks.reduce.reading import Reading
from tasks.reduce.shown import shown

WINDOW_WORDS, SECTION_WORDS = 55, 80
"""Of the extract of a window and of a section: two or three sentences."""
WINDOW_NOMINATES, SECTION_NOMINATES = 150, 400
"""Words of the sentences that a window and a section nominate for the level above."""
SHARE = 3
"""A summary has at most one in so many words of what it summarises."""
TINY_WORDS = 80
"""Unless it is as short as this."""
SPANS = 3
"""Sentences that a document's summary can be written from, in lengths of its extract."""


@dataclass(frozen=True)
class SummaryNode:
    """A node of the tree: its summary and the quotes it consists of; it becomes one record."""

    id: str
    level: str
    document: str
    corpus: str
    windows: tuple[int, int]
    """First and last window, inclusive."""
    chars: tuple[int, int]
    """Characters that it summarises."""
    quotes: tuple[Quote, ...]
    """Verbatim, in the order of the document."""
    children: tuple[str, ...]
    text: str = ""
    """The summary as it is shown: a title line if it has one, then the quotes, readable."""
    title: str = ""
    """Title, kind and date of the document; "" below the document."""
    kind: str = ""
    """Kind of the document (`tasks.text.outline`)."""
    spans: tuple[Quote, ...] = ()
    """More sentences than are quoted: what a model that writes is given, and must find its support in."""

    @property
    def is_told(self) -> bool:
        """Whether its summary says more than its title; else its only quote is its first line."""
        return self.text != self.title


@dataclass(frozen=True)
class _Part:
    """Consecutive windows: their node, and the sentences they nominate for the level above."""

    node: SummaryNode
    nominated: list[Candidate]


def document_key(key: str, document: str) -> str:
    """Id of a document's own record; known before the document is read."""
    return identity("document", key, document)


def document_tree(key: str, reading: Reading, fan_in: int, words: int) -> list[SummaryNode]:
    """All nodes of one document, leaves first, the document last; it alone if no sentence can be quoted.

    Args:
        fan_in: windows, and sections, of a section.
        words: of the document's extract.
    """
    everything: list[Candidate] | None = []
    level: list[_Part] = []
    for number, sentences in enumerate(by_window(reading.candidates, reading.notes)):
        if everything is not None:
            last = everything[-1].start if everything else -1
            everything += [one for one in sentences if one.start > last]
            everything = everything if len(everything) <= MOST_CANDIDATES else None
        if sentences:
            level.append(_window(key, reading, number, sentences))
    nodes = [part.node for part in level]
    width = fan_in
    while len(level) > fan_in:
        level = [_section(key, reading, group) for group in _runs(level, width)]
        nodes += [part.node for part in level]
        width *= fan_in
    if not level:
        return [_told_by_title(key, reading)]
    return [*nodes, _root(key, reading, level, everything, words)]


def by_window(candidates: Iterable[Candidate], notes: Sequence[WindowNote]) -> Iterator[list[Candidate]]:
    """The candidates that lie whole in each window; windows overlap."""
    held: list[Candidate] = []
    stream = iter(candidates)
    ahead = next(stream, None)
    for note in notes:
        while ahead is not None and ahead.end <= note.end:
            held.append(ahead)
            ahead = next(stream, None)
        held = [one for one in held if one.start >= note.start]
        yield list(held)


def _window(key: str, reading: Reading, number: int, sentences: list[Candidate]) -> _Part:
    note = reading.notes[number]
    place = _Place((number, number), (note.start, note.end), ())
    return _part(window_key(key, reading.document, number), "window", reading, place, sentences)


def _section(key: str, reading: Reading, parts: Sequence[_Part]) -> _Part:
    name = identity("section", key, *(part.node.id for part in parts))
    return _part(name, "section", reading, _over(parts), _united(parts))


def _part(name: str, level: str, reading: Reading, place: "_Place", sentences: Sequence[Candidate]) -> _Part:
    """A window or a section: it nominates the best of its sentences, and its summary is the best of those."""
    opens = place.windows[0] == 0
    more, words = (
        (WINDOW_NOMINATES, WINDOW_WORDS) if level == "window" else (SECTION_NOMINATES, SECTION_WORDS)
    )
    nominated = extract(sentences, more, reading.how, opens)
    words = _words(sentences, words)
    chosen = extract(nominated, words, reading.how, opens)
    return _Part(_node(name, level, reading, place, chosen, nominated), nominated)


def _root(
    key: str, reading: Reading, parts: Sequence[_Part], everything: Sequence[Candidate] | None, words: int
) -> SummaryNode:
    """The document's own node: from all of its sentences, or from those that its parts nominate."""
    how = reading.how if everything else replace(reading.how, spread=LONG_SPREAD)
    sentences = everything or _united(parts)
    words = _words(sentences, words)
    chosen, more = extract(sentences, words, how), extract(sentences, SPANS * words, how)
    node = _node(document_key(key, reading.document), "document", reading, _over(parts), chosen, more)
    lines = [reading.title, node.text] if reading.title else [node.text]
    return replace(node, text="\n".join(lines), title=reading.title)


def _told_by_title(key: str, reading: Reading) -> SummaryNode:
    """A document without a sentence (a table, code, one word): its title line, and its first line cited."""
    last = len(reading.notes) - 1
    place = _Place((0, last), (reading.notes[0].start, reading.notes[last].end), ())
    node = _node(document_key(key, reading.document), "document", reading, place, (), ())
    start, text = reading.beginning
    quotes = (Quote(text, reading.document, start, start + len(text), 0.0),) if text else ()
    return replace(node, text=reading.title, title=reading.title, quotes=quotes)


def _words(sentences: Sequence[Candidate], most: int) -> int:
    """Words of an extract: fewer of a short text; one of a few words is told in full."""
    total = sum(one.words for one in sentences)
    return min(most, max(total // SHARE, min(total, TINY_WORDS)))


def _united(parts: Sequence[_Part]) -> list[Candidate]:
    """What the parts nominate, each sentence once: windows overlap."""
    found = {one.start: one for part in parts for one in part.nominated}
    return [found[start] for start in sorted(found)]


@dataclass(frozen=True)
class _Place:
    """Windows and characters of a node, and the nodes it was made from."""

    windows: tuple[int, int]
    chars: tuple[int, int]
    children: tuple[str, ...]


def _over(parts: Sequence[_Part]) -> _Place:
    first, last = parts[0].node, parts[-1].node
    windows, chars = (first.windows[0], last.windows[1]), (first.chars[0], last.chars[1])
    return _Place(windows, chars, tuple(part.node.id for part in parts))


def _node(
    name: str,
    level: str,
    reading: Reading,
    place: _Place,
    chosen: Sequence[Candidate],
    spans: Sequence[Candidate],
) -> SummaryNode:
    return SummaryNode(
        id=name,
        level=level,
        document=reading.document,
        corpus="",
        windows=place.windows,
        chars=place.chars,
        quotes=_quotes(reading.document, chosen),
        children=place.children,
        text=shown(chosen, reading.how),
        kind=reading.outline.kind,
        spans=_quotes(reading.document, spans),
    )


def _quotes(document: str, sentences: Sequence[Candidate]) -> tuple[Quote, ...]:
    return tuple(Quote(one.text, document, one.start, one.end, one.salience) for one in sentences)


def _runs(parts: Sequence[_Part], width: int) -> Iterator[list[_Part]]:
    """Children of each section: those whose first window lies in the same run of `width` windows."""
    runs: dict[int, list[_Part]] = {}
    for part in parts:
        runs.setdefault(part.node.windows[0] // width, []).append(part)
    yield from runs.values()
