"""Which heads re-rank: those that pay most to the passage that a question was made from.

The idea: as for long contexts (see `model.context.calibrate`), heads are added one by one while that helps.
What a head pays is only comparable between candidates of one question, so it counts in standard deviations
over them.

Shape suffixes: C candidates, N heads.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from model.rerank.score import z_scores

MAX_HEADS = 8
_GAIN = 0.003
"""A head is added if it raises the mean log-probability of the right passage by this much."""


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
    nats: float
    """Mean log-probability of it, if scores were logits."""


def choose(trials: Sequence[Trial]) -> list[int]:
    """Numbers of the heads that together tell the right passage, the best one first."""
    z = [(z_scores(trial.mass_CN), trial.right) for trial in trials]
    heads, chosen, best = z[0][0].shape[1], list[int](), -torch.inf
    while len(chosen) < MAX_HEADS:
        gains = {
            head: _nats([(z_CN[:, [*chosen, head]].mean(1), right) for z_CN, right in z])
            for head in range(heads)
            if head not in chosen
        }
        head = max(gains, key=gains.__getitem__)
        if gains[head] < best + _GAIN:
            break
        best = gains[head]
        chosen.append(head)
    return chosen


def quality(trials: Sequence[Trial], heads: Sequence[int]) -> Quality:
    """How well these heads do together."""
    scored = [(z_scores(trial.mass_CN)[:, list(heads)].mean(1), trial.right) for trial in trials]
    ranks = [1 + int((score_C > score_C[right]).sum()) for score_C, right in scored]
    return Quality(
        first=sum(rank == 1 for rank in ranks) / len(ranks),
        reciprocal=sum(1 / rank for rank in ranks) / len(ranks),
        nats=_nats(scored),
    )


def _nats(scored: Sequence[tuple[torch.Tensor, int]]) -> float:
    return float(torch.stack([score_C.log_softmax(0)[right] for score_C, right in scored]).mean())
