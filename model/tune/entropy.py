"""Entropy of attention: of the heads that retrieve over the whole context, of the others over the window.

The idea: an entropy is divided by that of even attention, so it lies between 0, one token, and 1, all alike,
whatever the length. Heads that retrieve are compared without positions, as the engine compares them (see
`model.context.retrieve`): the model's rotation is turned back. A few queries stand for all.

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size, S sampled queries.
"""

import math
from collections.abc import Sequence

import torch

from model.attention.rotation import Rotation
from model.context.heads import Heads
from model.geometry import SINKS

SAMPLED = 16
"""Queries of a sequence that are looked at."""


def normalised(scores: torch.Tensor, seen: torch.Tensor) -> torch.Tensor:
    """Mean entropy of softmax over the keys that are `seen`, over that of even attention.

    Args:
        scores: (..., S, K).
        seen: (S, K) bool, at least two keys for each query.
    """
    log_p = scores.masked_fill(~seen, -math.inf).log_softmax(-1)
    terms = torch.where(seen, log_p.exp() * log_p.masked_fill(~seen, 0.0), 0.0)
    return (-terms.sum(-1) / seen.sum(-1).log()).mean()


def turned_back(x: torch.Tensor, rotation: Rotation, places: torch.Tensor) -> torch.Tensor:
    """Queries or keys (..., N, D) as they were before the model rotated them to `places` (N,)."""
    turned = 2 * rotation.cos_KR.shape[1]
    if turned == 0:
        return x
    cos, sin = rotation.cos_KR[places], rotation.sin_KR[places]
    parts = x[..., :turned].float()
    if rotation.neighbours:
        one, two = parts[..., ::2], parts[..., 1::2]
        back = torch.stack([one * cos + two * sin, two * cos - one * sin], -1).flatten(-2)
    else:
        one, two = parts.chunk(2, -1)
        back = torch.cat([one * cos + two * sin, two * cos - one * sin], -1)
    return torch.cat([back, x[..., turned:].float()], -1)


class Entropies:
    """Watches one pass of a sequence; `retrieval` and `local` are the means over its layers.

    Args:
        heads: those that retrieve; only their layers are looked at.
        rotation: of every layer, for positions up to the sequence's length.
        window: tokens that other heads are looked at over.
        start: position of the first query in the sequence.
    """

    def __init__(self, heads: Heads, rotation: Sequence[Rotation], window: int, start: int = 0) -> None:
        self.heads, self.rotation, self.window, self.start = heads, rotation, window, start
        self._retrieval: list[torch.Tensor] = []
        self._local: list[torch.Tensor] = []

    def __call__(self, layer: int, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, scale: float) -> None:
        pairs = [pair for pair in self.heads.pairs if pair[0] == layer]
        places_S = self._sampled(q_BHQD.shape[2], q_BHQD.device)
        if not pairs or not len(places_S):
            return
        q_HSD = q_BHQD[0, :, places_S - self.start]
        for pair in pairs:
            heads = self.heads.of(pair)
            scores = self._apart(layer, q_HSD[heads], k_BGKD[0, pair[1]], places_S) * scale
            keys_K = torch.arange(scores.shape[-1], device=scores.device)
            self._retrieval.append(normalised(scores, keys_K <= places_S[:, None]))
        retrieving = {head for pair in pairs for head in self.heads.of(pair)}
        others = [head for head in range(q_HSD.shape[0]) if head not in retrieving]
        if others:
            self._local.append(self._near(q_HSD, k_BGKD[0], others, places_S, scale))

    @property
    def retrieval(self) -> torch.Tensor:
        return torch.stack(self._retrieval).mean() if self._retrieval else torch.zeros(())

    @property
    def local(self) -> torch.Tensor:
        return torch.stack(self._local).mean() if self._local else torch.ones(())

    def _sampled(self, queries: int, device: torch.device) -> torch.Tensor:
        """Even places of queries, none so early that it sees next to nothing."""
        first, stop = max(self.start, SINKS), self.start + queries
        if stop <= first:
            return torch.zeros(0, dtype=torch.long, device=device)
        return torch.linspace(first, stop - 1, min(SAMPLED, stop - first), device=device).long()

    def _apart(
        self, layer: int, q_HSD: torch.Tensor, k_KD: torch.Tensor, places_S: torch.Tensor
    ) -> torch.Tensor:
        """Products without positions."""
        rotation, places_K = self.rotation[layer], torch.arange(len(k_KD), device=k_KD.device)
        return turned_back(q_HSD, rotation, places_S) @ turned_back(k_KD, rotation, places_K).T

    def _near(
        self,
        q_HSD: torch.Tensor,
        k_GKD: torch.Tensor,
        others: Sequence[int],
        places_S: torch.Tensor,
        scale: float,
    ) -> torch.Tensor:
        """Of the other heads, over the window before each query."""
        size = q_HSD.shape[0] // k_GKD.shape[0]
        groups = [head // size for head in others]
        scores_HSK = q_HSD[list(others)].float() @ k_GKD[groups].float().transpose(1, 2) * scale
        keys_K = torch.arange(k_GKD.shape[1], device=q_HSD.device)
        behind_SK = places_S[:, None] - keys_K
        return normalised(scores_HSK, (behind_SK >= 0) & (behind_SK < self.window))
