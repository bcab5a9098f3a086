"""A chunk's attention: by the kernel chosen for this machine, and as far back as a layer sees.

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import scaled_dot_product_attention

from model.attention import AUTO
from model.attention.choice import choice_for
from model.attention.kernels import KERNELS, attend_fused, attend_masked, per_head


def attend(
    q_BHQD: torch.Tensor,
    k_BGKD: torch.Tensor,
    v_BGKD: torch.Tensor,
    scale: float,
    branches: Sequence[int] | None = None,
    kernel: str = AUTO,
) -> torch.Tensor:
    """`kernels.attend_reference`, by the kernel of this name or by the quickest.

    Args:
        branches: as `kernels.attend_fused` takes them; several are its alone.
    """
    if branches and len(branches) > 1:
        return attend_fused(q_BHQD, k_BGKD, v_BGKD, scale, branches)
    if torch.is_grad_enabled() and any(x.requires_grad for x in (q_BHQD, k_BGKD, v_BGKD)):
        # the fused kernel's log-sum-exps have no gradient, by which its parts would be joined
        return attend_masked(q_BHQD, k_BGKD, v_BGKD, scale)
    return KERNELS[choice_for(q_BHQD, k_BGKD, kernel).kernel](q_BHQD, k_BGKD, v_BGKD, scale)


@dataclass(frozen=True)
class Reach:
    """How far back a layer sees of its own accord, in positions of what is attended."""

    window: int | None = None
    """Keys that a query sees up to itself (Mistral, Gemma 3)."""
    chunk: int | None = None
    """Tokens of a chunk, which sees nothing before it (Llama 4)."""

    def first(self, place: int) -> int:
        """The first key that a query at `place` sees."""
        begun = place // self.chunk * self.chunk if self.chunk else 0
        return max(begun, place - self.window + 1 if self.window else 0)


def attend_near(
    q_BHQD: torch.Tensor,
    k_BGKD: torch.Tensor,
    v_BGKD: torch.Tensor,
    scale: float,
    reach: Reach,
    branches: Sequence[int] | None = None,
    kernel: str = AUTO,
    padding_B1: torch.Tensor | None = None,
) -> torch.Tensor:
    """`attend`, with queries that see no further back than `reach`; behind padding as `attend_padded`."""
    if padding_B1 is not None:
        return attend_padded(q_BHQD, k_BGKD, v_BGKD, scale, reach, padding_B1)
    queries = q_BHQD.shape[2]
    past, branches = k_BGKD.shape[2] - queries, list(branches or [queries])
    if reach.first(past + max(branches) - 1) == 0:
        return attend(q_BHQD, k_BGKD, v_BGKD, scale, branches, kernel)
    first = reach.first(past)
    parts = []
    for q, k, v in zip(
        *(torch.split(x[:, :, -queries:], branches, 2) for x in (q_BHQD, k_BGKD, v_BGKD)), strict=True
    ):
        k, v = (torch.cat([x[:, :, first:past], own], 2) for x, own in ((k_BGKD, k), (v_BGKD, v)))
        k, v = (per_head(x, q_BHQD.shape[1]) for x in (k, v))
        seen_QK = seen(range(past, past + q.shape[2]), reach)[:, first:].to(q.device)
        parts.append(scaled_dot_product_attention(q, k, v, seen_QK, scale=scale))
    return torch.cat(parts, 2)


def attend_padded(
    q_BH1D: torch.Tensor,
    k_BGKD: torch.Tensor,
    v_BGKD: torch.Tensor,
    scale: float,
    reach: Reach,
    padding_B1: torch.Tensor,
) -> torch.Tensor:
    """One query a row, the last of its keys, of which the first `padding_B1` are none of the row's.

    All positions of a row are shifted by its padding, which changes no angle between query and key.
    """
    batch, heads, _, dims = q_BH1D.shape
    place_K = torch.arange(k_BGKD.shape[2], device=q_BH1D.device)
    seen_BK = padding_B1 <= place_K
    if reach.window:
        seen_BK &= place_K > place_K[-1] - reach.window
    # of a single query the heads of a group are only more queries of the same keys, which stay uncopied
    q_BGQD = q_BH1D.reshape(batch, k_BGKD.shape[1], -1, dims)
    out = scaled_dot_product_attention(q_BGQD, k_BGKD, v_BGKD, seen_BK[:, None, None], scale=scale)
    return out.reshape(batch, heads, 1, dims)


def seen(places: Sequence[int], reach: Reach) -> torch.Tensor:
    """Which keys up to the last of them queries at `places` see, (Q, K) bool."""
    first_Q1 = torch.tensor([[reach.first(place)] for place in places])
    place_Q1, place_K = torch.tensor(places)[:, None], torch.arange(places[-1] + 1)
    return (first_Q1 <= place_K) & (place_K <= place_Q1)
