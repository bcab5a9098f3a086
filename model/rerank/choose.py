"""Which heads re-rank: those that pay most to the passage that a question was made from.

The idea: each head is judged alone, by the rank that the right passage has among those beside it, and the
best few are averaged. Adding heads one by one, as for long contexts (see `model.context.calibrate`), ends
after two, and two heads that were best for one kind of text are not for another.

Shape suffixes: C candidates, N heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.rerank.score import attention

HEADS = 8


@dataclass(frozen=True)
class Trial:
    """A question behind several passages: what every head paid to each, and which one it was made from."""

    mass_CN: torch.Tensor
    right: int


@dataclass(frozen=True)
class Quality:
    """How well heads tell the right passage."""

    first: float
    """Share of questions for which it is the best one."""
    reciprocal: float
    """Mean reciprocal rank."""


def choose(trials: Sequence[Trial], most: int = HEADS) -> list[int]:
    """Numbers of the heads with the highest mean reciprocal rank of the right passage, the best one first."""
    rank_SN = torch.stack([1 + (trial.mass_CN > trial.mass_CN[trial.right]).sum(0) for trial in trials])
    mean_N = (1 / rank_SN).mean(0)
    chosen: list[int] = mean_N.argsort(descending=True, stable=True)[:most].tolist()
    return chosen


def quality(trials: Sequence[Trial], heads: Sequence[int]) -> Quality:
    """How well these heads do together."""
    scores = [attention(trial.mass_CN[:, list(heads)]) for trial in trials]
    ranks = [
        1 + int((score_C > score_C[trial.right]).sum()) for score_C, trial in zip(scores, trials, strict=True)
    ]
    return Quality(
        first=sum(rank == 1 for rank in ranks) / len(ranks),
        reciprocal=sum(1 / rank for rank in ranks) / len(ranks),
    )
