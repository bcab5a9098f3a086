"""What a run found out by comparing: relations, copies and new wordings, for its records and its report."""

from dataclasses import dataclass, field

from tasks.relate.relations import Placed, Relation


@dataclass(frozen=True)
class Copy:
    """A document that is the same as another one but for a few sentences."""

    title: str
    source: str
    of_title: str
    of_source: str
    share: float
    """Of the characters of the longer one that both hold."""
    reworded: tuple[tuple[Placed, Placed], ...]
    """Sentences of it, each with the one that stands in its place in the other."""
    added: tuple[Placed, ...]
    removed: tuple[Placed, ...]
    count: int
    """Sentences that differ."""


@dataclass(frozen=True)
class Version:
    """A source whose text is another one now."""

    title: str
    source: str
    changes: tuple[Relation, ...]
    added: tuple[Placed, ...]
    removed: tuple[Placed, ...]
    count: int
    """Sentences that differ."""


@dataclass
class Novelty:
    """How much of a stretch of text is new: its statements, and those that memory held."""

    start: int
    end: int
    statements: int
    held: float


@dataclass
class Compared:
    """What is known of one new document."""

    relations: list[Relation] = field(default_factory=list)
    novelty: list[Novelty] = field(default_factory=list)
    """Of its passages, in order."""
    version: Version | None = None
    copy: Copy | None = None

    def new_in(self, start: int, end: int) -> float:
        """Share of the statements in [start, end) that memory did not hold; -1 if there is none."""
        some = [one for one in self.novelty if start <= one.start < end]
        total = sum(one.statements for one in some)
        return 1.0 - sum(one.held for one in some) / total if total else -1.0
