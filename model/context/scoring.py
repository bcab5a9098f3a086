"""How heads vote for places in a text, wherever scores come from: exact products, codes, or calibration.

The idea: scores of different heads and tokens are made comparable as z-scores over what is usual in the text.
Every token of the question adds its evidence, so a place that answers the whole question stands above those
that share a phrase with it; what is usual says nothing, and one sure token outweighs many vague ones.

Shape suffixes: R rows (one voting head and one token of the question each), N places, M places that show what
is usual, H voting heads.
"""

import torch

USUAL = 1.0
"""Standard deviations above the mean that are no evidence."""
Usual = tuple[torch.Tensor, torch.Tensor]
"""Mean and standard deviation (R,) of each row's scores of what stands for the whole text."""


def votes(scores_RN: torch.Tensor, usual_RM: torch.Tensor, heads_R: torch.Tensor) -> torch.Tensor:
    """Votes of each head for each place, (H, N): its rows' parts of z above `USUAL`, squared and summed.

    Args:
        scores_RN: each row's score of every place.
        usual_RM: each row's scores of places that stand for the whole text.
        heads_R: which head each row belongs to, 0 to H - 1.
    """
    evidence_RN = _evidence(scores_RN, *usual(usual_RM))
    heads = range(int(heads_R.max()) + 1)
    return torch.stack([evidence_RN[heads_R == head].sum(0) for head in heads])


def usual(scores_RM: torch.Tensor) -> Usual:
    """What scores of places that stand for the whole text are like."""
    return scores_RM.mean(1), scores_RM.std(1)


def together(scores_RN: torch.Tensor, mean_R: torch.Tensor, spread_R: torch.Tensor) -> torch.Tensor:
    """`votes` of all heads in one sum (N,), where mean and standard deviation of what is usual are known."""
    return _evidence(scores_RN, mean_R, spread_R).sum(0)


def _evidence(scores_RN: torch.Tensor, mean_R: torch.Tensor, spread_R: torch.Tensor) -> torch.Tensor:
    z_RN = (scores_RN - mean_R[:, None]).div_(spread_R[:, None].clamp(min=1e-6))
    return z_RN.sub_(USUAL).clamp_(min=0).square_()
