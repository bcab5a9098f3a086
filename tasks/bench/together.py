"""One text read by several ranks together, timed: a process of the scaling benchmark.

The idea: what the simulator needs is measured in the run that it is checked against: what a rank does by
itself while the others do the same, and what a message costs by its number and by its bytes. The request
comes on stdin as one JSON object, the answer goes to stdout as another.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch

from model import weights
from model.cost import read_flops
from model.geometry import SINKS
from model.parallel import collectives as parallel
from model.parallel.collectives import Ranks
from model.parallel.sequence import OverHeads, RanksReader
from model.reader import Reader

SMALL, LARGE = (1 << 10, 50), (1 << 22, 8)
"""Bytes of a message, and how many are timed."""


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """Read `ids` together with the other ranks.

    Returns:
        {"sent", "turns", "latency_s", "bytes_per_s", "way", "itemsize"}: bytes this rank sent in a turn; of
        every turn the FLOP/s of a rank by itself and the seconds; of a collective seconds and bytes a second.
    """
    torch.set_num_threads(request["threads"])
    device = weights.pick_device(request["device"])
    reader = Reader(Path(request["folder"]), request["stride"], device, weights.pick_dtype(device))
    ids, stride = request["ids"], request["stride"]
    with parallel.join(request["rank"], request["world"], request["port"], device=device) as ranks:
        spread = RanksReader(reader, ranks)
        spread.read(spread.start(), ids[:stride])  # the first one loads kernels and opens links
        _read(reader, ids[:stride])
        latency, bandwidth = _link(ranks)
        turns = []
        for _ in range(request["turns"]):
            rate = _rate(reader, ranks, ids[:stride])
            ranks.sent.clear()
            seconds = _timed(ranks, lambda: _read(spread, ids))
            sent = sum(ranks.sent.values())
            turns.append([(rate + _rate(reader, ranks, ids[:stride])) / 2, seconds])
        way = "heads" if isinstance(spread.way, OverHeads) else "sequence"
    measured = {"sent": sent, "turns": turns, "latency_s": latency, "bytes_per_s": bandwidth}
    return measured | {"way": way, "itemsize": reader.dtype.itemsize}


def _timed(ranks: Ranks, work: Any) -> float:
    """From the moment where all have come to the moment where all are done."""
    ranks.barrier()
    started = time.perf_counter()
    work()
    ranks.barrier()
    return time.perf_counter() - started


def _read(reader: Reader, ids: list[int]) -> None:
    cache = reader.start()
    for start in range(0, len(ids), reader.stride):
        reader.read(cache, ids[start : start + reader.stride])


def _rate(reader: Reader, ranks: Ranks, ids: list[int]) -> float:
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
    """What libraries print goes to stderr."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers.write(json.dumps(measure(json.loads(sys.stdin.read()))) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
