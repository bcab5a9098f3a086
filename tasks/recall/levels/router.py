"""The router: how much each level of memory counts for a question, and one ranking of what they found.

The idea: a level earns its weight by how strongly its best spans answer. A softmax makes shares of that, so
weights follow the question and nothing is fixed beforehand: one about what was said a minute ago is answered
by short-term memory, the next one by what was said last year.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.recall.levels.level import NAMES, Found, Item, Level, Name, Question, Weights

SHARPNESS = 0.1
"""Difference in strength that makes a level count e times as much."""
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
    earned = weigh({one.level: strongest(one) for one in found})
    return Routed(found, earned, ranked(found, earned))


def strongest(found: Found) -> float:
    """How strongly the best of a level answers; 0 where it has nothing."""
    return max((item.strength for item in found.items), default=0.0)


def weigh(strengths: dict[Name, float]) -> Weights:
    """Shares of levels by how strongly each answers; a level that has nothing gets none."""
    best = max(strengths.values(), default=0.0)
    grown = {
        name: math.exp((value - best) / SHARPNESS) if value > 0 else 0.0 for name, value in strengths.items()
    }
    whole = sum(grown.values()) or 1.0
    return {name: grown.get(name, 0.0) / whole for name in NAMES}


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
