"""The router: how much each level of memory counts for a question, and one ranking of what they found.

The idea: a level earns its weight by how strongly its best spans answer. A softmax over all of them makes
shares of that, so weights follow the question and nothing is fixed beforehand: one about what was said a
minute ago is answered by short-term memory, the next one by what was said last year.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.recall.levels.level import NAMES, Found, Item, Level, Name, Question, Weights

SHARPNESS = 0.065
"""Difference in strength that makes a span count e times as much."""
BEST = 5
"""Spans of a level that earn its weight, its best. Both were chosen on three made-up dialogues."""
ASKED = 0.02
"""Least weight of a level that is asked for more than its best."""


@dataclass(frozen=True, slots=True)
class Routed:
    """What all levels found for a question, how much each counts, and their items in one order."""

    found: tuple[Found, ...]
    weights: Weights
    items: tuple[tuple[Name, Item], ...]
    """With their levels, best first."""


def route(question: Question, levels: Sequence[Level]) -> Routed:
    """Ask every level, weigh them, and rank what those found that count."""
    found = tuple(level.find(question) for level in levels)
    earned = weigh(strengths_of(found))
    return Routed(found, earned, ranked(found, earned))


def strongest(found: Found) -> float:
    """How strongly the best of a level answers; 0 where it has nothing."""
    return max((item.strength for item in found.items), default=0.0)


def weigh(strengths: Mapping[Name, Sequence[float]]) -> Weights:
    """Each level's share of a softmax over the strengths of the best spans; one without any gets nothing."""
    best = max((max(some) for some in strengths.values() if some), default=0.0)
    mass = {
        name: sum(math.exp((one - best) / SHARPNESS) for one in sorted(some)[-BEST:])
        for name, some in strengths.items()
    }
    whole = sum(mass.values()) or 1.0
    return {name: mass.get(name, 0.0) / whole for name in NAMES}


def strengths_of(found: Sequence[Found]) -> dict[Name, list[float]]:
    """How strongly the spans of each level answer."""
    return {one.level: [item.strength for item in one.items] for one in found}


def ranked(found: Sequence[Found], weights: Weights) -> tuple[tuple[Name, Item], ...]:
    """Items of all levels that count, by their weight times how they rank in their own level."""
    some = [(one.level, item) for one in found if weights[one.level] >= ASKED for item in one.items]
    best = {one.level: strongest(one) for one in found}
    return tuple(
        sorted(
            some, key=lambda pair: (-weights[pair[0]] * _rank(pair[1], best[pair[0]]), pair[1].said.number)
        )
    )


def _rank(item: Item, best: float) -> float:
    """From 0 to 1: half how a search in its level ranks it, half how strongly it answers beside the best."""
    return (item.score + item.strength / best) / 2 if best > 0 else item.score
