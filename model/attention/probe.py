"""What a short text behind a context attends to: the network's own word on what matters.

Shape suffixes: B rows of a batch, N texts, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

import math
from collections.abc import Sequence

import torch

from model.attention.attend import Reach, seen


class Probe:
    """Short texts put behind one context, which see it and not each other: what do they attend to?

    Sums the attention that the last queries of each pay to every cached token, averaged over heads.

    Args:
        branches: tokens of each text.
        queries: how many of its last tokens count.
    """

    def __init__(self, branches: Sequence[int], queries: int) -> None:
        self.branches, self.queries = list(branches), queries
        self.mass_BNK: torch.Tensor | None = None

    def __call__(self, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, scale: float, reach: Reach) -> None:
        """Called by every layer's attention, with rotated queries and keys."""
        past = k_BGKD.shape[2] - q_BHQD.shape[2]
        last = torch.cat([q[:, :, -self.queries :] for q in torch.split(q_BHQD, self.branches, dim=2)], dim=2)
        batch, heads, count, dims = last.shape
        q_BGQD = last.float().reshape(batch, k_BGKD.shape[1], -1, dims)
        scores = (q_BGQD @ k_BGKD.float().transpose(2, 3) * scale).reshape(batch, heads, count, -1)
        hidden = ~self._seen(count, scores.shape[3], past, reach).to(scores.device)
        weights_BHQK = scores.masked_fill(hidden, -math.inf).softmax(-1)[..., :past]
        of_text = batch, heads, len(self.branches), self.queries, past
        mass_BNK = weights_BHQK.reshape(of_text).mean(dim=(1, 3))
        self.mass_BNK = mass_BNK if self.mass_BNK is None else self.mass_BNK + mass_BNK

    def _seen(self, count: int, keys: int, past: int, reach: Reach) -> torch.Tensor:
        """Which keys each counted query sees: the past and its own branch, as far as it reaches."""
        seen_QK = torch.zeros(count, keys, dtype=torch.bool)
        rows, start = torch.split(seen_QK, self.queries), past
        for row_QK, length in zip(rows, self.branches, strict=True):
            of_branch_QK = seen(range(past + length - self.queries, past + length), reach)
            row_QK[:, :past] = of_branch_QK[:, :past]
            row_QK[:, start : start + length] = of_branch_QK[:, past:]
            start += length
        return seen_QK
