"""Greatest products of queries with the keys of each block, without a copy of all keys in fp32.

The idea: keys are kept in bf16. A machine that multiplies bf16 natively does so, where a trial of some
milliseconds finds it quicker; elsewhere a few blocks at a time become fp32, while they are in the cache.
Products in bf16 nominate, and those in fp32 decide, so that a rounded score never chooses.

Shape suffixes: R rows (one voting head and one token of the question each), N blocks, T tokens of a block,
D head size.
"""

from collections.abc import Callable
from functools import cache
from time import perf_counter

import torch

from model.geometry import BLOCK
from model.hardware import multiplies_bf16

_BLOCKS = 64
"""Blocks that become fp32 at once: a megabyte, with heads of 64."""
_ROWS, _TRIALS = 64, 5


def greatest(rows_RD: torch.Tensor, keys_NTD: torch.Tensor) -> torch.Tensor:
    """Each row's greatest product in fp32 with a key of each block, (R, N)."""
    if keys_NTD.dtype == torch.float32:
        return _products(rows_RD, keys_NTD)
    parts = [_products(rows_RD, part_NTD.float()) for part_NTD in torch.split(keys_NTD, _BLOCKS)]
    return torch.cat(parts, 1) if parts else rows_RD.new_empty(len(rows_RD), 0)


def nearly_greatest(rows_RD: torch.Tensor, keys_NTD: torch.Tensor) -> torch.Tensor:
    """`greatest` in whatever precision is quickest here for such keys, (R, N) in fp32."""
    if keys_NTD.dtype != torch.bfloat16 or not quicker_in_bf16(keys_NTD.device, keys_NTD.shape[2]):
        return greatest(rows_RD, keys_NTD)
    return _products(rows_RD.to(torch.bfloat16), keys_NTD).float()


@cache
def quicker_in_bf16(device: torch.device, dims: int) -> bool:
    """Whether products of bf16 keys are quicker as they are than by way of fp32."""
    if not multiplies_bf16(device):
        return False
    if device.type != "cpu":
        return True
    rows_RD, keys_NTD = torch.randn(_ROWS, dims), torch.randn(_BLOCKS, BLOCK, dims).to(torch.bfloat16)
    exact = _seconds(lambda: greatest(rows_RD, keys_NTD))
    return _seconds(lambda: _products(rows_RD.to(torch.bfloat16), keys_NTD)) < exact


def _products(rows_RD: torch.Tensor, keys_NTD: torch.Tensor) -> torch.Tensor:
    """Products with every key, block by block: twice as fast as in one product."""
    return (rows_RD @ keys_NTD.mT).amax(2).T


def _seconds(work: Callable[[], object]) -> float:
    """The quickest of some calls."""
    best = float("inf")
    for _ in range(_TRIALS):
        started = perf_counter()
        work()
        best = min(best, perf_counter() - started)
    return best
