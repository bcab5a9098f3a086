"""How heads vote for places in a text, wherever scores come from: exact products, codes, or calibration.

The idea: scores of different heads and tokens are made comparable as z-scores over a baseline, the scores of
places that stand for the whole text. Every token of the question adds its evidence, so a place that answers
the whole question stands above those that share a phrase with it; z-scores below a threshold count nothing,
and one sure token outweighs many vague ones.

Shape suffixes: R rows (one voting head and one token of the question each), N places, M places of the
baseline, H voting heads, Q tokens of the question.
"""

import math
from collections import Counter
from collections.abc import Sequence

import torch

Z_THRESHOLD = 1.0
"""z-score from which a score is evidence."""
Baseline = tuple[torch.Tensor, torch.Tensor]
"""Mean and standard deviation (R,) of each row's scores over the text."""


def votes(scores_RN: torch.Tensor, baseline_RM: torch.Tensor, heads_R: torch.Tensor) -> torch.Tensor:
    """Votes of each head for each place, (H, N): its rows' z-scores above `Z_THRESHOLD`, squared and summed.

    Args:
        scores_RN: each row's score of every place.
        baseline_RM: each row's scores of places that stand for the whole text.
        heads_R: which head each row belongs to, 0 to H - 1.
    """
    excess_RN = _excess(scores_RN, *baseline(baseline_RM))
    heads = range(int(heads_R.max()) + 1)
    return torch.stack([excess_RN[heads_R == head].sum(0) for head in heads])


def baseline(scores_RM: torch.Tensor) -> Baseline:
    """Mean and standard deviation of the scores of places that stand for the whole text."""
    return scores_RM.mean(1), scores_RM.std(1)


def total_votes(scores_RN: torch.Tensor, mean_R: torch.Tensor, std_R: torch.Tensor) -> torch.Tensor:
    """`votes` of all heads in one sum (N,), over a known baseline."""
    return _excess(scores_RN, mean_R, std_R).sum(0)


def evidence(nats_QN: torch.Tensor, share_QN: torch.Tensor) -> torch.Tensor:
    """What a question's tokens say for each of several places (N,): by how many nats they are likelier there
    than on the average, summed where they are.

    A token's probability is half the model's and half its share of the place's own tokens, so that a name
    counts where it stands although no model expects it in the question: Jelinek-Mercer smoothing, Zhai &
    Lafferty 2001, "A study of smoothing methods for language models applied to ad hoc information retrieval".
    Nats and not z-scores: the end of a question differs little between places, and means nothing.

    Args:
        nats_QN: log-probability of each token behind each place.
        share_QN: how much of each place's text it is.
    """
    nats_QN = torch.logaddexp(nats_QN, share_QN.to(nats_QN).log())
    return (nats_QN - nats_QN.mean(1, keepdim=True)).clamp_(min=0).sum(0)


def query_likelihood(texts: Sequence[Sequence[int]], asked: Sequence[int]) -> list[float]:
    """Log-likelihood of a question's tokens in each of several texts, in nats, without a model.

    A token's probability is half its share of the text and half its share of all of them (Jelinek-Mercer
    smoothing, as in `evidence`); one that stands in none of them says nothing.
    """
    counts, lengths = [Counter(text) for text in texts], list(map(len, texts))
    of_all, total = sum(counts, Counter[int]()), sum(lengths)
    share = {token: of_all[token] / total for token in asked if of_all[token]}
    return [
        sum(math.log(count[token] / (2 * length) + share[token] / 2) for token in asked if token in share)
        for count, length in zip(counts, lengths, strict=True)
    ]


def _excess(scores_RN: torch.Tensor, mean_R: torch.Tensor, std_R: torch.Tensor) -> torch.Tensor:
    z_RN = (scores_RN - mean_R[:, None]).div_(std_R[:, None].clamp(min=1e-6))
    return z_RN.sub_(Z_THRESHOLD).clamp_(min=0).square_()
