"""A load on real processes of this machine: readers and Redis, one of them killed, the other restarted.

The idea: it stops by itself, whatever happens: after so many requests, or when its time is over. Disturbances
come after shares of the requests, so that a slow machine sees the same as a fast one: a reader is killed at a
third, Redis at a half, and the reader is started again at two thirds.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from model.bench.limits import describe
from model.hardware import resident_bytes
from tasks.bench.load.gateway import Gateway
from tasks.bench.load.result import by_kind, errors
from tasks.bench.load.servers import Server, redis_server
from tasks.bench.load.sessions import sessions
from tasks.bench.load.traffic import Traffic
from tasks.bench.progress import Progress
from tasks.errors import InvalidInput, Transient
from tasks.ingest.ipc import free_port
from tasks.serve.directory.redis import RedisDirectory
from tasks.serve.door import ReaderDoor
from tasks.serve.readers import Readers

_LOOK_S = 0.2
MINUTES = 30.0
TENANTS = ("", "load-a", "load-b")


@dataclass(frozen=True)
class Load:
    """What is asked of whom."""

    sessions: int = 200
    requests: int = 2000
    clients: int = 8
    readers: int = 2
    minutes: float = MINUTES
    """Requests that were not made by then are not made."""
    timeout_s: float = 120.0
    """Deadline of one request."""
    seed: int = 0
    disturbed: bool = True
    """Whether a reader is killed and Redis restarted."""

    def __post_init__(self) -> None:
        for name in ("sessions", "requests", "clients", "readers"):
            if (value := getattr(self, name)) < 1:
                raise InvalidInput(f"--{name} {value}: give 1 or more")
        if self.disturbed and self.readers < 2:
            raise InvalidInput(f"--readers {self.readers}: one is killed, so give 2 or more, or --calm")


@dataclass(frozen=True)
class Parts:
    """How to start and reach what is loaded."""

    reader: Callable[[str, str], Sequence[str]]
    """The command of a reader, for its address and the URL of Redis."""
    connect: Callable[[str], ReaderDoor]
    """A door to the reader at an address."""
    lease_s: float
    gateway: Callable[[int, str], Sequence[str]] | None = None
    """The command of a gateway, for its port and the URL of Redis; None asks the readers."""


@dataclass(frozen=True)
class Cluster:
    """What was started, and the door to it all."""

    redis: Server
    readers: list[Server]
    others: list[Server]
    door: ReaderDoor

    @property
    def servers(self) -> list[Server]:
        return [self.redis, *self.readers, *self.others]


def load(options: Load, parts: Parts, folder: Path, progress: Progress) -> dict[str, Any]:
    """Load processes that are started for it, and end with it.

    Args:
        folder: for what they write.

    Raises:
        InvalidInput: if redis-server is not installed.
        NightreadError: if a process does not come up.
    """
    with ExitStack() as ending:
        cluster = _started(options, parts, folder, ending)
        watch = Watch(cluster.servers)
        people = sessions(options.sessions, options.seed, ("",) if parts.gateway else TENANTS)
        traffic = Traffic(
            cluster.door, people, options.requests, options.clients, options.seed, options.timeout_s
        )
        traffic.until = time.monotonic() + 60 * options.minutes
        progress("sessions told", 0, options.sessions)
        began = time.perf_counter()
        told = traffic.tell()
        told_s = time.perf_counter() - began
        progress("sessions told", options.sessions, options.sessions)
        watch.look("start")
        began = time.perf_counter()
        events = _run(traffic, options, cluster, watch, progress)
        seconds = time.perf_counter() - began
        watch.look("end")
        done = traffic.done
        return {
            "sessions": options.sessions,
            "requests": len(done),
            "wanted": options.requests,
            "clients": options.clients,
            "seconds": seconds,
            "requests_per_s": len(done) / seconds,
            "told_s": told_s,
            "told_errors": errors(told),
            "kinds": by_kind(done),
            "failed": sum(bool(one.error) for one in done),
            "failed_for_good": sum(bool(one.error) and not one.retryable for one in [*done, *told]),
            "errors": errors(done),
            "wrong": [one.wrong for one in [*told, *done] if one.wrong],
            "lost": traffic.lost,
            "cited": sum(one.cited for one in done),
            "events": events,
            "memory": watch.seen,
            "machine": describe(torch.device("cpu")),
            "seed": options.seed,
        }


class Watch:
    """Resident memory of processes, and of this one, at moments of a load."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self.servers = servers
        self.seen: dict[str, dict[str, int]] = {}

    def look(self, moment: str) -> None:
        self.seen[moment] = {server.name: server.bytes() for server in self.servers}
        self.seen[moment]["clients"] = resident_bytes()


def _started(options: Load, parts: Parts, folder: Path, ending: ExitStack) -> Cluster:
    """Everything, ready; `ending` ends it."""
    port = free_port()
    redis, url = redis_server(folder, port), f"redis://127.0.0.1:{port}/0"
    door: ReaderDoor = Readers((), RedisDirectory(url, parts.lease_s), parts.connect)
    readers, others = [], []
    for number in range(options.readers):
        address = f"127.0.0.1:{free_port()}"
        command = parts.reader(address, url)
        readers.append(Server(f"reader-{number + 1}", command, folder, _reached(parts.connect, address)))
    if parts.gateway is not None:
        door = gateway = Gateway(free_port(), door)
        others.append(Server("gateway", parts.gateway(gateway.port, url), folder, gateway.answers))
    cluster = Cluster(redis, readers, others, door)
    for server in cluster.servers:
        ending.callback(server.stop)
        server.start()
    ending.callback(door.shut)
    for server in cluster.servers:
        server.ready()
    return cluster


def _reached(connect: Callable[[str], ReaderDoor], address: str) -> Callable[[], bool]:
    """Whether a reader answers by now."""

    def reached() -> bool:
        door = connect(address)
        try:
            door.stats()
        except Transient:
            return False
        finally:
            door.shut()
        return True

    return reached


def _run(
    traffic: Traffic, options: Load, cluster: Cluster, watch: Watch, progress: Progress
) -> list[dict[str, Any]]:
    """Make the requests, and disturb them; what was done to whom, behind which request."""
    redis, victim = cluster.redis, cluster.readers[0]
    steps: list[tuple[float, str, Callable[[], None]]] = [(1 / 2, "", lambda: watch.look("middle"))]
    if options.disturbed:
        steps += [
            (1 / 3, f"{victim.name} killed", victim.kill),
            (1 / 2, "redis killed and started again", redis.restart),
            (2 / 3, f"{victim.name} started again", victim.start),
        ]
    steps.sort(key=lambda step: step[0])
    events, began = [], time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        asking = pool.submit(traffic.run)
        while not asking.done() or steps:
            wait([asking], _LOOK_S)
            done = len(traffic.done)
            progress("requests", done, options.requests)
            while steps and (done >= steps[0][0] * options.requests or asking.done()):
                _, what, act = steps.pop(0)
                act()
                if what:
                    events.append({"what": what, "behind": done, "second": time.perf_counter() - began})
        asking.result()
    return events
