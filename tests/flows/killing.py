"""Reads whose processes and servers are killed at random; servers are started again, and so is the read."""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

HANGS_S = 1800.0
"""No read takes so long, disturbed or not."""
KINDS = {
    "tasks.ingest.parse.child": "parser",
    "tasks.infer.worker": "worker",
    "prefect server": "server",
    "multiprocessing.spawn": "dask",
    "flows read": "flow",
}
"""What a command line holds, and whose it is then."""
ENDS = ("flow", "server")
"""Kinds whose death ends a read, which then begins again: they are killed half as often as the others."""

Start = Callable[[], "subprocess.Popen[bytes]"]


@dataclass
class Server:
    """A server of a test, which whoever looks after it starts again when it has ended."""

    kind: str
    start: Start
    process: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        self.process = self.start()

    def tend(self) -> None:
        if self.process.poll() is not None:
            self.process = self.start()

    def end(self) -> None:
        below: list[psutil.Process] = []
        with suppress(psutil.NoSuchProcess):  # it was killed and nobody has started it again
            below = psutil.Process(self.process.pid).children(recursive=True)
        for one in below:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.kill()
        self.process.wait()


def alive(root: int, servers: Sequence[Server]) -> dict[str, list[psutil.Process]]:
    """Processes of a read and its servers, by kind."""
    kinds: dict[str, list[psutil.Process]] = {}
    roots = {root: "", **{server.process.pid: server.kind for server in servers}}
    for pid, kind in roots.items():
        with suppress(psutil.NoSuchProcess):
            top = psutil.Process(pid)
            for one in (top, *top.children(recursive=True)):
                if named := _kind(one) or (kind if one.pid == pid else ""):
                    kinds.setdefault(named, []).append(one)
    return kinds


def _kind(process: psutil.Process) -> str:
    try:
        line = " ".join(process.cmdline()[1:])
        ended = process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return ""
    return "" if ended else next((kind for words, kind in KINDS.items() if words in line), "")


@dataclass
class Killing:
    """Kills of every kind, none of them much more often than another, at moments that chance draws.

    Args:
        kinds: what is killed.
        wanted: kills in all.
        wait_s: seconds, at most, between one kill and the next that can be made.
    """

    kinds: Sequence[str]
    wanted: int
    chance: random.Random
    wait_s: float = 6.0
    done: Counter[str] = field(default_factory=Counter)

    def over(self, command: Sequence[str], servers: Sequence[Server], folder: Path) -> None:
        """Repeat a read until it ends well, while its processes are killed; what it says goes to `folder`.

        Raises:
            AssertionError: if it hangs, or ends otherwise than with one line that says why.
        """
        while True:
            log = folder / f"read-{len(list(folder.glob('read-*.log')))}.log"
            with log.open("wb") as file:
                process = subprocess.Popen(command, env=_environment(), stdout=file, stderr=file)
            try:
                self._disturb(process, servers, log)
            finally:
                process.kill()
                process.wait()
            said = log.read_text()
            if process.returncode == 0:
                return
            assert process.returncode in (1, -9), said
            if process.returncode == 1:
                assert "Traceback" not in said, said
                lines = [line for line in said.splitlines() if line.startswith("nightread: ")]
                print(*lines, flush=True)
                assert len(lines) == 1, said
                assert "--debug" not in lines[0], "an error that nobody thought of"

    def _disturb(self, process: "subprocess.Popen[bytes]", servers: Sequence[Server], log: Path) -> None:
        until, target, at = time.monotonic() + HANGS_S, "", 0.0
        while process.poll() is None:
            assert time.monotonic() < until, f"it hangs after {self.done}: {log.read_text()[-3000:]}"
            time.sleep(0.3)
            there = alive(process.pid, servers) if self.done.total() < self.wanted else {}
            if not target:
                target, at = self._drawn(there), time.monotonic() + self.chance.uniform(0, self.wait_s)
            elif time.monotonic() > at:
                if self._kill(target, there):
                    time.sleep(self.chance.uniform(0, 2))  # as long as a server stays away
                target = ""
            for server in servers:
                server.tend()

    def _drawn(self, there: dict[str, list[psutil.Process]]) -> str:
        """A kind that is there and was not killed much more often than another; "" before work begins."""
        if {"parser", "worker"}.isdisjoint(there):
            return ""
        killed = {kind: self.done[kind] * (2 if kind in ENDS else 1) for kind in self.kinds}
        most = min(killed.values()) + 1
        due = [kind for kind in self.kinds if kind in there and killed[kind] <= most]
        return self.chance.choice(due) if due else ""

    def _kill(self, target: str, there: dict[str, list[psutil.Process]]) -> bool:
        with suppress(psutil.NoSuchProcess, IndexError):
            self.chance.choice(there.get(target, [])).kill()
            self.done[target] += 1
            print(f"kill {self.done.total()}: {target}", flush=True)
            return True
        return False


def read_command(corpus: str, *settings: str) -> list[str]:
    """The command itself, which starts a Prefect server of its own."""
    return [sys.executable, "-m", "flows", "read", corpus, "--conf", "tiny", *settings]


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
