"""Which kernel computes attention: the one that was quickest when all were timed on this machine.

The idea: kinds of processors differ more than kernels do. Tiles of bf16 products are 1.4 times as fast as
torch's fused kernel with AVX512-BF16 and half as fast with AMX; a GPU has others. So the candidates are timed
once for every processor or GPU, torch, number of threads, number format and shape of heads, in 0.1 to 4
seconds, or in a minute where one has to be compiled (see `model.attention.trials`).
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter

import torch

from model.attention import AUTO, KERNEL_NAMES, flex
from model.attention.kernels import KERNELS
from model.attention.trials import cache_file, spent, times_of
from model.geometry import SINKS
from model.hardware import multiplies_bf16, synchronise

VARIABLE = "NIGHTREAD_KERNEL"
"""Environment variable that names a kernel where the caller names none."""
CPU = torch.device("cpu")
MIN_WORK = 1 << 27
"""Products of numbers from which a call is worth a choice; below it a kernel's overhead decides."""
_CALLS = 10
"""Of a trial on a GPU."""
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
    device: torch.device = CPU

    @property
    def candidates(self) -> tuple[str, ...]:
        """Kernels to try. Emulated bf16 products are tens of times slower than any other way."""
        if self.device.type != "cpu":
            return ("fused", "masked", "flex") if flex.compiles(self.device) else ("fused", "masked")
        emulated = self.dtype == torch.bfloat16 and not multiplies_bf16(CPU)
        return ("fused", "masked") if emulated else ("fused", "masked", "tiles")

    def __str__(self) -> str:
        name = str(self.dtype).removeprefix("torch.")
        where = "" if self.device.type == "cpu" else f"{torch.cuda.get_device_name(self.device)}, "
        return f"{where}{name}, {self.heads}/{self.groups} heads of {self.dims}, {self.threads} threads"


@dataclass(frozen=True)
class Choice:
    """A kernel and the reason for it."""

    kernel: str
    why: str
    seconds: dict[str, float]
    """What each candidate took, as far as they were timed; one that failed has no time."""


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
    (_, heads, queries, dims), device = q_BHQD.shape, q_BHQD.device
    if heads * queries * k_BGKD.shape[2] * dims < MIN_WORK:
        # on a GPU that is what is launched, and the masked kernel is a single launch
        return Choice("fused" if device.type == "cpu" else "masked", "too short to choose", {})
    return choose(Shape(q_BHQD.dtype, heads, k_BGKD.shape[1], dims, torch.get_num_threads(), device))


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
    return Choice(times.quickest, times.why, times.finite)


def timed(name: str, shape: Shape) -> float:
    """Seconds of one call of a kernel, on random numbers; inf on a GPU that cannot run it."""
    keys = SINKS + 2 * _QUERIES
    sizes = (shape.heads, _QUERIES), (shape.groups, keys), (shape.groups, keys)
    qkv = [torch.randn(1, *size, shape.dims).to(shape.device, shape.dtype) for size in sizes]

    def work() -> torch.Tensor:
        return KERNELS[name](qkv[0], qkv[1], qkv[2], shape.dims**-0.5)

    if shape.device.type == "cpu":
        return spent(work, shape.threads)
    try:
        if name == "flex" and flex.attend(qkv[0], qkv[1], qkv[2], shape.dims**-0.5) is None:
            return math.inf
        return _on_a_gpu(work, shape.device)
    except Exception:  # of CUDA, of a compiler or of what it made: it is no candidate
        return math.inf


def _on_a_gpu(work: Callable[[], object], device: torch.device) -> float:
    """Seconds of a call, of several in a row: a single one would mostly tell what its launch takes."""
    synchronise(device)
    started = perf_counter()
    for _ in range(_CALLS):
        work()
    synchronise(device)
    return (perf_counter() - started) / _CALLS
