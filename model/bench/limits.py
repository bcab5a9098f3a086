"""The most that this machine can do, and what a block of code takes of it: what every speed is set beside.

The idea: the limit is measured in the run that it judges, on the same device and threads, because cores and
memory are shared with strangers and a data sheet knows nothing of them.
"""

import ctypes
import gc
import shutil
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import torch
import transformers

from model.hardware import processor, resident_bytes, synchronise

_SIDE = {"cpu": 1536, "cuda": 8192}
"""Rows of the square matrices that are multiplied."""
_COPIED = {"cpu": 1 << 27, "cuda": 1 << 30}
"""Bytes copied to measure bandwidth: far more than any cache holds."""


@dataclass(frozen=True)
class Limits:
    """Rates of a device."""

    fp32: float
    """FLOP/s of square matrix products in fp32."""
    bf16: float
    bandwidth: float
    """Bytes per second, read and written, of a copy."""

    @property
    def flops_per_s(self) -> float:
        """The better of the two products."""
        return max(self.fp32, self.bf16)

    @property
    def dtype(self) -> torch.dtype:
        """That of the better product."""
        return torch.bfloat16 if self.bf16 > self.fp32 else torch.float32


def limits(device: torch.device, seconds: float = 0.5) -> Limits:
    """Measure each rate for about `seconds`."""
    fp32, bf16 = (product_rate(device, dtype, seconds) for dtype in (torch.float32, torch.bfloat16))
    return Limits(fp32, bf16, _bandwidth(device, seconds))


def product_rate(device: torch.device, dtype: torch.dtype, seconds: float = 0.5) -> float:
    """FLOP/s of a square matrix product; a small one where the device only emulates the type."""
    side = _SIDE[device.type]
    small = _product_seconds(device, dtype, side // 4, 0)
    if 4**3 * small > 8 * seconds:
        return 2 * (side // 4) ** 3 / small
    return 2 * side**3 / _product_seconds(device, dtype, side, seconds)


def _product_seconds(device: torch.device, dtype: torch.dtype, side: int, seconds: float) -> float:
    left, right = (torch.randn(side, side, device=device).to(dtype) for _ in range(2))
    out = torch.empty_like(left)
    return _mean_seconds(lambda: torch.mm(left, right, out=out), device, seconds)


def _bandwidth(device: torch.device, seconds: float) -> float:
    source = torch.ones(_COPIED[device.type] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * _COPIED[device.type] / _mean_seconds(lambda: target.copy_(source), device, seconds)


def _mean_seconds(work: Callable[[], object], device: torch.device, seconds: float) -> float:
    """Of `work`, repeated for so long after one for warmth."""
    work()
    synchronise(device)
    started, times = time.perf_counter(), 0
    while True:
        work()
        synchronise(device)
        times += 1
        if (spent := time.perf_counter() - started) >= seconds:
            return spent / times


class Peak:
    """Most memory held while a block runs.

    `resident` is this process's resident set; `most` is what torch took of the device, or the resident
    set where there is none.
    """

    def __init__(self, device: torch.device, every: float = 0.01) -> None:
        self.device, self.every = device, every
        self.resident = 0

    def __enter__(self) -> "Peak":
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(self.device)
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._done.set()
        self._thread.join()
        on_cpu = self.device.type == "cpu"
        self.most = self.resident if on_cpu else torch.cuda.max_memory_allocated(self.device)

    def _watch(self) -> None:
        running = True
        while running:
            running = not self._done.wait(self.every)
            self.resident = max(self.resident, resident_bytes())


def held_bytes(device: torch.device) -> int:
    """Memory held now, as `Peak.most` counts it, once what was freed before is really given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    if device.type == "cuda":
        torch.cuda.empty_cache()
        return int(torch.cuda.memory_allocated(device))
    return resident_bytes()


def describe(device: torch.device) -> dict[str, Any]:
    """Hardware, versions, date and commit, for whoever reads a figure later."""
    return {
        "processor": processor(),
        "cores": psutil.cpu_count(logical=False) or psutil.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory": psutil.virtual_memory().total,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "date": date.today().isoformat(),
        "commit": _commit(),
    }


def _commit() -> str:
    """Of the checkout this file lies in, marked where it was changed since; "" outside of one."""
    if not (Path(__file__).parents[2] / ".git").exists() or not shutil.which("git"):
        return ""
    command = ["git", "describe", "--always", "--dirty=+changes", "--exclude=*"]
    done = subprocess.run(command, cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip()
