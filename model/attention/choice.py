"""Which kernel computes attention: the one that was quickest when all were timed on this machine.

The idea: kinds of processors differ more than kernels do. Tiles of bf16 products are 1.4 times as fast as
torch's fused kernel with AVX512-BF16 and half as fast with AMX. So the candidates are timed once for every
processor, torch, number of threads, number format and shape of heads, in 0.1 to 4 seconds, and the times
are kept in the user's cache folder for a month: a machine that was busy then, or was given another
microcode or fewer cores since, is not judged by it for ever.
"""

import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import torch

from model.attention import AUTO, KERNEL_NAMES
from model.attention.kernels import KERNELS
from model.files import locked, write_atomic
from model.geometry import SINKS
from model.hardware import multiplies_bf16, processor

VARIABLE = "NIGHTREAD_KERNEL"
"""Environment variable that names a kernel where the caller names none."""
CACHE_VARIABLE = "NIGHTREAD_CACHE"
"""Environment variable that names another folder than the user's cache for the times."""
KEPT_DAYS = 30
"""Days after which times are taken anew."""
MIN_WORK = 1 << 27
"""Products of numbers from which a call is worth a choice; below it the fused kernel's overhead is least."""
_QUERIES, _ROUNDS = 2048, 3
"""Of a trial, whose keys are the sinks, as many before and its own: those of a chunk. Fewer would not tell,
because the scores of half a chunk stay in caches that those of a whole one leave. A first round more only
warms up."""

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
    """The candidate that `trial` finds quickest, from the times kept in `file` or from new ones, kept there.

    A file that cannot be read or written is done without.
    """
    key = f"{processor()}, torch {torch.__version__}, {shape}, {_QUERIES} queries"
    today = today or date.today()
    if found := _kept(_read(file).get(key), shape, today):
        return found.choice(f"measured on {found.day}, kept in {file}")
    measured = Times(today, _measured(shape, trial or timed))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(file.with_suffix(".lock")):
            kept = _read(file)
            # workers that start together must choose alike, or they would round differently
            measured = _kept(kept.get(key), shape, today) or measured
            entry = {"date": measured.day.isoformat(), "seconds": measured.seconds}
            write_atomic(file, json.dumps({**kept, key: entry}, indent=1))
    except OSError:
        pass
    return measured.choice("measured now")


@dataclass(frozen=True)
class Times:
    """What each candidate took, and when that was measured."""

    day: date
    seconds: dict[str, float]

    def choice(self, why: str) -> Choice:
        return Choice(min(self.seconds, key=self.seconds.__getitem__), why, self.seconds)


def _kept(entry: Any, shape: Shape, today: date) -> Times | None:
    """Times from a file; None if they are too old, or not of today's candidates."""
    try:
        times = Times(date.fromisoformat(entry["date"]), entry["seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    fresh = abs(today - times.day) <= timedelta(days=KEPT_DAYS)  # days ahead: by a clock that was wrong
    return times if fresh and set(times.seconds) == set(shape.candidates) else None


def _measured(shape: Shape, trial: Trial) -> dict[str, float]:
    seconds = dict.fromkeys(shape.candidates, math.inf)
    for number in range(_ROUNDS + 1):  # in turns, because a shared machine changes its speed
        for name in seconds:
            spent = trial(name, shape)
            if number:
                seconds[name] = min(seconds[name], spent)
    return seconds


def timed(name: str, shape: Shape) -> float:
    """Seconds of one call of a kernel, on random numbers.

    Where other processes wait for the same cores, what a call waits would decide: it is the time of its
    threads that is counted there. Elsewhere that would not tell which kernel leaves cores idle.
    """
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    clock, threads = (time.process_time, shape.threads) if busy else (time.perf_counter, 1)
    keys = SINKS + 2 * _QUERIES
    q_BHQD = torch.randn(1, shape.heads, _QUERIES, shape.dims).to(shape.dtype)
    k_BGKD, v_BGKD = (torch.randn(1, shape.groups, keys, shape.dims).to(shape.dtype) for _ in range(2))
    started = clock()
    KERNELS[name](q_BHQD, k_BGKD, v_BGKD, shape.dims**-0.5)
    return (clock() - started) / threads


def cache_file() -> Path:
    """Where times are kept between processes."""
    if named := os.environ.get(CACHE_VARIABLE):
        return Path(named) / "kernels.json"
    folder = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(folder) / "nightread" / "kernels.json"


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
