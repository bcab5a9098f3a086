"""What a level of memory is, and what it finds.

The idea: short-term, mid-term and long-term memory answer one question in one way, with spans of what was
said, best first. Scores compare spans of one level; strength is on one scale for all levels, so that the
router can tell which of them knows.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from tasks.memory.sessions.round import Round
from tasks.recall.candidates import Embed
from tasks.recall.terms import stems, terms

Vector = npt.NDArray[np.float32]
Name = Literal["short", "mid", "long"]

NAMES: tuple[Name, ...] = ("short", "mid", "long")
"""From the newest to the oldest."""
ITEMS = 24
"""Spans that a level shows, its best."""
COVERED, NAMED = 0.25, 0.3
"""What the words and the names of a question count for beside the cosine: chosen on three made-up dialogues,
where 0.5 of either does as well within a standard error."""

Weights = Mapping[Name, float]
"""How much each level counts; they add up to 1."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its unit vector (256,), and the stems of its content words with their weights, which add up
    to 1: rare ones say more. `names` are those that name somebody or something, or are numbers; `held` says
    in how many of `total` spans of what was said last each is."""

    text: str
    vector: Vector
    weights: Mapping[str, float]
    names: frozenset[str]
    held: Mapping[str, int]
    total: int


def understood(text: str, embed: Embed, said: Sequence[str]) -> Question:
    """The question that all levels are asked.

    Args:
        said: spans of what was said last, from which it is learnt which words are rare.
    """
    found = terms(text)
    held = Counter(stem for one in said for stem in stems(one))
    rare = {one.stem: math.log(1 + (len(said) + 0.5) / (held[one.stem] + 0.5)) for one in found}
    whole = sum(rare.values()) or 1.0
    weights = {stem: value / whole for stem, value in rare.items()}
    names = frozenset(one.stem for one in found if one.kind != "word")
    vector = np.asarray(embed([text])[0], dtype=np.float32)
    return Question(text, vector, weights, names, held, len(said))


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


def item(question: Question, said: Round, place: Place, score: float, cosine: float) -> Item:
    """A span of a round as an item of a level."""
    text = f"{said.speaker}\n{said.text[place.start : place.end]}"
    return Item(said, place, score, cosine, strength_of(question, text, cosine))


def strength_of(question: Question, text: str, cosine: float) -> float:
    """How strongly a text answers, about 0 to 1: by its cosine with the question, and by the shares of the
    question's words and of its names that it holds. What is about somebody else does not answer, however
    alike its words."""
    held = stems(text)
    covered = sum(weight for stem, weight in question.weights.items() if stem in held)
    named = len(question.names & held) / len(question.names) if question.names else 1.0
    return (cosine + COVERED * covered + NAMED * named) / (1 + COVERED + NAMED)


@dataclass(frozen=True, slots=True)
class Found:
    """What one level has for a question, best first."""

    level: Name
    items: tuple[Item, ...]


class Level(Protocol):
    """One level of memory."""

    name: Name

    def find(self, question: Question) -> Found:
        """Its `ITEMS` best spans."""
