"""The arithmetic of attention: a readable rule, its fast twins, and the exact join of partial results.

The idea: attention over disjoint key sets is joined by log-sum-exp, so no part needs a mask that another one
has: the past is attended in full, a chunk causally. Which twin is quickest depends on the processor, see
`model.attention.choice`.

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

import math
from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import scaled_dot_product_attention

from model.attention import flex
from model.attention.tiles import attend_tiled

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""Causal attention of the last Q of K tokens, as `attend_reference` defines it."""


def merge(
    out_a: torch.Tensor, lse_a: torch.Tensor, out_b: torch.Tensor, lse_b: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Join attention over two disjoint key sets exactly, from outputs and log-sum-exps.

    Shapes: out (B, H, Q, D), lse (B, H, Q); an empty part has lse -inf and adds nothing. Exact as far as the
    log-sum-exps resolve: in fp32, 100 is known to 4e-6 and 10,000 to 5e-4 (float64 knows them better).
    """
    share_a = torch.sigmoid(lse_a - lse_b).nan_to_num(0.0)  # two empty parts differ by nothing that is known
    wide = torch.promote_types(out_a.dtype, torch.float32)  # a share in bf16 is as coarse as outputs
    out = torch.lerp(out_b.to(wide), out_a.to(wide), share_a[..., None].to(wide))
    return out.to(out_a.dtype), torch.logaddexp(lse_a, lse_b)


def attend_reference(
    q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor, scale: float
) -> torch.Tensor:
    """The rule itself: query i sees every key but those of later queries. Readable, quadratic memory."""
    queries, keys = q_BHQD.shape[2], k_BGKD.shape[2]
    k_BHKD, v_BHKD = (per_head(x, q_BHQD.shape[1]) for x in (k_BGKD, v_BGKD))
    scores = (q_BHQD.float() @ k_BHKD.float().transpose(2, 3)) * scale
    later = torch.ones(queries, keys, dtype=torch.bool, device=scores.device).triu(keys - queries + 1)
    weights = scores.masked_fill(later, -math.inf).softmax(-1)
    return (weights @ v_BHKD.float()).to(q_BHQD.dtype)


def attend_fused(
    q_BHQD: torch.Tensor,
    k_BGKD: torch.Tensor,
    v_BGKD: torch.Tensor,
    scale: float,
    branches: Sequence[int] | None = None,
) -> torch.Tensor:
    """`attend_reference` without a mask: the past in full and the chunk causally, joined by log-sum-exp.

    Args:
        branches: lengths of continuations of one past that stand one after the other among the queries;
            none of them sees another. The chunk is a single one by default.
    """
    queries, heads = q_BHQD.shape[2], q_BHQD.shape[1]
    past, branches = k_BGKD.shape[2] - queries, branches or [queries]
    own_k, own_v = (per_head(x[:, :, past:], heads) for x in (k_BGKD, v_BGKD))
    q_parts, k_parts, v_parts = (torch.split(x, list(branches), dim=2) for x in (q_BHQD, own_k, own_v))
    parts = [_flash(q, k, v, scale, causal=True) for q, k, v in zip(q_parts, k_parts, v_parts, strict=True)]
    own = torch.cat([out for out, _ in parts], dim=2), torch.cat([lse for _, lse in parts], dim=2)
    if past == 0:
        return own[0]
    # without a mask the heads of a group are only more queries of the same keys, which stay uncopied
    batch, groups = k_BGKD.shape[:2]
    q_BGQD = q_BHQD.reshape(batch, groups, -1, q_BHQD.shape[3])
    out, lse = _flash(q_BGQD, k_BGKD[:, :, :past], v_BGKD[:, :, :past], scale, causal=False)
    return merge(out.reshape(q_BHQD.shape), lse.reshape(q_BHQD.shape[:3]), *own)[0]


def attend_masked(
    q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor, scale: float
) -> torch.Tensor:
    """`attend_reference` by one call of torch's attention, under a mask unless there is no past.

    On GPUs flash attention has the mask built in, and the heads of a group share its keys uncopied.
    """
    queries, heads, keys = q_BHQD.shape[2], q_BHQD.shape[1], k_BGKD.shape[2]
    if q_BHQD.device.type == "cuda" and q_BHQD.dtype != torch.float32:
        return _flash(q_BHQD, k_BGKD, v_BGKD, scale, causal=True)[0]  # its last query sees the last key
    k_BHKD, v_BHKD = (per_head(x, heads) for x in (k_BGKD, v_BGKD))
    if queries == keys:
        return scaled_dot_product_attention(q_BHQD, k_BHKD, v_BHKD, is_causal=True, scale=scale)
    seen_QK = torch.ones(queries, keys, dtype=torch.bool, device=q_BHQD.device).tril(keys - queries)
    return scaled_dot_product_attention(q_BHQD, k_BHKD, v_BHKD, seen_QK, scale=scale)


def attend_flex(
    q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor, scale: float
) -> torch.Tensor:
    """`attend_reference` by FlexAttention, or by `attend_masked` where torch compiles none (see `flex`)."""
    out = flex.attend(q_BHQD, k_BGKD, v_BGKD, scale)
    return attend_masked(q_BHQD, k_BGKD, v_BGKD, scale) if out is None else out


KERNELS: dict[str, Kernel] = {
    "fused": attend_fused,
    "masked": attend_masked,
    "tiles": attend_tiled,
    "flex": attend_flex,
}
"""By the names of `model.attention.KERNEL_NAMES`."""


def per_head(x_BGKD: torch.Tensor, heads: int) -> torch.Tensor:
    """Every group's keys or values once for each of its heads, (B, H, K, D)."""
    return x_BGKD.repeat_interleave(heads // x_BGKD.shape[1], dim=1)


def _flash(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Fused attention that also returns its log-sum-exp (B, H, Q), natural logarithm, fp32."""
    if q.device.type == "cpu":
        out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
            q, k, v, is_causal=causal, scale=scale
        )
    elif q.dtype == torch.float32:
        out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
            q, k, v, None, True, 0.0, causal, scale=scale
        )
        lse = lse[:, :, : q.shape[2]]  # the kernel pads its log-sum-exp to a multiple of 32
    else:
        out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, scale=scale)
    return out, lse
