"""Norms and MLPs in tiles of rows, so that what one step of them writes is still in the cache for the next.

The idea: they treat every token by itself, so a chunk can go through them a few hundred tokens at a time,
whatever they compute. Where the cache beyond a core's own is slow, as with AMX, writing and reading back what
a whole chunk makes in between takes a third of the time of reading; where it is fast, a product of fewer rows
only is a little slower. So tiles are timed on one of the model's own MLPs, once for a machine (see
`model.attention.trials`).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from model.attention.trials import Times, spent, times_of
from model.hardware import multiplies_bf16

WHOLE = "whole"
_TILES = (WHOLE, "512", "256", "128")
"""Tokens of a tile, by the names under which their times are kept."""
LEAST = 1024
"""Tokens from which a choice is worth its time; fewer are never cut."""
_TIMED = 2048
"""Tokens of a trial."""
_MOST_SECONDS, _MOST_WEIGHTS = 0.05, 1 << 25
"""Of an MLP in a trial: where it takes longer, nearly all of that are its products."""
_KINDS = ("MLP", "RMSNorm")
"""How the names of classes end that treat every token by itself."""


@contextmanager
def tiled(modules: Sequence[torch.nn.Module], rows: int) -> Iterator[None]:
    """Meanwhile these modules run in tiles of so many rows; 0 is whole.

    Args:
        modules: such as `tokenwise` finds.
    """
    cut = [module for module in modules if rows and "forward" not in vars(module)]
    for module in cut:
        module.forward = _in_tiles(module.forward, rows)
    try:
        yield
    finally:
        for module in cut:
            del module.forward


def tokenwise(decoder: torch.nn.Module, width: int) -> list[torch.nn.Module]:
    """The modules of a decoder that treat every token's hidden state, of this width, by itself."""
    weights = {"RMSNorm": lambda module: getattr(module, "weight", torch.empty(0)).numel() == width}
    return [
        module
        for module in decoder.modules()
        if (kind := _kind(module)) and weights.get(kind, lambda module: True)(module)
    ]


def times_of_tiles(modules: Sequence[torch.nn.Module], width: int) -> Times | None:
    """What tiles take on this machine, tried with the first MLP of these and a norm before it.

    Args:
        width: of a hidden state.

    Returns:
        None where nothing is tried: there are no such modules, or their products take so long that tiles
        would save nothing. Tiles take inf where those of this machine do.
    """
    found = {_kind(module): module for module in reversed(modules)}
    if found.keys() != set(_KINDS):
        return None
    mlp, norm = found["MLP"], found["RMSNorm"]
    like, threads = next(mlp.parameters()), torch.get_num_threads()
    weights = sum(parameter.numel() for parameter in mlp.parameters())
    emulated = like.dtype != torch.float32 and not multiplies_bf16(like.device)
    narrow = like.dtype.itemsize == 1  # weights are widened for every product, and would be for every tile
    if like.device.type != "cpu" or weights > _MOST_WEIGHTS or emulated or narrow:
        return None
    x_QE, whole = torch.randn(_TIMED, width).to(like.dtype), math.inf

    def trial(name: str) -> float:
        nonlocal whole
        if name != WHOLE and whole > _MOST_SECONDS:
            return math.inf
        with tiled([mlp, norm], _rows(name)):
            took = spent(lambda: mlp(norm(x_QE)), threads)
        whole = took if name == WHOLE else whole
        return took

    dtype = str(like.dtype).removeprefix("torch.")
    what = f"{dtype}, rows of {width} through an MLP of {weights} weights, {threads} threads"
    return times_of(what, _TILES, trial)


@dataclass(frozen=True)
class Tiles:
    """How many rows a tile has, and the reason for it."""

    rows: int
    """0 is whole."""
    why: str
    seconds: dict[str, float]
    """What each candidate took, as far as they were timed."""


def choice(times: Times | None) -> Tiles:
    """The quickest tiles."""
    if times is None:
        return Tiles(0, "not timed: tiles would save nothing", {})
    return Tiles(_rows(times.quickest), times.why, times.finite)


def _kind(module: torch.nn.Module) -> str:
    """Of a module that treats every token by itself, else ""."""
    return next((kind for kind in _KINDS if type(module).__name__.endswith(kind)), "")


def _rows(name: str) -> int:
    return 0 if name == WHOLE else int(name)


def _in_tiles(forward: Callable[..., Any], rows: int) -> Callable[..., Any]:
    def cut(x: torch.Tensor) -> Any:
        if not x.is_contiguous() or x.numel() < 2 * rows * x.shape[-1]:
            return forward(x)
        x_QE, out = x.flatten(0, -2), torch.empty(0)
        for start in range(0, len(x_QE), rows):
            part = forward(x_QE[start : start + rows])
            if start == 0:
                out = part.new_empty(len(x_QE), part.shape[-1])
            out[start : start + rows] = part
        return out.view(*x.shape[:-1], -1)

    return cut
