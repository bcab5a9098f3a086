"""Dense attention as the model was published with it, which tells how much queries attend to given keys.

The idea: short texts of different lengths are rows of one batch, so padding is masked and positions are the
model's own. Products are computed again for the few heads that are asked for, which costs little.

Shape suffixes: B rows, H query heads, G key/value heads, h chosen heads of a layer, N all chosen heads,
Q queries, K keys, D head size.
"""

import math
from collections.abc import Sequence
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "nightread_dense"


class Mass:
    """How much of the last queries' attention goes to some keys of every row, head by head.

    Args:
        heads: (layer, query head), as `model.context.heads.Heads` names them.
        own_BK: which keys of each row count; keys behind them do not.
        last: queries that count, from the end.
    """

    def __init__(self, heads: Sequence[tuple[int, int]], own_BK: torch.Tensor, last: int) -> None:
        self.heads, self.own_BK, self.last = list(heads), own_BK, last
        self._found: dict[tuple[int, int], torch.Tensor] = {}

    def __call__(
        self, layer: int, q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, mask: torch.Tensor, scale: float
    ) -> None:
        """Called by every layer's attention, with rotated queries and keys; `mask` (B, 1, Q, K): seen."""
        chosen = [head for where, head in self.heads if where == layer]
        if not chosen:
            return
        group = q_BHQD.shape[1] // k_BGKD.shape[1]
        q_BhQD = q_BHQD[:, chosen, -self.last :].float()
        k_BhKD = k_BGKD[:, [head // group for head in chosen]].float()
        scores_BhQK = q_BhQD @ k_BhKD.transpose(2, 3) * scale
        shares_BhQK = scores_BhQK.masked_fill(~mask[:, :, -self.last :], -math.inf).softmax(-1)
        own_BK = self.own_BK
        mass_Bh = torch.einsum("bhqk,bk->bh", shares_BhQK[..., : own_BK.shape[1]], own_BK.float()) / self.last
        self._found.update({(layer, head): mass_Bh[:, at] for at, head in enumerate(chosen)})

    @property
    def mass_BN(self) -> torch.Tensor:
        """Mean share of the queries' attention, in the order of `heads`, fp32."""
        return torch.stack([self._found[head] for head in self.heads], 1)


def dense(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    on_attention: Mass | None = None,
    **kwargs: Any,
) -> tuple[torch.Tensor, None]:
    """Torch's attention, in transformers' convention; `on_attention` is told the queries and keys."""
    if on_attention is not None:
        assert attention_mask is not None, "rows of different lengths come with their mask"
        on_attention(module.layer_idx, query, key, attention_mask, scaling)
    out: tuple[torch.Tensor, None] = sdpa_attention_forward(
        module, query, key, value, attention_mask, scaling=scaling, **kwargs
    )
    return out


def register() -> None:
    """Make `attn_implementation="nightread_dense"` known to transformers. May be called again."""
    AttentionInterface.register(NAME, dense)
    AttentionMaskInterface.register(NAME, sdpa_mask)
