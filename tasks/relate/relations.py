"""A relation: a statement of a new document, one that was remembered before, and what they are to each other.

Both are quoted with their places, and both quotes are verified against the stored text before they are kept.
"""

from dataclasses import asdict, dataclass
from typing import Any

from tasks.relate.library import Document, Sentence


@dataclass(frozen=True, slots=True)
class Placed:
    """Verbatim words where they stand, as schema.PLACED holds them."""

    text: str
    document: str
    start: int
    end: int
    uri: str
    place: str
    title: str
    date: str


@dataclass(frozen=True, slots=True)
class Relation:
    """What `quote` is to `other`: a kind of schema.RELATIONS."""

    kind: str
    quote: Placed
    other: Placed

    @property
    def as_amended(self) -> "Relation":
        """The same as the amendment tells it, where the agreement was read after it; else as it is."""
        return Relation("supersedes", self.other, self.quote) if self.kind == "superseded" else self

    def as_row(self) -> dict[str, object]:
        """As schema.RELATION holds it."""
        return asdict(self)


def from_row(row: dict[str, Any]) -> Relation:
    """A relation from a row of schema.RELATION."""
    return Relation(row["kind"], Placed(**row["quote"]), Placed(**row["other"]))


def placed(document: Document, one: Sentence) -> Placed | None:
    """A sentence with its place; None where the stored text does not hold it."""
    if document.text(one.start, one.end) != one.text:
        return None
    return Placed(
        one.text,
        one.document,
        one.start,
        one.end,
        document.name,
        document.place(one.start),
        document.title,
        document.date,
    )


def relation(kind: str, new: Document, quote: Sentence, old: Document, other: Sentence) -> Relation | None:
    """A relation between two sentences; None where one of them does not stand where it should."""
    first, second = placed(new, quote), placed(old, other)
    return Relation(kind, first, second) if first and second else None
