"""What a run found out by comparing, as the report shows it: two quotes side by side, with their places."""

from collections.abc import Iterable
from dataclasses import dataclass

from tasks.recall.citation import Citation, format_citation
from tasks.relate.found import Compared, Copy, Version
from tasks.relate.relate import Related
from tasks.relate.relations import Placed, Relation
from tasks.report.links import named_link
from tasks.text.counted import counted

MOST_PAIRS = 10
"""Pairs of sentences that are shown of one document."""
EACH = 2
"""Findings of one kind that are told before those of the next."""
MOST_FINDINGS = 50
"""Pairs that a section of the report shows."""


@dataclass(frozen=True)
class Side:
    """Verbatim words, the document they stand in with its date, and their place."""

    text: str
    document: str
    place: str
    link: str = ""
    """Opens the source there; "" where no address would."""
    ident: str = ""
    """Id of the document."""
    start: int = 0
    end: int = 0
    """Where in it the words stand."""


@dataclass(frozen=True)
class Pair:
    """What was said and what is said now; one of them is missing where a sentence was added or taken out."""

    before: Side | None
    now: Side | None


@dataclass(frozen=True)
class Findings:
    """What the new documents supersede, contradict and confirm."""

    superseded: tuple[Pair, ...] = ()
    conflicting: tuple[Pair, ...] = ()
    confirmed: tuple[Pair, ...] = ()


def findings(related: Related) -> Findings:
    """The relations of a run, by what they mean to a reader."""
    made = _made(related)

    def of(kind: str) -> tuple[Pair, ...]:
        return tuple(pair(one) for one in made if one.kind == kind)

    return Findings(of("supersedes"), of("contradicts"), of("confirms"))


def _made(related: Related) -> list[Relation]:
    """All relations of a run, what an amendment replaces as the amendment tells it."""
    return [one.as_amended for found in related.compared.values() for one in found.relations]


def pair(one: Relation) -> Pair:
    """Both quotes of a relation."""
    return Pair(side(one.other, there=one.kind != "changes"), side(one.quote))


def side(one: Placed, there: bool = True) -> Side:
    """A quote as it is shown.

    Args:
        there: whether its source still says so; else it has no link.
    """
    named = f"{one.title} ({one.date})" if one.date and one.date not in one.title else one.title
    where = format_citation(Citation(one.uri, one.place, one.start, one.end, one.text))
    address = named_link(one.uri, one.place, one.text) if there else ""
    return Side(" ".join(one.text.split()), named, where, address, one.document, one.start, one.end)


def told(found: Compared | None) -> tuple[str, tuple[Pair, ...]]:
    """How a changed document, or one that is nearly another, differs: a remark, and its sentences."""
    if found and found.version:
        return _of_version(found.version)
    if found and found.copy:
        return _of_copy(found.copy)
    return "", ()


def _of_version(one: Version) -> tuple[str, tuple[Pair, ...]]:
    parts = [
        counted(len(one.changes), "sentence") + " changed" if one.changes else "",
        f"{len(one.added):,} added" if one.added else "",
        f"{len(one.removed):,} taken out" if one.removed else "",
    ]
    removed = (Pair(side(other, there=False), None) for other in one.removed)
    pairs = [*map(pair, one.changes), *(Pair(None, side(own)) for own in one.added), *removed]
    return ", ".join(filter(None, parts)), tuple(pairs[:MOST_PAIRS])


def _of_copy(one: Copy) -> tuple[str, tuple[Pair, ...]]:
    remark = f"The same as {one.of_title} ({one.of_source}) but for {counted(one.count, 'sentence')}."
    reworded = [Pair(side(other), side(own)) for own, other in one.reworded]
    return remark, tuple([*reworded, *_ends(one.added, one.removed)][:MOST_PAIRS])


def _ends(added: Iterable[Placed], removed: Iterable[Placed]) -> list[Pair]:
    return [*(Pair(None, side(one)) for one in added), *(Pair(side(one), None) for one in removed)]


def lines(related: Related, most: int) -> list[dict[str, str]]:
    """The first findings, for the terminal: what kind it is, what was said, what is said now, and where."""
    names = {"changes": "changed", "supersedes": "superseded", "contradicts": "conflicting"}
    made = [one for one in _made(related) if one.kind in names]
    nth: dict[str, int] = {}
    order = []
    for one in made:
        nth[one.kind] = nth.get(one.kind, -1) + 1
        order.append((nth[one.kind] // EACH, list(names).index(one.kind)))
    made = [one for _, one in sorted(zip(order, made, strict=True), key=lambda found: found[0])]
    return [
        {
            "kind": names[one.kind],
            "before": side(one.other).text,
            "now": side(one.quote).text,
            "source": one.quote.uri,
            "other": one.other.uri,
        }
        for one in made[:most]
    ]


def counts(related: Related) -> dict[str, int]:
    """Findings by what they mean to a reader."""
    made = [one.kind for one in _made(related)]
    return {
        "changed": made.count("changes"),
        "superseded": made.count("supersedes"),
        "conflicting": made.count("contradicts"),
        "confirmed": made.count("confirms"),
        "the same": sum(found.copy is not None for found in related.compared.values()),
    }
