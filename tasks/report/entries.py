"""What the report shows of a corpus: its documents with summaries and places, and its themes."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tasks.memory.sources import part_name
from tasks.recall.coverage import Coverage
from tasks.report.cited import Cited
from tasks.report.findings import Findings, Pair
from tasks.text.sentences import joined

STATUSES = ("new", "changed", "the same", "read again", "")
"""What a run found of a document; "" where it was remembered as it is."""
MOST_SUMMARIES = 50
"""Documents with a whole summary; the others are counted."""
NAMED = 1000
"""Sources of one kind that are named at all: what is gone, what failed, the table of all."""
OPENING = 2
"""Sentences that tell a document where it is announced."""
_WORTH = ("contract", "minutes", "report", "paper", "mail", "dialogue", "book", "text", "readme")
"""Kinds that people read, from those read most; licences, code, changelogs and tables come after them."""


@dataclass(frozen=True)
class Entry:
    """A document as the report shows it."""

    document: str
    title: str
    """As people call it, with kind and date."""
    source: str
    """The first source that holds it, as people find it."""
    kind: str
    status: str
    tokens: int
    sentences: tuple[str, ...]
    """Its summary; none of a document without a sentence to quote."""
    titled: bool = False
    """Whether its title says what the first of them says."""
    quotes: tuple[Cited, ...] = ()
    """Of a document whose whole summary is shown."""
    differs: str = ""
    """How it differs from its older text, or from the document that it is nearly the same as."""
    pairs: tuple[Pair, ...] = ()
    """The sentences in which it does."""
    coverage: Coverage | None = None
    """What memory holds of it and what it does not; of a document whose whole summary is shown."""
    omitted: str = ""
    """What its source holds and its text does not, and how it was decoded."""

    @property
    def opening(self) -> str:
        """What announces it beside its title."""
        first = int(self.titled)
        return joined(self.sentences[first : first + OPENING])

    @property
    def summary(self) -> str:
        return joined(self.sentences)


@dataclass(frozen=True)
class Theme:
    """Documents of a corpus that are about the same."""

    name: str
    documents: tuple[str, ...]
    """Their titles, each with a sentence."""


@dataclass(frozen=True)
class Corrected:
    """What a person said is right, and of what."""

    says: str
    of: str
    """The words it is about; "" for a whole document."""
    source: str
    on: str
    gone: bool
    """Whether those words are no longer in the source."""


@dataclass(frozen=True)
class Failure:
    """A source that could not be read, or not all of it."""

    source: str
    reason: str


@dataclass(frozen=True)
class Contents:
    """Everything a report tells of documents."""

    entries: tuple[Entry, ...]
    """Those worth reading first come first."""
    themes: tuple[Theme, ...] = ()
    gone: tuple[str, ...] = ()
    """Sources that were there before, and whose documents memory holds no more."""
    failures: tuple[Failure, ...] = ()
    omissions: tuple[Failure, ...] = ()
    """Sources that were read, of which something is not in the text or had to be guessed."""
    labelled: tuple[Failure, ...] = ()
    """Sources with passages that a reader is warned of."""
    corrections: tuple[Corrected, ...] = ()
    findings: Findings = field(default_factory=Findings)
    more: Mapping[str, int] = field(default_factory=dict)
    """How many there are beside those that are named: by status, by field, and "told" with a summary."""

    @property
    def summarised(self) -> tuple[Entry, ...]:
        """Documents whose whole summary is shown."""
        return tuple(entry for entry in self.entries if entry.sentences)[:MOST_SUMMARIES]

    @property
    def left_out(self) -> int:
        """Documents whose summary is not shown."""
        told = sum(bool(entry.sentences) for entry in self.entries) + self.more.get("told", 0)
        return told - len(self.summarised)

    def of(self, status: str) -> list[Entry]:
        """Documents of one status."""
        return [entry for entry in self.entries if entry.status == status]

    def count(self, name: str) -> int:
        """How many documents there are of a status, or sources of a field."""
        named = self.of(name) if name in STATUSES else getattr(self, name)
        return len(named) + self.more.get(name, 0)


def worth_reading(entry: Entry) -> tuple[int, bool, int, int, str]:
    """Order of the entries: what is new, then what a sentence tells, what people read, what is long."""
    kind = _WORTH.index(entry.kind) if entry.kind in _WORTH else len(_WORTH)
    return (STATUSES.index(entry.status), not entry.sentences, kind, -entry.tokens, entry.source)


def status(row: dict[str, Any], stale: bool, known: Container[str]) -> str:
    """What a run found of a document that it read.

    Args:
        stale: whether the memory held it, read in another way.
        known: sources, and their parts, of which memory held something before.
    """
    if stale:
        return "read again"
    return "changed" if part_name(row) in known else "new"


def first_of_each(entries: Iterable[Entry], most: int = MOST_SUMMARIES) -> tuple[list[Entry], dict[str, int]]:
    """Those of each status that are worth reading first, in that order, and `Contents.more` of the others."""
    kept: dict[str, list[Entry]] = {}
    more = Counter[str]()
    for entry in entries:
        some = kept.setdefault(entry.status, [])
        some.append(entry)
        more[entry.status] += 1
        more["told"] += bool(entry.sentences)
        if len(some) >= 2 * most:
            kept[entry.status] = sorted(some, key=worth_reading)[:most]
    found = [entry for some in kept.values() for entry in sorted(some, key=worth_reading)[:most]]
    for entry in found:
        more[entry.status] -= 1
        more["told"] -= bool(entry.sentences)
    return sorted(found, key=worth_reading), dict(+more)
