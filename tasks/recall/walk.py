"""The walk: passages that stand beside good candidates answer with them.

The idea: personalised PageRank (Haveliwala 2002) over passages that are next to each other. A walker begins
at a candidate and steps to the passage before or behind it, or begins again, as often; where it is found most
comes first. So an answer gains from the words of its question that its neighbours hold, and two candidates
side by side speak for each other. Candidates stay single passages.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tasks.recall.candidates import Nominee, Scored

RESTART = 0.5
"""Probability to begin again at each step."""
ROUNDS = 12
REACH = 2
"""Passages around a candidate that take part; a walker rarely comes further."""


class Visited(NamedTuple):
    """A place in a document and how often the walker was there. `nominee` is None for a passage that no
    search found."""

    document: str
    position: int
    nominee: Nominee | None
    score: float


def walk(fused: Sequence[Scored]) -> list[Visited]:
    """Candidates and the passages around them, by how often the walker visits them, best first.

    A record that is no passage stands alone: it has places beside it as a passage has, but nothing in them.
    """
    best = {_place(one.nominee): one for one in sorted(fused, key=lambda one: one.score)}
    if not best:
        return []
    chains = {chain: number for number, chain in enumerate(sorted({chain for chain, _ in best}))}
    middle = np.array([chains[chain] * _CHAIN + at + REACH for chain, at in best], dtype=np.int64)
    places = np.unique((middle[:, None] + np.arange(-REACH, REACH + 1)).ravel())
    weights = np.array([one.score for one in best.values()]) ** 2  # most restarts go to the few best
    start = np.zeros(len(places))
    start[np.searchsorted(places, middle)] = weights if weights.any() else 1.0
    visits = _visits(start / start.sum(), np.diff(places) == 1)
    order = np.argsort(-visits, kind="stable")
    numbers, steps = np.divmod(places[order], _CHAIN)
    names, found = list(chains), []
    for number, at, visited in zip(
        numbers.tolist(), (steps - REACH).tolist(), visits[order].tolist(), strict=True
    ):
        chain = names[number]
        scored = best.get((chain, at))
        if scored or (at >= 0 and not chain.startswith(_ALONE)):
            found.append(Visited(chain, at, scored.nominee if scored else None, visited))
    return found


def _visits(start: np.ndarray, adjacent: np.ndarray) -> np.ndarray:
    """Share of its time that the walker spends at each place, (n,), given where it begins, (n,), and whether
    a place and the next one are side by side, (n - 1,)."""
    visits = start
    for _ in range(ROUNDS):
        moved = np.zeros_like(visits)
        moved[1:] += adjacent * visits[:-1] / 2
        moved[:-1] += adjacent * visits[1:] / 2
        visits = RESTART * start + (1 - RESTART) * moved
    return visits


_ALONE = "record "
"""Begins the chain of a record that is no passage; a document's id has no blank."""
_CHAIN = 1 << 40
"""Places of a chain, more than any document has passages."""


def _place(nominee: Nominee) -> tuple[str, int]:
    """The chain that a record is part of, and where in it."""
    if nominee.level == "passage" and nominee.position >= 0:
        return nominee.document, nominee.position
    return _ALONE + nominee.id, 0
