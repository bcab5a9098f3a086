"""Which kernel computes attention: the one that was quickest when all were timed on this machine.

The idea: kinds of processors differ more than kernels do. Tiles of bf16 products are 1.4 times as fast as
torch's fused kernel with AVX512-BF16 and half as fast with AMX. So the candidates are timed once for every
processor, torch, number of threads, number format and shape of heads, in 0.1 to 4 seconds (see
`model.attention.trials`).
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch

from model.attention import AUTO, KERNEL_NAMES
from model.attention.kernels import KERNELS
from model.attention.trials import cache_file, spent, times_of
from model.geometry import SINKS
from model.hardware import multiplies_bf16

VARIABLE = "NIGHTREAD_KERNEL"
"""Environment variable that names a kernel where the caller names none."""
MIN_WORK = 1 << 27
"""Products of numbers from which a call is worth a choice; below it the fused kernel's overhead is least."""
_QUERIES = 2048
"""Of a trial, whose keys are the sinks, as many before and its own: those of a chunk. Fewer would not tell,
because the scores of half a chunk stay in caches that those of a whole one leave."""

Trial = Callable[[str, "Shape"], float]
"""Seconds that a kernel takes for a shape."""


@dataclass(frozen=True)
class Shape:
    """What the speed of a kernel depends on, beside the machine."""

    dtype: torch.dtype
    heads: int
    groups: int
    dims: int
    threads: int

    @property
    def candidates(self) -> tuple[str, ...]:
        """Kernels to try. Emulated bf16 products are tens of times slower than any other way."""
        emulated = self.dtype == torch.bfloat16 and not multiplies_bf16(torch.device("cpu"))
        return tuple(name for name in KERNELS if name != "tiles" or not emulated)

    def __str__(self) -> str:
        name = str(self.dtype).removeprefix("torch.")
        return f"{name}, {self.heads}/{self.groups} heads of {self.dims}, {self.threads} threads"


@dataclass(frozen=True)
class Choice:
    """A kernel and the reason for it."""

    kernel: str
    why: str
    seconds: dict[str, float]
    """What each candidate took, where they were timed."""


def requested(kernel: str = AUTO) -> str:
    """The kernel that a caller names, else the one that the environment names, else `AUTO`.

    Raises:
        ValueError: if there is none of that name.
    """
    name = kernel if kernel != AUTO else os.environ.get(VARIABLE) or AUTO
    if name not in KERNEL_NAMES:
        place = VARIABLE if kernel == AUTO else "kernel"
        raise ValueError(f"{place}={name!r}: choose one of {', '.join(KERNEL_NAMES)}")
    return name


def choice_for(q_BHQD: torch.Tensor, k_BGKD: torch.Tensor, kernel: str = AUTO) -> Choice:
    """The kernel for a call with such queries and keys.

    Raises:
        ValueError: if there is no kernel of that name.
    """
    if (named := requested(kernel)) != AUTO:
        return Choice(named, "forced", {})
    if q_BHQD.device.type != "cpu":
        return Choice("fused", "the only one on this device", {})
    _, heads, queries, dims = q_BHQD.shape
    if heads * queries * k_BGKD.shape[2] * dims < MIN_WORK:
        return Choice("fused", "too short to choose", {})
    return choose(Shape(q_BHQD.dtype, heads, k_BGKD.shape[1], dims, torch.get_num_threads()))


_known: dict[Shape, Choice] = {}


def choose(shape: Shape) -> Choice:
    """The kernel for long calls of a shape on this machine, timed if it never was."""
    if shape not in _known:
        _known[shape] = quickest(shape, cache_file())
    return _known[shape]


def quickest(shape: Shape, file: Path, trial: Trial | None = None, today: date | None = None) -> Choice:
    """The candidate that `trial` finds quickest, from the times kept in `file` or from new ones."""
    asked = trial or timed
    what = f"{shape}, {_QUERIES} queries"
    times = times_of(what, shape.candidates, lambda name: asked(name, shape), file, today)
    return Choice(times.quickest, times.why, times.seconds)


def timed(name: str, shape: Shape) -> float:
    """Seconds of one call of a kernel, on random numbers."""
    keys = SINKS + 2 * _QUERIES
    q_BHQD = torch.randn(1, shape.heads, _QUERIES, shape.dims).to(shape.dtype)
    k_BGKD, v_BGKD = (torch.randn(1, shape.groups, keys, shape.dims).to(shape.dtype) for _ in range(2))
    return spent(lambda: KERNELS[name](q_BHQD, k_BGKD, v_BGKD, shape.dims**-0.5), shape.threads)
