"""Torch's FlexAttention with the stream's rule as its block mask: the past in full, a chunk causally.

The idea: a mask that is known by tiles leaves no tile to compute that nobody sees, needs no log-sum-exp to
join two parts, and the heads of a group share its keys uncopied. It is a kernel only where torch compiles it,
on GPUs with Triton and a C compiler; as it stands it makes all scores at once, which tests of its rule do.

Every shape is compiled for itself, in seconds: a stream has few of them, and one program for all shapes would
be slower and is less tried. What does not compile, or comes when there are enough, is left to another kernel.

FlexAttention: Dong et al. 2024, "Flex Attention: a programming model for generating optimized attention
kernels" (arXiv 2412.05496).

Shape suffixes: B batch, H query heads, G key/value heads, Q queries, K keys, D head size.
"""

import shutil
from collections.abc import Callable
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any

import torch
from torch._dynamo.exc import TorchDynamoException
from torch.nn.attention import flex_attention as flex
from torch.nn.attention.flex_attention import BlockMask, create_block_mask

LEAST = 128
"""Queries of a compiled call, a tile of the mask; for fewer torch would take a kernel of another kind."""
_SHAPES = 8
"""Programs that are compiled, as many as torch keeps of one function by default."""
_COMPILERS = ("gcc", "cc", "clang")

_compiled: dict[tuple[object, ...], bool] = {}
"""By shape: whether it compiled."""


def attend(
    q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, v_BGKD: torch.Tensor, scale: float
) -> torch.Tensor | None:
    """`kernels.attend_reference`; None where torch compiles nothing for a GPU's call."""
    queries, keys = q_BHQD.shape[2], k_BGKD.shape[2]
    mask = _mask(queries, keys, q_BHQD.device)
    if q_BHQD.device.type == "cpu":
        return _by_the_rule(q_BHQD, k_BGKD, v_BGKD, mask, scale)
    shape = (q_BHQD.shape, k_BGKD.shape, q_BHQD.dtype, q_BHQD.device, scale)
    known = _compiled.get(shape, len(_compiled) < _SHAPES)
    if not known or queries < LEAST or not compiles(q_BHQD.device):
        return None
    try:
        out: torch.Tensor = _program()(q_BHQD, k_BGKD, v_BGKD, block_mask=mask, scale=scale, enable_gqa=True)
    except TorchDynamoException:
        _compiled[shape] = False
        return None
    _compiled[shape] = True
    return out


@cache
def compiles(device: torch.device) -> bool:
    """Whether torch has what it takes to compile for this device."""
    found = find_spec("triton") is not None and any(map(shutil.which, _COMPILERS))
    return device.type == "cuda" and found


@cache
def _program() -> Callable[..., Any]:
    return torch.compile(flex.flex_attention, dynamic=False)


def _by_the_rule(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: BlockMask, scale: float
) -> torch.Tensor:
    """As it stands. Torch would trace even this anew for every shape, unless it is told not to."""
    before = flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG
    flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = True
    try:
        out: torch.Tensor = flex.flex_attention(q, k, v, block_mask=mask, scale=scale, enable_gqa=True)
        return out
    finally:
        flex._FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = before


@lru_cache(_SHAPES)
def _mask(queries: int, keys: int, device: torch.device) -> BlockMask:
    past = keys - queries

    def seen(row: torch.Tensor, head: torch.Tensor, query: torch.Tensor, key: torch.Tensor) -> torch.Tensor:
        return key <= query + past

    with torch.inference_mode(False):  # it is kept, and may be used outside of that mode
        return create_block_mask(seen, None, None, queries, keys, device)
