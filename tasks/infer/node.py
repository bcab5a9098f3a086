"""A node: the workers of one machine, given leases, watched, and replaced when they fail.

The idea: a worker that dies, sends no heartbeat for `infer.heartbeat_timeout_s` or outgrows
`infer.worker_memory_mb` is killed with its whole group, its leases are requeued, and another takes its place.
"""

import selectors
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tasks.errors import NightreadError, Transient
from tasks.infer.group import WorkerGroup, check_devices
from tasks.infer.messages import Commit, Complete, Ready, Receipt, Setup, Worker, WorkerError
from tasks.infer.queue import Leases

TICK_S = 0.2
"""How often workers are looked at when none of them sends anything."""
FAILED_STARTS = 5
"""So many workers in a row that ended without a window: no document is to blame."""
STOP_S = 5.0
"""How long a worker may take to end by itself."""


class Node:
    """The workers of this machine, and the loop that serves and watches them.

    Args:
        setup: `setup.infer.workers` processes are kept running, in groups of `setup.infer.sequence_parallel`.
        leases: where segments come from and windows go to.
        name: of the node, unique among all of a run.

    Raises:
        InvalidInput: if the machine has fewer devices than a group has ranks.
    """

    def __init__(self, setup: Setup, leases: Leases, name: str = "here") -> None:
        check_devices(setup.infer)
        self.setup, self.leases, self.name = setup, leases, name
        self.groups: list[WorkerGroup] = []
        self._commits: list[tuple[WorkerGroup, Commit]] = []
        self._started = self._failed_starts = 0
        self._selector = selectors.DefaultSelector()

    def work(self) -> None:
        """Read until nothing is left.

        Raises:
            NightreadError: if workers cannot be started, or one met an error that is no document's fault.
        """
        with self._running():
            while self.leases.open():
                for key, _ in self._selector.select(TICK_S):
                    self._receive(*key.data)
                self._commit()
                for group in list(self.groups):
                    if reason := group.failure(self.setup.infer):
                        self._replace(group, reason)
                self._lease_all()

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            for place in range(self.setup.infer.workers // self.setup.infer.sequence_parallel):
                self._start(place)
            yield
        finally:
            for group in self.groups:
                group.close(0.0 if sys.exc_info()[0] else STOP_S)
            self._selector.close()

    def _start(self, place: int) -> None:
        self._started += 1
        group = WorkerGroup(Worker(self.name, self._started), place, self.setup)
        self.groups.append(group)
        group.register(self._selector)

    def _receive(self, group: WorkerGroup, rank: int) -> None:
        for message in group.children[rank].receive():
            self._on(group, rank, message)

    def _on(self, group: WorkerGroup, rank: int, message: Any) -> None:
        match message:
            case Ready(slots):
                group.ready(rank, slots)
            case Commit():
                self._failed_starts = 0
                self._commits.append((group, message))
            case Complete(lease):
                self.leases.complete(lease)
                del group.leases[lease]
            case WorkerError(error, transient):
                kind = Transient if transient else NightreadError
                raise kind(f"a worker of node {self.name} failed: {error}")

    def _commit(self) -> None:
        """Store windows that came together at the price of one flush; each worker waits for its receipt."""
        if self._commits:
            verdicts = self.leases.commit([commit for _, commit in self._commits])
            for (group, commit), verdict in zip(self._commits, verdicts, strict=True):
                group.acknowledge(Receipt(commit.lease, verdict))
            self._commits.clear()

    def _lease_all(self) -> None:
        """One slot of every worker at a time, so that no worker takes all there is."""
        groups = list(self.groups)
        while groups:
            groups = [group for group in groups if self._lease(group)]

    def _lease(self, group: WorkerGroup) -> bool:
        """Whether a free slot of a worker was given a segment."""
        slot = group.free_slot
        lease = None if slot is None else self.leases.lease(group.worker, slot)
        if lease is None:
            return False
        group.read(lease)
        return True

    def _replace(self, group: WorkerGroup, reason: str) -> None:
        """Kill a worker group, requeue its leases, start a replacement."""
        self.groups.remove(group)
        group.unregister(self._selector)
        group.kill()
        for rank in range(len(group.children)):  # what they had sent before they died
            self._receive(group, rank)
        self._commit()
        tail = group.stderr_tail()
        group.close()
        self._failed_starts += not group.leases
        self.leases.fail(group.worker, reason)
        if not group.leases and self._failed_starts >= FAILED_STARTS:
            raise NightreadError(
                f"{FAILED_STARTS} workers of node {self.name} ended, one after the other, before they read "
                f"anything; the last: {reason}\n{tail}"
            )
        if self.leases.open():
            self._start(group.place)
