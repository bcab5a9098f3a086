"""ROUGE: the words, word pairs and longest sequence that a summary shares with its reference (Lin 2004).

The idea: F1 of precision and recall over stemmed, lower-cased words, as the package rouge-score counts them.
ROUGE-L is the sentence-level one: the longest common subsequence of the two whole texts, each taken as one
sequence of words.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tasks.text.stems import stem

_WORD = re.compile(r"[^\W_]+")
STEMMED_FROM = 4
"""Shorter words stay as they are, as in rouge-score."""


@dataclass(frozen=True)
class Rouge:
    """F1 of ROUGE-1, ROUGE-2 and ROUGE-L, each from 0 to 1."""

    one: float
    two: float
    longest: float


def rouge(summary: str, reference: str) -> Rouge:
    """ROUGE of a summary beside its reference; 0 where one of them has no words."""
    ours, gold = tokens(summary), tokens(reference)
    common = _common_subsequence(ours, gold)
    return Rouge(
        _overlap(ours, gold),
        _overlap(list(pairwise(ours)), list(pairwise(gold))),
        _f1(common, len(ours), len(gold)),
    )


def tokens(text: str) -> list[str]:
    """Stems of the words of `text`, lower-cased, in order."""
    return [_stem(word) for word in _WORD.findall(text.lower())]


def _stem(word: str) -> str:
    return stem(word, "porter") if len(word) >= STEMMED_FROM else word


def _overlap(ours: Sequence[object], gold: Sequence[object]) -> float:
    common = (Counter(ours) & Counter(gold)).total()
    return _f1(common, len(ours), len(gold))


def _f1(common: int, ours: int, gold: int) -> float:
    """The harmonic mean of common / ours and common / gold."""
    return 2 * common / (ours + gold) if ours and gold else 0.0


def _common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence, by dynamic programming in one row."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]
