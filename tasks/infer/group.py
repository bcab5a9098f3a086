"""Ranks: processes that read, each with its share of the cores and one of the devices, singly or in groups.

The idea: reading different shards needs no exchange, so ranks that do are alone: in a group the death of
one ends all. Only where `infer.sequence_parallel` ranks read every chunk together do they join one, as a
DeepSpeed job (`model.parallel.collectives`), started directly: DeepSpeed's launcher takes 10 to 22 s, and
brings nothing else here. Either way a node sees groups: what is said to one reaches all its ranks, and its
first rank answers.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import psutil

from tasks.errors import InvalidInput
from tasks.settings import InferConfig, ShardConfig

START_S = 600.0
"""Loading models may take so long."""
_TAIL = 4000


@dataclass(frozen=True)
class Setup:
    """What every rank of every node is told: where things are, and how to read."""

    home: Path
    infer: InferConfig
    shard: ShardConfig
    key: str

    def as_dict(self) -> dict[str, Any]:
        infer, shard = asdict(self.infer), asdict(self.shard)
        return {"home": str(self.home), "infer": infer, "shard": shard, "key": self.key}


def environment(local_rank: int, ranks: int) -> dict[str, str]:
    """Variables of a rank: its share of the cores, and its device among those that may be seen here."""
    devices = visible_devices()
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": str(threads(ranks)),
        # a rank that waits leaves its core to the others
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": devices[local_rank % len(devices)] if devices else "",
        "TOKENIZERS_PARALLELISM": "false",
    }


def visible_devices() -> list[str]:
    """Names of the CUDA devices that may be used here."""
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return [str(number) for number in range(torch.cuda.device_count())]
    return [name for name in named.split(",") if name]


def threads(ranks: int) -> int:
    """Cores for each of so many ranks."""
    return max(1, len(os.sched_getaffinity(0)) // ranks)


class Rank:
    """One reader process, as its node sees it.

    Args:
        local_rank: which of the node's.
        place: its "rank" in its group, and the "port" where that meets.
    """

    def __init__(self, local_rank: int, setup: Setup, place: dict[str, int]) -> None:
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tasks.infer.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(local_rank, setup.infer.workers),
            start_new_session=True,  # an interrupt is the node's to handle
        )
        self.watched = psutil.Process(self.process.pid)
        self.ready, self.heard, self._part = False, time.monotonic(), b""
        shared = replace(setup.infer, threads=setup.infer.threads or threads(setup.infer.workers))
        self.tell({**replace(setup, infer=shared).as_dict(), **place})

    def tell(self, message: dict[str, Any]) -> None:
        """A rank that is gone hears nothing; that it is gone is seen elsewhere."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(message).encode() + b"\n")
            self.process.stdin.flush()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What it said since last asked; to be called when its pipe is readable."""
        assert self.process.stdout is not None
        self._part += os.read(self.process.stdout.fileno(), 1 << 20)
        *lines, self._part = self._part.split(b"\n")
        self.heard = time.monotonic()
        yield from map(json.loads, lines)

    def ailment(self, config: InferConfig, busy: bool) -> str:
        """Why it has to be given up, or ""; one that is `busy` must give signs."""
        if self.process.poll() is not None:
            return self._cause(self.process.returncode)
        silent = time.monotonic() - self.heard
        if (busy or not self.ready) and silent > (config.heartbeat_timeout_s if self.ready else START_S):
            return f"it gave no sign for {silent:.0f} s"
        used = _resident(self.watched) >> 20
        if config.worker_memory_mb and used > config.worker_memory_mb:
            return f"it took {used} MiB of memory, over infer.worker_memory_mb={config.worker_memory_mb}"
        return ""

    def _cause(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return "it was killed (SIGKILL), as the system does when memory runs out"
        if code < 0:
            return f"it was ended by {signal.Signals(-code).name}"
        return f"it failed: {(self.said().splitlines() or ['no message'])[-1]}"

    def said(self) -> str:
        """The end of what it wrote to stderr."""
        self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, self.errors.tell() - _TAIL))
        return self.errors.read().decode(errors="replace").strip()

    def close(self, wait_s: float = 0.0) -> None:
        """End it: by closing its pipe, or by force after `wait_s`."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(wait_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.errors.close()


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


class Group:
    """Ranks that read the same shards, every chunk together; mostly one alone. It may read several at a time.

    Args:
        name: unique among all nodes'.
        place: which group of its node, for cores and devices.

    Raises:
        InvalidInput: if the node has fewer devices than a group has ranks.
    """

    def __init__(self, name: str, place: int, setup: Setup) -> None:
        self.name, self.place = name, place
        self.rows, self.busy = 0, set[int]()
        size, port, devices = setup.infer.sequence_parallel, free_port(), visible_devices()
        if setup.infer.device != "cpu" and 0 < len(devices) < size:
            raise InvalidInput(
                f"infer.sequence_parallel={size}: this node has {len(devices)} devices, and ranks that read "
                f"every chunk together need one each: lower it, or read on the CPU with infer.device=cpu"
            )
        self.ranks = [Rank(place * size + rank, setup, {"rank": rank, "port": port}) for rank in range(size)]

    def start(self, rank: Rank, rows: int) -> None:
        """A rank is ready, to read so many shards at a time."""
        rank.ready, self.rows = True, rows

    @property
    def free(self) -> int | None:
        """A row that reads nothing, once all are ready; None where there is none."""
        ready = all(rank.ready for rank in self.ranks)
        return min(set(range(self.rows)) - self.busy, default=None) if ready else None

    def read(self, row: int, job: dict[str, Any]) -> None:
        """Have all of them read a shard."""
        for rank in self.ranks:
            if not self.busy:
                rank.heard = time.monotonic()
            rank.tell({"row": row, "job": job})
        self.busy.add(row)

    def answer(self, kept: bool) -> None:
        """Tell the one that speaks whether its window was kept: in the order in which it gave them."""
        self.ranks[0].tell({"kept": kept})

    def ailment(self, config: InferConfig) -> str:
        """Why it has to be given up, or ""."""
        return next(filter(None, (rank.ailment(config, bool(self.busy)) for rank in self.ranks)), "")

    def kill(self) -> None:
        """At once; what they have said can still be read."""
        for rank in self.ranks:
            rank.process.kill()
        for rank in self.ranks:
            rank.process.wait()

    def said(self) -> str:
        """The end of what each wrote to stderr."""
        return "\n".join(filter(None, (rank.said() for rank in self.ranks)))

    def close(self, wait_s: float = 0.0) -> None:
        for rank in self.ranks:
            rank.close(wait_s)


def free_port() -> int:
    """A TCP port of this machine that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
