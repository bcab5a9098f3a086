"""One new document beside everything that was there before it.

The idea: three things make two documents speak of the same: they are versions of one source, one is nearly a
copy of the other, or one amends the other. Then any of their statements are compared. With all other
documents only those statements are compared that name what they speak of.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from tasks.memory.sketch import LEAST_CHARS, Sketches
from tasks.relate.amendments import HEAD_CHARS, TITLES, agreement_of, amended, is_amendment
from tasks.relate.compare import comparable, verdict
from tasks.relate.copies import Likeness, likeness
from tasks.relate.found import Compared, Copy, Novelty, Version
from tasks.relate.library import Document, Library, Sentence
from tasks.relate.recalled import Earlier, sentences_of
from tasks.relate.relations import Placed, Relation, placed, relation
from tasks.relate.said import said
from tasks.relate.versions import Difference, difference
from tasks.runs.ledger import Row
from tasks.text.parties import parties

MOST_SHOWN = 50
"""Sentences of a version or a copy that are kept as added or taken out."""
MOST_OF_A_NAME = 200
"""Statements of the run that are kept for one name."""
PROSE = frozenset({"contract", "minutes", "report", "paper", "mail", "book", "text"})
"""Kinds of documents whose statements are compared with those of others."""


@dataclass
class Statements:
    """Statements of the run's documents so far that name what they speak of, by those names."""

    by_name: dict[str, list[Sentence]] = field(default_factory=lambda: defaultdict(list))

    def add(self, one: Sentence) -> None:
        for name in said(one.text).names:
            if len(self.by_name[name]) < MOST_OF_A_NAME:
                self.by_name[name].append(one)

    def near(self, one: Sentence) -> list[Sentence]:
        """Statements of other documents that share a name with this one."""
        found = {
            (other.document, other.start): other
            for name in said(one.text).names
            for other in self.by_name.get(name, ())
            if other.document != one.document
        }
        return list(found.values())


@dataclass(frozen=True)
class Comparison:
    """What new documents are compared with."""

    library: Library
    sketches: Sketches
    earlier: Earlier | None
    """None before the first publish."""
    previous: Mapping[str, str]
    """The document that a source of each new document held before."""
    agreements: Sequence[str]
    """Contracts of the run, which an amendment may amend."""
    statements: Statements = field(default_factory=Statements)
    compared: dict[str, Compared] = field(default_factory=dict)
    """What was found, by document."""

    def compare(self, new: Document, passages: Sequence[Row]) -> None:
        """A new document beside all that came before it.

        Args:
            passages: its passages with their vectors.
        """
        found = self.compared[new.id] = Compared()
        old = self.library.get(self.previous.get(new.id, ""))
        if old:
            found.version = _version(new, old)
            found.relations += found.version.changes
        own = new.sketch
        alike = None if old else self._copied(new, self.sketches.alike(new.id, own))
        self.sketches.add(new.id, own)
        if alike:
            found.copy, contradicting = _copy(new, alike)
            found.relations += contradicting
        if is_amendment(new):
            found.relations += self._amended(new)
        elif new.about.kind == "contract":
            found.relations += self._amended_before(new)
        kin = {one.id for one in (old, alike.document if alike else None) if one}
        self._statements(new, passages, kin, found)

    def _copied(self, new: Document, others: Iterable[str]) -> Likeness | None:
        opened = (self.library.get(other) for other in others)
        found = [one for other in opened if other and (one := likeness(new, other))]
        return max(found, key=lambda one: one.share, default=None)

    def _amended(self, new: Document) -> Iterator[Relation]:
        agreement = self._agreement(new)
        for one in amended(new, agreement) if agreement else ():
            if made := relation("supersedes", new, one.new, one.agreement, one.old):
                yield made

    def _amended_before(self, new: Document) -> Iterator[Relation]:
        """What amendments that memory holds already have replaced of an agreement that comes after them."""
        text = f"{TITLES} {new.title} {parties(new.head(HEAD_CHARS))}"
        for row in self.earlier.beginnings(text) if self.earlier else ():
            amendment = self.library.get(row["document"])
            if not amendment or not is_amendment(amendment):
                continue
            agreement = self._agreement(amendment)
            for one in amended(amendment, new) if agreement and agreement.id == new.id else ():
                if made := relation("superseded", new, one.old, amendment, one.new):
                    yield made

    def _agreement(self, amendment: Document) -> Document | None:
        """The agreement of the memory, or of the run, that an amendment means."""
        near = self.earlier.of_words(f"{amendment.title} {amendment.head(1500)}") if self.earlier else ()
        candidates = map(
            self.library.get, dict.fromkeys([*(one["document"] for one in near), *self.agreements])
        )
        return agreement_of(amendment, (one for one in candidates if one))

    def _statements(
        self,
        new: Document,
        passages: Sequence[Row],
        kin: Collection[str],
        found: Compared,
    ) -> None:
        """Compare statement by statement with other documents, and count what was held of each passage."""
        known = {one for other in kin if (opened := self.library.get(other)) for one in opened.hashes}
        nearest = self.earlier.nearest([row["vector"] for row in passages]) if self.earlier else iter(())
        for row in passages:
            near = [one for other in next(nearest, ()) for one in sentences_of(other)]
            held = known | {one.hash for one in near}
            statements, told = sentences_of(row), 0
            fresh = [one for one in statements if one.hash not in held and comparable(one.text)]
            if fresh and self.earlier and new.about.kind in PROSE:
                worded = self.earlier.of_words(" ".join(one.text for one in fresh))
                near += [one for other in worded for one in sentences_of(other)]
            for one in statements:
                is_held = one.hash in held
                if one in fresh and new.about.kind in PROSE:
                    made = list(self._beside(new, one, near, kin))
                    is_held = any(one.kind == "confirms" for one in made)
                    self._file(made)
                    self.statements.add(one)
                told += is_held
            found.novelty.append(Novelty(row["char_start"], row["char_end"], len(statements), told))

    def _file(self, made: Iterable[Relation]) -> None:
        """Keep relations with the newer of the two documents, where both are of this run."""
        for one in made:
            if one.other.document in self.compared and one.other.date > one.quote.date:
                one = Relation(one.kind, one.other, one.quote)
            self.compared[one.quote.document].relations.append(one)

    def _beside(
        self, new: Document, one: Sentence, near: Sequence[Sentence], kin: Collection[str]
    ) -> Iterator[Relation]:
        """Relations of a statement with those of other documents."""
        seen = set[str]()
        for other in [*near, *self.statements.near(one)]:
            if other.document in kin or other.document == new.id or other.document in seen:
                continue
            kind = verdict(one.text, other.text, kin=False)
            old = self.library.get(other.document) if kind else None
            if old and old.about.kind in PROSE and (made := relation(kind, new, one, old, other)):
                seen.add(other.document)
                yield made


def _version(new: Document, old: Document) -> Version:
    found = difference(new, old)
    changes = (relation("changes", new, one, old, other) for one, other in found.reworded)
    kept = tuple(one for one in changes if one)
    return Version(new.title, new.name, kept, *_ends(new, old, found), found.count)


def _copy(new: Document, alike: Likeness) -> tuple[Copy, list[Relation]]:
    """What is told of a copy, and what of it contradicts the other one."""
    old = alike.document
    found = difference(new, old)
    pairs = ((placed(new, one), placed(old, other)) for one, other in found.reworded)
    reworded = tuple((one, other) for one, other in pairs if one and other)
    told = Copy(
        new.title,
        new.name,
        old.title,
        old.name,
        alike.share,
        reworded[:MOST_SHOWN],
        *_ends(new, old, found),
        found.count,
    )
    made = [
        relation("contradicts", new, one, old, other)
        for one, other in found.reworded
        if verdict(one.text, other.text, kin=True) == "contradicts"
    ]
    both = [one for one in new.sentences() if one.hash in old.hashes and len(one.text) >= LEAST_CHARS]
    shared = both[0] if both else None
    same = next((one for one in old.sentences() if shared and one.hash == shared.hash), None)
    if shared and same:
        made.append(relation("repeats", new, shared, old, same))
    return told, [one for one in made if one]


def _ends(new: Document, old: Document, found: Difference) -> tuple[tuple[Placed, ...], tuple[Placed, ...]]:
    """What was added and what was taken out, with places."""
    added = (placed(new, one) for one in islice(found.added, MOST_SHOWN))
    removed = (placed(old, one) for one in islice(found.removed, MOST_SHOWN))
    return tuple(one for one in added if one), tuple(one for one in removed if one)
