"""Attention on a CPU that multiplies bf16 natively: tiles of scores, made and used by matrix products.

The idea: torch's fused kernel for CPUs reaches a sixth of the rate of matrix products, and nearly all of
attention is two of them. So each tile of queries makes all its scores at once, few enough to stay in the
cache, and only the softmax between the two products is elementwise. Scores are rounded to bf16, which is too
coarse for large ones: inside the first product, before the rounding, every row is shifted by its greatest
score over a sample of the keys: the first ones, the query's own, some of the past. A softmax does not change
by a shift, and the scores that weigh most are then near zero, where bf16 is finest; a head whose greatest
scores the sample misses is a little less exact.

Shape suffixes: B batch, H query heads, G key/value heads, M heads of a group, Q queries, K keys, S sampled
keys, R rows (the queries of all of a group's heads in a tile), D head size.
"""

import math

import torch

_TILE = 256
"""Queries of a tile."""
_WHOLE, _EVERY = 64, 8
"""Keys of the past that are sampled: the first ones, where most attention falls, and each eighth behind."""


def attend_tiled(
    q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor, scale: float
) -> torch.Tensor:
    """`kernels.attend_reference` in bf16: query i sees every key but those of later queries."""
    batch, heads, queries, dims = q_BHQD.shape
    groups, keys = k_BGKD.shape[1:3]
    q_GMQD = q_BHQD.reshape(batch * groups, heads // groups, queries, dims)
    k_GKD, v_GKD = (x.reshape(batch * groups, keys, -1) for x in (k_BGKD, v_BGKD))
    out_GMQD = q_GMQD.new_empty(*q_GMQD.shape[:3], v_BGKD.shape[3])
    tiles = _Tiles(q_GMQD[0], keys, scale)
    for group in zip(q_GMQD, k_GKD, v_GKD, out_GMQD, strict=True):
        tiles.attend(*group)
    return out_GMQD.reshape(batch, heads, queries, -1)


class _Tiles:
    """What the tiles of all groups share: room for one tile's scores, and what it hides of its own keys."""

    def __init__(self, q_MQD: torch.Tensor, keys: int, scale: float) -> None:
        self.heads, self.queries = q_MQD.shape[:2]
        self.past, self.scale = keys - self.queries, scale
        side = min(_TILE, self.queries)
        self.room = q_MQD.new_empty(self.heads * side * keys)
        self.hidden_QK = q_MQD.new_full((side, side), -math.inf).triu(1)

    def attend(
        self, q_MQD: torch.Tensor, k_KD: torch.Tensor, v_KD: torch.Tensor, out_MQD: torch.Tensor
    ) -> None:
        """Attention of one group's heads, written to `out_MQD`."""
        shift_MQ1 = self._shift(q_MQD, k_KD)
        for start in range(0, self.queries, _TILE):
            own = slice(start, start + _TILE)
            q_RD, shift_R1 = q_MQD[:, own].flatten(0, 1), shift_MQ1[:, own].flatten(0, 1)
            seen = min(self.past + own.stop, len(k_KD))
            scores_RK = self.room[: len(q_RD) * seen].view(-1, seen)
            torch.addmm(shift_R1, q_RD, k_KD[:seen].T, alpha=self.scale, out=scores_RK)
            self._hide_later(scores_RK, start)
            torch.softmax(scores_RK, -1, out=scores_RK)
            out_MQD[:, own] = (scores_RK @ v_KD[:seen]).view(self.heads, -1, v_KD.shape[1])

    def _shift(self, q_MQD: torch.Tensor, k_KD: torch.Tensor) -> torch.Tensor:
        """Minus every query's greatest score over a sample of the keys, (M, Q, 1)."""
        first = max(1, min(_WHOLE, self.past))  # what every query sees
        sample_SD = torch.cat([k_KD[:first], k_KD[first : max(self.past, first) : _EVERY]])
        greatest_MQ = (q_MQD.flatten(0, 1) @ sample_SD.T).amax(1).view(self.heads, self.queries)
        own_MQ = (q_MQD * k_KD[self.past :]).sum(-1)
        greatest_MQ = torch.maximum(greatest_MQ, own_MQ)
        if self.past < self.queries:  # the past alone is too short a sample
            greatest_MQ = torch.maximum(greatest_MQ, self._before(q_MQD, k_KD[self.past :: _EVERY]))
        return (greatest_MQ * -self.scale)[..., None]

    def _before(self, q_MQD: torch.Tensor, own_SD: torch.Tensor) -> torch.Tensor:
        """Every query's greatest score over sampled keys of its own chunk that are not later, (M, Q)."""
        scores_MQS = (q_MQD.flatten(0, 1) @ own_SD.T).view(self.heads, self.queries, -1)
        place_Q1, place_S = torch.arange(self.queries)[:, None], torch.arange(len(own_SD)) * _EVERY
        return scores_MQS.masked_fill_(place_Q1 < place_S, -math.inf).amax(2)

    def _hide_later(self, scores_RK: torch.Tensor, start: int) -> None:
        """Take a tile's own keys from the queries before them."""
        own_MQK = scores_RK.view(self.heads, -1, scores_RK.shape[1])[:, :, self.past + start :]
        side = own_MQK.shape[1]
        own_MQK.add_(self.hidden_QK[:side, :side])
