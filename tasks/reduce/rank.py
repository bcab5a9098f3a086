"""How central sentences are to the text they stand in, and how alike any two of them are.

The idea: tf-idf vectors of stemmed words. A sentence is central if it is near their mean (centroid), or near
sentences that are near others (LexRank: PageRank on similarities, Erkan and Radev 2004).
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ALIKE = 0.1
"""Sentences less similar than this are no neighbours to LexRank."""
FEWEST_TERMS = 6
"""A shorter sentence gains no more by being short."""
DAMPING, ROUNDS = 0.85, 30


@dataclass(frozen=True)
class Ranks:
    """Of n sentences: cosines (n, n), and how central each is, (n,), from 0 to 1."""

    similarity: Floats
    centrality: Floats


def ranks(terms: Sequence[Sequence[str]]) -> Ranks:
    """Similarities and centralities of sentences given as their terms; memory grows with their square."""
    vectors = _tf_idf(terms)
    similarity = vectors @ vectors.T
    centre = vectors.sum(axis=0)
    near = vectors @ (centre / max(float(np.linalg.norm(centre)), 1e-9))
    centrality: Floats = (_unit(near) + _unit(_lexrank(similarity))) / np.float32(2)
    return Ranks(similarity, centrality)


class Coverage:
    """What the sentences not taken yet would add of the words that the text repeats.

    A word's weight is the root of the number of its sentences times its squared idf: what comes back, but not
    everywhere. A sentence gains the weights of its words that none taken has, over the root of its length.
    """

    def __init__(self, terms: Sequence[Sequence[str]]) -> None:
        count = len(terms)
        found = Counter(term for some in terms for term in set(some))
        columns = {term: column for column, term in enumerate(t for t, n in found.items() if n > 1)}
        weights = [found[term] ** 0.5 * math.log(count / found[term]) ** 2 for term in columns]
        self.left: Floats = np.array(weights, dtype=np.float32)
        self.holds = np.zeros((count, len(columns)), dtype=bool)
        for row, some in enumerate(terms):
            self.holds[row, [columns[term] for term in set(some) if term in columns]] = True
        self.size: Floats = np.sqrt(
            np.array([max(len(some), FEWEST_TERMS) for some in terms], dtype=np.float32)
        )
        self.most = max(float(self.gains(1.0).max(initial=0.0)), 1e-9)

    def gains(self, most: float | None = None) -> Floats:
        """From 0 to 1: the most that any sentence would have added at first."""
        gained: Floats = self.holds.astype(np.float32) @ self.left / self.size
        return gained / np.float32(self.most if most is None else most)

    def take(self, at: int) -> None:
        """The words of a sentence are told now."""
        self.left[self.holds[at]] = 0.0


def _tf_idf(terms: Sequence[Sequence[str]]) -> Floats:
    """Unit vectors over the terms that two sentences or more share; the others only add to the length."""
    count = len(terms)
    found = Counter(term for some in terms for term in set(some))
    columns = {term: column for column, term in enumerate(t for t, n in found.items() if n > 1)}
    idf = {term: math.log((1 + count) / (1 + n)) + 1 for term, n in found.items()}
    vectors = np.zeros((count, len(columns)), dtype=np.float32)
    for row, some in enumerate(terms):
        squares = 0.0
        for term, times in Counter(some).items():
            value = times * idf[term]
            squares += value * value
            if (column := columns.get(term)) is not None:
                vectors[row, column] = value
        vectors[row] /= max(squares**0.5, 1e-9)
    return vectors


def _lexrank(similarity: Floats) -> Floats:
    count = len(similarity)
    links = np.where(similarity > ALIKE, similarity, 0)
    np.fill_diagonal(links, 0)
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1e-9)
    rank: Floats = np.full(count, 1 / max(count, 1), dtype=np.float32)
    for _ in range(ROUNDS):
        rank = (np.float32((1 - DAMPING) / count) + np.float32(DAMPING) * (links.T @ rank)).astype(np.float32)
    return rank


def _unit(values: Floats) -> Floats:
    """Scaled from 0 at the least to 1 at the most."""
    if not len(values):
        return values
    low = values.min()
    scaled: Floats = (values - low) / max(float(values.max() - low), 1e-9)
    return scaled
