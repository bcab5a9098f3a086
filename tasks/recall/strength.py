"""How strongly memory answers a question, from 0 to 1 on one scale for all questions and memories.

The idea: a search always finds something, and its best score says nothing by itself. How near the nearest
passage is in meaning does, and so does how much of the question it names; together they tell a question that
a memory answers from one about things that it never read.
"""

from collections.abc import Mapping, Sequence, Set

from tasks.recall.candidates import Nominated
from tasks.recall.hit import Hit
from tasks.recall.terms import stems
from tasks.runs.ledger import Row

ANSWER = 0.38
"""Least strength of an answer: 1 % of the questions whose answer was read are weaker, and 75 % of those asked
of a conversation between other people (two dialogues of LoCoMo)."""


def cosines(nominated: Sequence[Nominated]) -> dict[str, float]:
    """The highest cosine of every record that was found by meaning, by its id."""
    found: dict[str, float] = {}
    for some in nominated:
        if not some.search.by_words:
            for nominee, value in zip(some.nominees, some.values.tolist(), strict=True):
                found[nominee.id] = max(value, found.get(nominee.id, 0.0))
    return found


def strength(question: str, rows: Sequence[Row], near: Mapping[str, float]) -> float:
    """Of the best of these records: two thirds its cosine, one third the share of the question's words in it.

    Without a cosine, or without a word to look for, the other counts alone.
    """
    asked = stems(question)
    best = 0.0
    for row in sorted(rows, key=lambda row: -near.get(row["id"], -1.0)):
        cosine = near.get(row["id"])
        if _scored(1.0, cosine, asked) > best:  # its words need not be looked at where all would not do
            best = max(best, _of(asked, row, cosine))
    return best


def _of(asked: Set[str], row: Row, cosine: float | None) -> float:
    named = stems("\n".join([row.get("title", ""), row.get("section", ""), row["text"]]))
    return _scored(len(asked & named) / len(asked) if asked else 0.0, cosine, asked)


def _scored(covered: float, cosine: float | None, asked: Set[str]) -> float:
    """Strength of a record with this share of the question's words in it."""
    if cosine is None:
        return covered
    return min(1.0, max(0.0, (2 * cosine + covered) / 3 if asked else cosine))


def answers(hits: Sequence[Hit]) -> bool:
    """Whether the best of these hits is strong enough to be shown as an answer."""
    return bool(hits) and hits[0].score >= ANSWER
