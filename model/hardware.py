"""This machine: its processor, its free memory, and how freed memory is kept. Importing it costs nothing."""

import ctypes
import hashlib
import os
import platform
import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import torch

_MALLOPT = {-1: 1 << 28, -3: 1 << 25}
"""glibc's M_TRIM_THRESHOLD, freed memory that is kept, and M_MMAP_THRESHOLD, blocks it may be made of."""
_M_ARENA_MAX = -8


def processor() -> str:
    """Name of the processor, as far as the system tells it."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()  # ARM's kernels tell no name


def multiplies_bf16(device: "torch.device") -> bool:
    """Whether products of bf16 numbers are native there; emulated ones are slower than fp32."""
    import torch

    return device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()


def synchronise(device: "torch.device") -> None:
    """Wait for what a device was asked to do: a clock that does not would measure the asking."""
    if device.type == "cuda":
        import torch

        torch.cuda.synchronize(device)


def sent(x: "torch.Tensor", device: "torch.device") -> "torch.Tensor":
    """A tensor of this process's memory on a device; a GPU's work is not waited for, as a plain copy does."""
    pinned = x.pin_memory() if device.type == "cuda" else x
    return pinned.to(device, non_blocking=True)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that this machine, or a device, has no memory for what was wanted.

    On a GPU torch has a type for it, for this machine's memory only a text.
    """
    text = str(error).lower() if isinstance(error, RuntimeError) else ""
    return isinstance(error, MemoryError) or "out of memory" in text or "allocate memory" in text


def keep_freed() -> None:
    """Let the C library keep what is freed for what comes next, as far as it is glibc.

    A chunk's layers take and free the same megabytes again and again; given back to the system each time,
    they come back as fresh pages, which costs a third of the time of a short text.
    """
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        for parameter, size in _MALLOPT.items():
            library.mallopt(parameter, size)


def share_freed() -> None:
    """Let all threads take from as many heaps as there are cores, as far as the C library is glibc.

    It gives every thread a heap, up to eight a core, and what one thread freed no other one gets: where tasks
    wander between threads, as those of a table do, each heap grows to what the largest of them took. Call it
    before there are many threads; later it changes nothing.
    """
    if hasattr(library := ctypes.CDLL(None), "mallopt"):
        library.mallopt(_M_ARENA_MAX, os.cpu_count() or 1)


def machine() -> str:
    """What this machine is called: its name, and where it has an id a hash of that, as names are given twice.

    A container has none: the one that takes its place has its name, and is taken for it.
    """
    name, path = socket.gethostname(), Path("/etc/machine-id")
    known = path.read_text().strip() if path.is_file() else ""
    return f"{name}-{hashlib.sha256(f'nightread {known}'.encode()).hexdigest()[:8]}" if known else name


def return_freed() -> None:
    """Give back to the system what is free, as far as the C library is glibc; some milliseconds."""
    if hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)


def resident_bytes(pid: int | None = None) -> int:
    """Resident memory of this process, or of another; 0 if there is none of this number."""
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0


def free_bytes(device: "torch.device") -> int:
    """Memory that can still be taken."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)
