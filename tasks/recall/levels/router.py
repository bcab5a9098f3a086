"""The router: how much each level of memory counts for a question, and one ranking of what they found.

The idea: a level earns its weight by how strongly its best span answers. A softmax makes shares of that, so
weights follow the question and nothing is fixed beforehand: one about what was said a minute ago is answered
by short-term memory, the next one by what was said last year. More than the best would count how many spans a
level has, and how often it names somebody.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.recall.levels.level import NAMES, Found, Item, Level, Name, Question, Weights

SHARPNESS = 0.03
"""Difference in strength that makes a level count e times as much; chosen on four made-up dialogues."""
HEAD, RESERVED = 6, 2
"""Items that stand first by their weight alone, and those of every level that follow them."""
ASKED = 0.005
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


def weigh(strengths: Mapping[Name, float]) -> Weights:
    """Each level's share of a softmax over what its best has; a level whose best has 0 gets nothing."""
    best = max(strengths.values(), default=0.0)
    mass = {name: math.exp((one - best) / SHARPNESS) for name, one in strengths.items() if one > 0}
    whole = sum(mass.values()) or 1.0
    return {name: mass.get(name, 0.0) / whole for name in NAMES}


def ranked(found: Sequence[Found], weights: Weights) -> tuple[tuple[Name, Item], ...]:
    """Items of all levels that count, by their level's weight times how they rank in it.

    Behind the first `HEAD` come the best `RESERVED` of every level, if they are not among those: where the
    level that earned most is the wrong one, what another one has is still seen.
    """
    best = {one.level: strongest(one) for one in found}
    asked = [one for one in found if one.items and weights[one.level] >= ASKED]
    by_level = {one.level: _in_level(one, best[one.level]) for one in asked}
    every = [(name, item) for name, items in by_level.items() for item in items]
    order = sorted(every, key=lambda pair: -weights[pair[0]] * _rank(pair[1], best[pair[0]]))
    kept = [(name, item) for name, items in by_level.items() for item in items[:RESERVED]]
    first = dict.fromkeys((name, item.place.span) for name, item in [*order[:HEAD], *kept, *order])
    places = {(name, item.place.span): item for name, item in every}
    return tuple((name, places[name, span]) for name, span in first)


def _in_level(found: Found, best: float) -> list[Item]:
    return sorted(found.items, key=lambda item: -_rank(item, best))


def _rank(item: Item, best: float) -> float:
    """From 0 to 1: a third how its level ranks an item, two thirds how strongly it answers beside the best.
    With half, made-up dialogues lose eight points; with all, real ones lose three."""
    return (item.score + 2 * item.strength / best) / 3 if best > 0 else item.score
