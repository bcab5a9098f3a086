"""The documents that are compared: those of the run and those of the memory before it, sentence by sentence.

The idea: sentences are compared where they stand, in the parsed text, so that whatever is said of two of them
can be quoted with its place. Of a document only the hashes of its sentences are held, and those sentences
that the other one lacks.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from tasks.ingest.by_document import Holders
from tasks.ingest.parse.store import place_of, read_spans, read_text
from tasks.ingest.source_rows import gathered
from tasks.memory.keys import text_hash
from tasks.memory.reader import Memory
from tasks.memory.sketch import placed_sentences, sketch
from tasks.memory.sources import part_name
from tasks.runs.ledger import Row
from tasks.text.file_names import document_name
from tasks.text.outline import HEAD_CHARS, Outline, outline

HELD = 256
"""Documents that are kept open, those that were asked for last: each may hold the hashes of its sentences."""
MOST_SENTENCES = 4000
"""Sentences of one document that another one lacks, its first."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters [start, end) of a document; equal words have equal hashes."""

    document: str
    start: int
    end: int
    text: str

    @property
    def hash(self) -> int:
        return text_hash(self.text)


@dataclass(frozen=True)
class Document:
    """A document with the sources that hold it."""

    home: Path
    id: str
    sources: Sequence[Row]
    """Rows of schema.SOURCES; the first is the one that is cited."""
    about: Outline

    @property
    def name(self) -> str:
        """Its first source, as people find it."""
        return part_name(self.sources[0])

    @property
    def title(self) -> str:
        """What it is called; the name of its file where it says nothing."""
        return self.about.title or document_name(self.sources[0]["uri"], self.sources[0]["label"])

    @property
    def date(self) -> str:
        return self.about.date

    def sentences(self) -> Iterator[Sentence]:
        """All of its sentences in order."""
        row = self.sources[0]
        pieces = ((span.char_start, span.text) for span in read_spans(self.home, row["parsed"], row["part"]))
        for start, end, text in placed_sentences(pieces):
            yield Sentence(self.id, start, end, text)

    @cached_property
    def hashes(self) -> Mapping[int, int]:
        """Characters of its sentences, by their hash."""
        return {one.hash: len(one.text) for one in self.sentences()}

    @property
    def sketch(self) -> list[int]:
        """Its smallest sentence hashes."""
        return sketch(one.text for one in self.sentences())

    def lacking(self, held: Collection[int]) -> list[Sentence]:
        """Its first sentences that are not held."""
        return list(islice((one for one in self.sentences() if one.hash not in held), MOST_SENTENCES))

    def head(self, chars: int) -> str:
        """Its first characters."""
        return self.text(0, chars)

    def text(self, start: int, end: int) -> str:
        """Exactly these characters of it."""
        row = self.sources[0]
        return read_text(self.home, row["parsed"], row["part"], start, end)

    def place(self, char: int) -> str:
        """Where a character of it stands."""
        row = self.sources[0]
        return place_of(self.home, row["parsed"], row["part"], char)


class Library:
    """Documents by their ids, those of the run first.

    Args:
        rows: sources of the run (schema.SOURCES).
        outlines: of the documents that it has read.
    """

    def __init__(
        self, home: Path, memory: Memory | None, rows: Sequence[Row], outlines: Mapping[str, Outline]
    ) -> None:
        self.home, self.memory, self.outlines = home, memory, outlines
        self._held = Holders(gathered(rows))
        self._opened: dict[str, Document | None] = {}

    def get(self, document: str) -> Document | None:
        """A document; None where its parsed text is not there any more."""
        found = self._opened.pop(document) if document in self._opened else self._open(document)
        self._opened[document] = found  # behind all others
        if len(self._opened) > HELD:
            del self._opened[next(iter(self._opened))]
        return found

    def _open(self, document: str) -> Document | None:
        rows = self._held.get(document) or (self.memory.sources_of(document) if self.memory else [])
        for row in rows:
            try:
                about = self.outlines.get(document) or self._outline(row)
            except (OSError, ValueError):  # the next source of an equal document may still be there
                continue
            return Document(self.home, document, [row, *(one for one in rows if one is not row)], about)
        return None

    def _outline(self, row: Row) -> Outline:
        head = read_text(self.home, row["parsed"], row["part"], 0, HEAD_CHARS)
        return outline([(0, head)], document_name(row["uri"], row["label"]) if row["label"] else row["uri"])
