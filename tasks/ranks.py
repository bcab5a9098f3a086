"""The ranks of one node: processes that read different documents, watched over and replaced when they fail.

Reading different documents needs no exchange between ranks, so they form no process group: in a group, the
death of one ends all, and DeepSpeed's launcher, which takes 10 to 22 s to start, ends the others when one
fails. Each rank is therefore a process of its own, started directly, with its share of the cores and one of
the devices; a group is only joined where one text is spread over ranks (`model.parallel`).

A rank that dies, gives no sign for `hang_s` or outgrows its memory is killed; the desk hears of it, its
document is given to another, and a new rank takes its place.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO, Any

import psutil

from tasks.desk import Counter, Handed
from tasks.errors import NightreadError, Transient
from tasks.settings import InferConfig, ShardConfig

TICK_S = 0.2
"""How often ranks are looked at when none of them says anything."""
START_S = 600.0
"""Loading models may take so long."""
FAILED_STARTS = 5
"""So many ranks in a row that ended without a document: it is no document's fault."""
LEAVE_S = 5.0
"""What a rank gets to end by itself."""
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
    import torch

    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    devices = named.split(",") if named is not None else [str(n) for n in range(torch.cuda.device_count())]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": str(threads(ranks)),
        # a rank that waits leaves its core to the others
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": devices[local_rank % len(devices)] if devices else "",
        "TOKENIZERS_PARALLELISM": "false",
    }


def threads(ranks: int) -> int:
    """Cores for each of so many ranks."""
    return max(1, len(os.sched_getaffinity(0)) // ranks)


class Rank:
    """One reader process, as its node sees it."""

    def __init__(self, name: str, local_rank: int, setup: Setup) -> None:
        self.name, self.local_rank = name, local_rank
        self.errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tasks.rank"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=environment(local_rank, setup.infer.ranks),
            start_new_session=True,  # an interrupt is the node's to handle
        )
        self.watched = psutil.Process(self.process.pid)
        self.ready, self.busy, self.heard, self._part = False, False, time.monotonic(), b""
        shared = replace(setup.infer, threads=setup.infer.threads or threads(setup.infer.ranks))
        self.tell(replace(setup, infer=shared).as_dict())

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

    def ailment(self, config: InferConfig) -> str:
        """Why it has to be given up, or ""."""
        if self.process.poll() is not None:
            return self._cause(self.process.returncode)
        silent = time.monotonic() - self.heard
        if (self.busy or not self.ready) and silent > (config.hang_s if self.ready else START_S):
            return f"it gave no sign for {silent:.0f} s"
        used = _resident(self.watched) >> 20
        if config.rank_memory_mb and used > config.rank_memory_mb:
            return f"it took {used} MiB of memory, over infer.rank_memory_mb={config.rank_memory_mb}"
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


class Node:
    """The ranks of this machine, and the loop that feeds and watches them.

    Args:
        setup: `setup.infer.ranks` processes are kept running.
        desk: where documents come from and windows go to.
        name: of the node, unique among all.
    """

    def __init__(self, setup: Setup, desk: Counter, name: str = "here") -> None:
        self.setup, self.desk, self.name = setup, desk, name
        self.ranks: list[Rank] = []
        self.handed: list[tuple[Rank, Handed]] = []
        self.started = self.useless = 0
        self.selector = selectors.DefaultSelector()

    def work(self) -> None:
        """Read until the desk has nothing left.

        Raises:
            NightreadError: if ranks cannot be started, or one met an error that no document is to blame for.
        """
        with self._running():
            while self.desk.open():
                for key, _ in self.selector.select(TICK_S):
                    for message in key.data.messages():
                        self._on(key.data, message)
                self._hand_in()
                for rank in list(self.ranks):
                    if why := rank.ailment(self.setup.infer):
                        self._replace(rank, why)
                    elif rank.ready and not rank.busy:
                        self._feed(rank)

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            for local_rank in range(self.setup.infer.ranks):
                self._start(local_rank)
            yield
        finally:
            for rank in self.ranks:
                rank.close(0.0 if sys.exc_info()[0] else LEAVE_S)
            self.selector.close()

    def _start(self, local_rank: int) -> None:
        self.started += 1
        rank = Rank(f"{self.name}/{self.started}", local_rank, self.setup)
        self.ranks.append(rank)
        self.selector.register(_pipe(rank), selectors.EVENT_READ, rank)

    def _on(self, rank: Rank, message: dict[str, Any]) -> None:
        handle: dict[str, Callable[[], None]] = {
            "ready": lambda: self._ready(rank),
            "heard": lambda: None,
            "window": lambda: self._window(rank, message),
            "done": lambda: self._done(rank),
            "free": lambda: self._free(rank),
            "error": lambda: self._error(rank, message),
        }
        handle[message["kind"]]()

    def _ready(self, rank: Rank) -> None:
        rank.ready = True

    def _window(self, rank: Rank, message: dict[str, Any]) -> None:
        self.useless = 0
        self.handed.append((rank, (rank.name, message["window"], message["payload"], message["tokens"])))

    def _hand_in(self) -> None:
        """Windows that came together are kept together; each rank waits to be told."""
        if self.handed:
            kept = self.desk.keep([window for _, window in self.handed])
            for (rank, _), answer in zip(self.handed, kept, strict=True):
                rank.tell({"kept": answer})
            self.handed.clear()

    def _done(self, rank: Rank) -> None:
        self.desk.done(rank.name)
        self._free(rank)

    def _free(self, rank: Rank) -> None:
        rank.busy = False

    def _error(self, rank: Rank, message: dict[str, Any]) -> None:
        kind = Transient if message["transient"] else NightreadError
        raise kind(f"a reader of node {self.name} failed: {message['error']}")

    def _feed(self, rank: Rank) -> None:
        job = self.desk.take(rank.name)
        if job is not None:
            rank.busy, rank.heard = True, time.monotonic()
            rank.tell(job.as_dict())

    def _replace(self, rank: Rank, why: str) -> None:
        """Bury a rank and start another in its place."""
        self.selector.unregister(_pipe(rank))
        self.ranks.remove(rank)
        rank.process.kill()
        rank.process.wait()
        for message in rank.messages():  # what it said last
            self._on(rank, message)
        self._hand_in()
        said = rank.said()
        rank.close()
        self.useless += not rank.busy
        if rank.busy:
            self.desk.died(rank.name, why)
        elif self.useless >= FAILED_STARTS:
            raise NightreadError(
                f"{FAILED_STARTS} readers of node {self.name} ended, one after the other, before they read "
                f"anything; the last: {why}\n{said}"
            )
        if self.desk.open():
            self._start(rank.local_rank)


def _pipe(rank: Rank) -> IO[bytes]:
    assert rank.process.stdout is not None
    return rank.process.stdout
