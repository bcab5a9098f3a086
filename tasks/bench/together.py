"""One text read by several ranks together, timed: a process of the scaling benchmark.

The idea: what the simulator needs is measured in the run that it is checked against: what a rank does by
itself while the others do the same, and what a message costs by its number and by its bytes.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model import weights
from model.cost import read_flops
from model.geometry import SINKS
from model.parallel import collectives
from model.parallel.collectives import Ranks
from model.parallel.sequence import OverHeads, RanksReader
from model.reader import Reader
from model.weights.precision import pick_precision
from tasks.ingest.ipc import Parent, Wire

SMALL, LARGE = (1 << 10, 50), (1 << 22, 8)
"""Bytes of a message, and how many are timed."""


@dataclass(frozen=True)
class ReadTogether:
    """What every rank is sent."""

    rank: int
    world: int
    port: int
    folder: str
    """Of the model."""
    device: str
    precision: str
    threads: int
    stride: int
    ids: tuple[int, ...]
    turns: int


@dataclass(frozen=True)
class Measured:
    """What a rank answers."""

    sent: int
    """Bytes that it sent in a turn."""
    rates: tuple[float, ...]
    """FLOP/s of this rank by itself, around every turn."""
    seconds: tuple[float, ...]
    """Of every turn."""
    latency_s: float
    """Of a collective that carries next to nothing."""
    bytes_per_s: float
    """Of a collective that carries much."""
    way: str
    """Heads or sequence: how a chunk is shared out."""
    itemsize: int
    """Bytes of an activation."""


WIRE = Wire(ReadTogether, Measured)


def measure(request: ReadTogether) -> Measured:
    """Read the text together with the other ranks."""
    torch.set_num_threads(request.threads)
    device = weights.pick_device(request.device)
    reader = Reader(Path(request.folder), request.stride, device, pick_precision(request.precision, device))
    ids, first = request.ids, request.ids[: request.stride]
    with collectives.join(request.rank, request.world, request.port, device=device) as ranks:
        shared = RanksReader(reader, ranks)
        shared.read(shared.start(), first)  # the first one loads kernels and opens links
        _read(reader, first)
        latency, bandwidth = _link(ranks)
        rates, seconds = [], []
        for _ in range(request.turns):
            before = _rate(reader, ranks, first)
            ranks.sent.clear()
            seconds.append(_timed(ranks, lambda: _read(shared, ids)))
            sent = sum(ranks.sent.values())
            rates.append((before + _rate(reader, ranks, first)) / 2)
        way = "heads" if isinstance(shared.way, OverHeads) else "sequence"
    itemsize = reader.dtype.itemsize
    return Measured(sent, tuple(rates), tuple(seconds), latency, bandwidth, way, itemsize)


def _timed(ranks: Ranks, work: Any) -> float:
    """From the moment where all have come to the moment where all are done."""
    ranks.barrier()
    started = time.perf_counter()
    work()
    ranks.barrier()
    return time.perf_counter() - started


def _read(reader: Reader, ids: Sequence[int]) -> None:
    cache = reader.start()
    for start in range(0, len(ids), reader.stride):
        reader.read(cache, ids[start : start + reader.stride])


def _rate(reader: Reader, ranks: Ranks, ids: Sequence[int]) -> float:
    """Operations a second of one rank, while all others do the same each by itself."""
    seconds = _timed(ranks, lambda: _read(reader, ids))
    return read_flops(reader.config, len(ids), reader.stride, SINKS) / seconds


def _link(ranks: Ranks) -> tuple[float, float]:
    """Seconds of a collective that carries next to nothing, and bytes per second of one that carries much."""
    each = []
    for size, times in (SMALL, LARGE):
        x = torch.zeros(size // 4 // ranks.world * ranks.world, device=ranks.device)
        equal = [len(x) // ranks.world] * ranks.world
        _exchange(ranks, x, equal, 2)
        seconds = _timed(ranks, lambda x=x, equal=equal, times=times: _exchange(ranks, x, equal, times))
        each.append((seconds / times, (ranks.world - 1) * equal[0] * 4))
    (small_s, small), (large_s, large) = each
    return small_s, (large - small) / max(large_s - small_s, 1e-9)


def _exchange(ranks: Ranks, x: torch.Tensor, equal: list[int], times: int) -> None:
    for _ in range(times):
        ranks.exchange(x, equal, equal)


def main() -> None:
    parent = Parent(WIRE)
    parent.send(measure(parent.receive(ReadTogether)))


if __name__ == "__main__":
    main()
