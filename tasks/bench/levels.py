"""Weights between levels of memory, and eviction from mid-term memory, measured on made-up dialogues.

The idea: where a fact was said decides which level holds it, so what a level earned can be counted as right
or wrong, and the same questions show what fixed weights would have answered.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, get_args

import numpy as np

from tasks.bench.dialogue import Dialogue, Planted, dialogue
from tasks.bench.means import mean, standard_error
from tasks.bench.progress import Progress, silent
from tasks.memory.sessions.clusters import Eviction, Tuning
from tasks.memory.sessions.session import MID_TERM, Session
from tasks.recall.candidates import Embed
from tasks.recall.levels.answer import Asking, recall_rounds
from tasks.recall.levels.level import NAMES, Item, Name, Weights
from tasks.recall.levels.recent import recent
from tasks.recall.levels.router import Routed, ranked
from tasks.settings import RecallConfig

ROUNDS, FACTS = 300, 12
"""Rounds of a dialogue, and facts planted for each level."""
WINDOW = 600
"""Tokens of the current context: some 24 rounds of these."""
STEPS = 10
"""Fixed weights are multiples of a tenth, and equal ones."""
VECTORS = (512, 2048, 8192)
LONG_SENTENCES, LONG_ROUNDS, LONG_FACTS = 40, 120, 60
"""A dialogue of long rounds, whose last 100 hold more spans than there are vectors."""


@dataclass(frozen=True, slots=True)
class Case:
    """A question, the level that holds its fact, and what was found."""

    fact: Planted
    level: Name
    routed: Routed


def evaluate_levels(embed: Embed, seeds: Sequence[int], progress: Progress = silent) -> dict[str, Any]:
    """How often the level that holds a fact earns most weight, and how often the first item is the fact's
    round: by these weights, by the best of all fixed ones, and by equal ones. Shares with standard errors.

    Fixed weights are tried on ranks within levels, as ours are, and on strengths, which are on one scale.
    """
    cases: list[Case] = []
    for done, seed in enumerate(seeds):
        progress("asking dialogues", done, len(seeds))
        cases += _asked(embed, seed)
    progress("asking dialogues", len(seeds), len(seeds))
    right = [_most(one.routed.weights) == one.level for one in cases]
    fixed = {_name(one): _first(cases, _ranks(one)) for one in _grid()}
    strong = {_name(one): _first(cases, _strengths(one)) for one in _grid()}
    own = [one.routed.items[0][1].said.number == one.fact.round for one in cases]
    return {
        "questions": len(cases),
        "right": _share(right),
        "right_by_level": {
            name: _share([ok for ok, one in zip(right, cases, strict=True) if one.level == name])
            for name in NAMES
        },
        "first": _share(own),
        "first_fixed": _best(fixed),
        "first_equal": _share(_first(cases, _ranks(dict.fromkeys(NAMES, 1 / 3)))),
        "first_strength": _share(_first(cases, lambda one: _by_strength(one, one.routed.weights))),
        "first_fixed_strength": _best(strong),
    }


def _asked(embed: Embed, seed: int) -> list[Case]:
    """The questions about a dialogue with as many facts in each level."""
    random, context = Random(seed), WINDOW // 25 - 4
    ranges = ((1, ROUNDS // 2), (ROUNDS - MID_TERM + 1, ROUNDS - 40), (ROUNDS - context + 1, ROUNDS))
    where = [number for first, last in ranges for number in random.sample(range(first, last + 1), FACTS)]
    made = dialogue(ROUNDS, len(where), seed, where=where)
    with (
        tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as folder,
        Session(Path(folder) / "session", "measured") as session,
    ):
        fill(session, made, embed)
        some = recent(session, WINDOW)
        newest = {span.round for span in some.spans}
        how = Asking(embed, RecallConfig(), WINDOW)
        return [
            Case(one, _level(one.round, some.first, newest), recall_rounds(session, one.question, how)[2])
            for one in made.facts
        ]


def fill(session: Session, made: Dialogue, embed: Embed, batch: int = 64) -> None:
    """Add all rounds of a dialogue to a session."""
    for at in range(0, len(made.rounds), batch):
        session.add(made.rounds[at : at + batch], embed)


def _level(number: int, first: int, newest: set[int]) -> Name:
    return "short" if number >= first else "mid" if number in newest else "long"


def _most(weights: Weights) -> Name:
    return max(NAMES, key=lambda name: weights[name])


def _grid() -> list[Weights]:
    thirds: list[Weights] = [dict.fromkeys(NAMES, 1 / 3)]
    parts = [(a, b, STEPS - a - b) for a, b in product(range(STEPS + 1), repeat=2) if a + b <= STEPS]
    return thirds + [dict(zip(NAMES, (one / STEPS for one in some), strict=True)) for some in parts]


def _name(weights: Weights) -> str:
    return " / ".join(f"{weights[name]:.2f}" for name in NAMES)


def _ranks(weights: Weights) -> Callable[[Case], Sequence[tuple[Name, Item]]]:
    return lambda one: ranked(one.routed.found, weights)


def _strengths(weights: Weights) -> Callable[[Case], Sequence[tuple[Name, Item]]]:
    return lambda one: _by_strength(one, weights)


def _by_strength(one: Case, weights: Weights) -> Sequence[tuple[Name, Item]]:
    some = [(found.level, item) for found in one.routed.found for item in found.items]
    return sorted(some, key=lambda pair: -weights[pair[0]] * pair[1].strength)


def _first(cases: Sequence[Case], order: Callable[[Case], Sequence[tuple[Name, Item]]]) -> list[bool]:
    """Of every case whether the first item is of the fact's round."""
    firsts = [order(one)[:1] for one in cases]
    return [
        bool(first) and first[0][1].said.number == one.fact.round
        for first, one in zip(firsts, cases, strict=True)
    ]


def _share(held: Sequence[bool]) -> list[float]:
    """A share and its standard error."""
    return [mean(held), standard_error(held)]


def _best(some: dict[str, list[bool]]) -> dict[str, Any]:
    name = max(some, key=lambda one: sum(some[one]))
    return {"weights": name, "share": _share(some[name])}


def evaluate_eviction(embed: Embed, seed: int, progress: Progress = silent) -> list[dict[str, Any]]:
    """Every kind of eviction with every number of vectors: the share of facts of the last 100 rounds whose
    span is among the 10 best of mid-term memory, and of all levels; spans and bytes in memory; milliseconds
    of processor time to add a round of forty sentences, without embedding it."""
    made = dialogue(
        LONG_ROUNDS, LONG_FACTS, seed, LONG_SENTENCES, range(LONG_ROUNDS - LONG_FACTS, LONG_ROUNDS)
    )
    known: dict[str, np.ndarray] = {}

    def remembered(texts: list[str]) -> np.ndarray:
        fresh = [one for one in dict.fromkeys(texts) if one not in known]
        known.update(zip(fresh, embed(fresh), strict=True) if fresh else ())
        return np.array([known[one] for one in texts])

    rows = []
    trials = list(product(VECTORS, get_args(Eviction)))
    for done, (most, eviction) in enumerate(trials):
        progress("measuring eviction", done, len(trials))
        rows.append(_evicting(made, remembered, Tuning(most=most, eviction=eviction)))
    progress("measuring eviction", len(trials), len(trials))
    return rows


def _evicting(made: Dialogue, embed: Embed, tuning: Tuning) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as folder:
        with Session(Path(folder) / "before", "measured") as session:
            fill(session, made, embed)  # what is embedded here is not embedded again while it is timed
        with Session(Path(folder) / "session", "measured", tuning) as session:
            began = process_time()
            fill(session, made, embed, 1)
            spent = process_time() - began
            how = Asking(embed, RecallConfig(), 0)
            mid, every = [], []
            for fact in made.facts:
                routed = recall_rounds(session, fact.question, how)[2]
                found = next(one for one in routed.found if one.level == "mid").items
                mid.append(_holds(found, fact))
                every.append(_holds([item for _, item in routed.items], fact))
            vectors = len(session.clusters)
            return {
                "eviction": tuning.eviction,
                "most": tuning.most,
                "vectors": vectors,
                "spans": session.store.count_spans("cluster >= 0"),
                "bytes": vectors * session.clusters.row_bytes,
                "mid": _share(mid),
                "all": _share(every),
                "add_ms": round(1000 * spent / len(made.rounds), 1),
            }


def _holds(items: Sequence[Item], fact: Planted) -> bool:
    """Whether one of the ten best spans says the fact."""
    return any(
        item.said.number == fact.round and fact.value in item.said.text[item.place.start : item.place.end]
        for item in items[:10]
    )
