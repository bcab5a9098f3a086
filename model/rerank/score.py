"""One score for each candidate, from what the reader showed with a question behind it.

The idea: every part is measured against the other candidates of the same question, so parts and questions of
all kinds are on one scale: standard deviations above the mean.

Shape suffixes: C candidates, N heads, Q tokens of the question.
"""

import torch

from model.rerank.reading import Watched

ATTENTION, LIKELIHOOD = 0.75, 0.5
"""Weights of both parts beside a first ranking in standard deviations."""


def z_scores(x: torch.Tensor) -> torch.Tensor:
    """Standard deviations above the mean over the first dimension; 0 where all are equal."""
    centred = x - x.mean(0)
    return centred / centred.square().mean(0).sqrt().clamp(min=1e-9)


def attention(mass_CN: torch.Tensor) -> torch.Tensor:
    """What the heads pay to each candidate, (C,): mean of their z-scores, as one."""
    return z_scores(z_scores(mass_CN).mean(1))


def likelihood(logp_CQ: torch.Tensor) -> torch.Tensor:
    """How much likelier a question is behind each candidate, (C,), as z-scores.

    Of every token counts what it gains over its median behind all candidates, in nats: a candidate is not
    blamed for words that are unlikely behind it. (Ponte & Croft 1998, Sachan et al. 2022 count every token.)
    """
    median_Q = logp_CQ.median(0).values
    return z_scores((logp_CQ - median_Q).clamp(min=0).sum(1))


def scores(watched: Watched) -> list[float]:
    """The weighted sum of both parts for each candidate; of the first alone where there is no likelihood."""
    if not len(watched.mass_CN):
        return []
    total_C = ATTENTION * attention(watched.mass_CN)
    if watched.logp_CQ is not None:
        total_C = total_C + LIKELIHOOD * likelihood(watched.logp_CQ)
    found: list[float] = total_C.tolist()
    return found
