"""What a level of memory is, and what it finds.

The idea: short-term, mid-term and long-term memory answer one question in one way, with spans of what was
said, best first. Scores compare spans of one level; strength is on one scale for all levels, so that the
router can tell which of them knows.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tasks.memory.sessions.round import Round
from tasks.recall.candidates import Embed
from tasks.recall.terms import stems, terms
from tasks.text.sentences import sentences

Vector = npt.NDArray[np.float32]
Name = Literal["short", "mid", "long"]

NAMES: tuple[Name, ...] = ("short", "mid", "long")
"""From the newest to the oldest."""
ITEMS, LONG_ITEMS = 24, 96
"""Spans that a level shows, its best. Long-term memory holds many times as many as the others: of 10,000
rounds 24 hold what answers for 80 % of questions, 96 for 94 %."""
NAMELESS, COVERED, NAMED, NEW = 0.5, 0.375, 0.45, 0.35
"""What counts beside the cosine with the question, which counts 1: that with the question without its names,
the words and the names of it that are said, and what is said beyond it. Chosen on four made-up dialogues."""

Weights = Mapping[Name, float]
"""How much each level counts; they add up to 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its unit vector (256,), that of it without its names, and the stems of its content words
    with their weights, which add up to 1: rare ones say more. `names` are those that name somebody or
    something, or are numbers; `held` says in how many of `total` spans of what was said last a stem is."""

    text: str
    vector: Vector
    nameless: Vector
    weights: Mapping[str, float]
    names: frozenset[str]
    held: Mapping[str, int]
    total: int

    def rarity(self, stem: str) -> float:
        """How much a word says that is in few spans; never 0."""
        return math.log(1 + (self.total + 0.5) / (self.held.get(stem, 0) + 0.5))


def understood(text: str, embed: Embed, said: Sequence[str]) -> Question:
    """The question that all levels are asked.

    Args:
        said: spans of what was said last, from which it is learnt which words are rare.
    """
    found = terms(text)
    held = Counter(stem for one in said for stem in stems(one))
    names = frozenset(one.stem for one in found if one.kind != "word")
    vectors = np.asarray(embed([text, _without(text, names)]), dtype=np.float32)
    asked = Question(text, vectors[0], vectors[1], {}, names, held, len(said))
    rare = {one.stem: asked.rarity(one.stem) for one in found}
    whole = sum(rare.values()) or 1.0
    return replace(asked, weights={stem: value / whole for stem, value in rare.items()})


def _without(text: str, names: Set[str]) -> str:
    """A question without the words that are names or numbers; as it is where nothing else is left."""
    left = " ".join(word for word in text.split() if not names & stems(word))
    return left if terms(left) else text


@dataclass(frozen=True, slots=True)
class Place:
    """Characters [start, end) of a round, the number of that span in its session, and its words behind what
    was said before."""

    span: int
    start: int
    end: int
    context: str


@dataclass(frozen=True, slots=True)
class Item:
    """A place in a round that may answer.

    `score` is 1 for the level's best; `strength` is on one scale for all levels (see `strength_of`); `cosine`
    that of the span and the question.
    """

    said: Round
    place: Place
    score: float
    cosine: float
    strength: float


def item(question: Question, said: Round, place: Place, score: float, vector: Vector) -> Item:
    """A span of a round, whose unit vector is `vector`, (256,), as an item of a level."""
    text = f"{said.speaker}\n{said.text[place.start : place.end]}"
    return Item(said, place, score, float(question.vector @ vector), strength_of(question, text, vector))


def strength_of(question: Question, text: str, vector: Vector) -> float:
    """How strongly a text with this unit vector, (256,), answers, about 0 to 1.

    Its cosine with the question is high for whatever names whom the question names; so what is asked of them
    counts for itself, and names are compared as words: what is about somebody else does not answer, however
    alike it is. And what answers says, and does not ask, what the question does not: a word seldom said.
    """
    held = stems(text)
    covered = sum(weight for stem, weight in question.weights.items() if stem in held)
    named = len(question.names & held) / len(question.names) if question.names else 1.0
    told = stems("\n".join(text[start:end] for start, end in sentences(text) if text[end - 1] != "?"))
    new = max((question.rarity(stem) for stem in told - question.weights.keys()), default=0.0)
    alike = float(question.vector @ vector) + NAMELESS * float(question.nameless @ vector)
    words = COVERED * covered + NAMED * named + NEW * new / question.rarity("")
    return (alike + words) / (1 + NAMELESS + COVERED + NAMED + NEW)


@dataclass(frozen=True, slots=True)
class Found:
    """What one level has for a question, best first."""

    level: Name
    items: tuple[Item, ...]


class Level(Protocol):
    """One level of memory."""

    name: Name

    def find(self, question: Question) -> Found:
        """Its best spans."""
