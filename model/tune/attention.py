"""The stream's attention while a model is tuned: watched, and shared by ranks, with gradients.

The idea: a sample is one sequence whose tokens the ranks share. A rank runs its own tokens and is given the
keys and values of those before them, so that its rule is that of `attend_whole`, whose queries are the last
of the keys. Gathering has a gradient: what others owe to a rank's keys is summed and sent back to it.

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface

from model.attention.sliding_window import attend_whole, no_mask
from model.parallel.collectives import Ranks
from model.parallel.sequence import gathered

NAME = "nightread_tuned"
Watch = Callable[[int, torch.Tensor, torch.Tensor, float], None]
"""Given a layer's number, queries and keys as the model rotated them, and the scale of their products."""


class _Gather(torch.autograd.Function):
    """Everyone's keys or values along the sequence; its gradient is summed over ranks."""

    @staticmethod
    def forward(context: Any, x_BGKD: torch.Tensor, ranks: Ranks, counts: Sequence[int]) -> torch.Tensor:
        context.ranks, context.counts = ranks, counts
        return gathered(ranks, x_BGKD, counts)

    @staticmethod
    def backward(context: Any, grad_BGKD: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        ranks, counts = context.ranks, context.counts
        start = sum(counts[: ranks.rank])
        return ranks.sum(grad_BGKD)[:, :, start : start + counts[ranks.rank]], None, None


class Shared:
    """How ranks share the tokens of a sample: `counts[p]` of them are rank p's, in order."""

    def __init__(self, ranks: Ranks, counts: Sequence[int]) -> None:
        self.ranks, self.counts = ranks, counts
        self.start = sum(counts[: ranks.rank])
        self.stop = self.start + counts[ranks.rank]

    def seen(self, x_BGKD: torch.Tensor) -> torch.Tensor:
        """All keys or values that this rank's queries may see, from those of its own tokens."""
        whole: torch.Tensor = _Gather.apply(x_BGKD, self.ranks, self.counts)  # type: ignore[no-untyped-call]
        return whole[:, :, : self.stop]


def tuned_attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    *,
    sliding_window: int | None = None,
    watch: Watch | None = None,
    shared: Shared | None = None,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """Attention function in transformers' convention, see `model.attention.sliding_window`.

    Raises:
        ValueError: if the model caps its attention's logits or has sinks of its own, as for reading.
    """
    assert attention_mask is None, "samples are not padded"
    if kwargs.get("softcap") is not None or kwargs.get("s_aux") is not None:
        raise ValueError(
            "capped logits and attention sinks of the weights cannot be tuned: use another model"
        )
    if shared is not None:
        key, value = shared.seen(key), shared.seen(value)
    if watch is not None:
        watch(module.layer_idx, query, key, scaling)
    return attend_whole(module, query, key, value, scaling, sliding_window).transpose(1, 2), None


def register() -> None:
    """Make the attention known to transformers. May be called again."""
    AttentionInterface.register(NAME, tuned_attention)
    AttentionMaskInterface.register(NAME, no_mask)
