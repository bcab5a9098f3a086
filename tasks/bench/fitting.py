"""Fitting: the weights by which `ask` tells statements that answer from those that do not.

The idea: a logistic regression on the features of `tasks.recall.support`, over questions whose answers are
known. A reply depends on the best statement only, so after the first fit a question counts by its best right
statement and by the wrong ones that come nearest (hard negatives), and the fit is repeated.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

HARD = 3
"""Wrong statements of a question that count, the nearest to being right."""
ROUNDS = 4
RIDGE = 1.0
"""Weight of the squared weights, which keeps them small where features go together."""
SPECIFICITY = 0.96
"""Share of the questions whose answer was never read that must stay below the threshold."""


@dataclass(frozen=True)
class Example:
    """A question: features of its statements, (n, FEATURES), and which of them hold the answer, (n,)."""

    features: Array
    right: npt.NDArray[np.bool_]
    read: bool


@dataclass(frozen=True)
class Fitted:
    """Weights of the features, the bias, and the probability from which a statement is an answer."""

    weights: Array
    bias: float
    threshold: float


def fit(examples: Sequence[Example]) -> Fitted:
    """Weights that tell right from wrong statements best, and the threshold that `SPECIFICITY` needs."""
    weights = np.zeros(examples[0].features.shape[1] + 1)
    for turn in range(ROUNDS):
        chosen = [_chosen(one, weights if turn else None) for one in examples if len(one.features)]
        rows, labels, shares = (np.concatenate(some) for some in zip(*chosen, strict=True))
        weights = _newton(np.c_[rows, np.ones(len(rows))], labels, shares)
    best = sorted(
        float(1 / (1 + np.exp(-(one.features @ weights[:-1] + weights[-1]).max())))
        for one in examples
        if not one.read and len(one.features)
    )
    at = min(len(best) - 1, math.ceil(SPECIFICITY * len(best)))
    return Fitted(weights[:-1], float(weights[-1]), best[at] if best else 0.5)


def _chosen(one: Example, weights: Array | None) -> tuple[Array, Array, Array]:
    """Features, labels and shares of the statements that count; right and wrong ones count alike."""
    right, wrong = np.flatnonzero(one.right), np.flatnonzero(~one.right)
    if one.read and not len(right):
        wrong = wrong[:0]  # what was not recalled teaches nothing
    if weights is not None:
        order = np.argsort(-(one.features @ weights[:-1]), kind="stable")
        right = order[one.right[order]][:1]
        wrong = order[~one.right[order]][: HARD if len(wrong) else 0]
    taken = np.concatenate([right, wrong])
    labels = np.concatenate([np.ones(len(right)), np.zeros(len(wrong))])
    shares = np.concatenate([np.full(len(some), 1 / max(1, len(some))) for some in (right, wrong)])
    return one.features[taken], labels, shares


def _newton(rows: Array, labels: Array, shares: Array, steps: int = 25) -> Array:
    """Weights and bias that maximise the penalised likelihood, by Newton's method."""
    ridge = np.full(rows.shape[1], RIDGE)
    ridge[-1] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(steps):
        found = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (shares * (found - labels)) + ridge * weights
        curvature = (rows * (shares * found * (1 - found))[:, None]).T @ rows + np.diag(ridge)
        weights = weights - np.linalg.solve(curvature, slope)
    return weights
