"""Rows of numbers to store, tiers of which two are in memory, and a disk that is full for a while."""

import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from model.context.arena import Arena
from model.context.formats import Format
from model.context.tiers import CPU, Tiers

SHAPE = (2, 4, 8)


class TwoTiers(Tiers):
    """Two tiers in memory, as beside a CUDA device, on any machine."""

    def _memory(self, host_bytes: int, device_bytes: int) -> list[Arena]:
        size = self.format.row_bytes
        return [Arena(size, budget, CPU, pinned=False) for budget in (host_bytes // 2 + size, host_bytes)]


def row_bytes(storage: str) -> int:
    return Format(storage, SHAPE).row_bytes


def some(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, *SHAPE, generator=torch.Generator().manual_seed(seed)) * 5


def stored(rows: torch.Tensor, storage: str) -> torch.Tensor:
    """What a format keeps of some rows."""
    kept = Format(storage, tuple(rows.shape[1:]))
    return kept.decode(kept.encode(rows), torch.empty_like(rows, dtype=torch.float32))


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """A disk with no more room than this for any one file, and then with room again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def full_file(descriptor: int) -> Iterator[None]:
    """An open file whose disk has no room, while all others can be written."""
    kept, full = os.dup(descriptor), os.open("/dev/full", os.O_RDWR)
    os.dup2(full, descriptor)
    try:
        yield
    finally:
        os.dup2(kept, descriptor)
        os.close(kept)
        os.close(full)
