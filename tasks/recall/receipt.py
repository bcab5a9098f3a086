"""A receipt: why a hit came, as data that a person can check."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from tasks.recall.candidates import Nominated


@dataclass(frozen=True, slots=True)
class Found:
    """How one search found a record."""

    search: str
    rank: int
    """From 1."""
    value: float
    """BM25, or cosine similarity."""
    gain: float
    """The same on the scale of 0 to 1 that searches are added on."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What each stage of a recall said of a hit."""

    found: tuple[Found, ...]
    """Searches that found it; none where it came by its neighbours alone."""
    fused: float
    """Weighted sum of the gains."""
    walked: float
    """How often the walk was there, of 1 in all."""
    reranked: float | None
    """What the reader added, in standard deviations over the candidates; None where it was not asked."""
    merged: tuple[str, ...]
    """Ids of records that say the same, or cover the same characters, and are cited with it."""


def found_by(nominated: Sequence[Nominated], idents: Collection[str]) -> dict[str, tuple[Found, ...]]:
    """The searches that found each of these records, by its id."""
    told: dict[str, list[Found]] = {ident: [] for ident in idents}
    for some in nominated:
        gains = some.gains()
        for at, one in enumerate(some.nominees):
            if one.id in told:
                found = Found(some.search.name, at + 1, float(some.values[at]), float(gains[at]))
                told[one.id].append(found)
    return {ident: tuple(found) for ident, found in told.items()}
