"""Reading on this node, or on every node of a Dask cluster: one lease queue, near or far.

The idea: a Dask worker that has the resource `reader` is a node. It gets one long task, which starts that
node's workers as processes of their own (`tasks.infer.node`) and leases segments until none are left.
Requests and replies travel through Dask queues, so nodes only need to reach the scheduler. The ledger stays
with whoever runs the queue: SQLite's log must not be shared between machines. What nodes share is the home
folder, under one path: shards, parsed text and reading states lie there.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from distributed import Client, Queue, get_client, wait

from tasks.errors import NightreadError, Transient
from tasks.infer.bounds import note_windows
from tasks.infer.messages import (
    NODE_WIRE,
    Commit,
    CommitRequest,
    CompleteRequest,
    FailRequest,
    Lease,
    LeaseRequest,
    Reply,
    Setup,
    StatusRequest,
    Verdict,
    Worker,
)
from tasks.infer.node import Node
from tasks.infer.queue import LeaseQueue
from tasks.ingest.cluster import check_copy, connect
from tasks.settings import ClusterConfig

if TYPE_CHECKING:
    from tasks.infer.models import Models

_log = logging.getLogger(__name__)

RESOURCE = "reader"
HEARTBEAT_S = 1.0
"""A node gives a sign of life at least so often, and the list of nodes is looked at so often."""
NO_NODES_S = 60.0
"""How long a run waits for another node when all are gone."""
REPLY_S = 300.0
"""How long a node waits for a reply: the queue may wait a minute for its ledger, and for the scheduler."""
STOP_S = 10.0
"""How long nodes may take to end their workers."""

Request = StatusRequest | LeaseRequest | CommitRequest | CompleteRequest | FailRequest


def read_all(queue: LeaseQueue, setup: Setup, models: "Models", cluster: ClusterConfig) -> None:
    """Read what the queue has: on the nodes of the cluster, if it has any, else on this machine.

    One worker on this machine is this process itself, with `models`. Where salience is not asked for, the
    windows are only noted, and no model reads them.

    Raises:
        NightreadError: if no worker can read.
        Transient: if the scheduler went away; what was read is kept.
    """
    if not setup.infer.salience:
        note_windows(queue, setup.shard.stride)
    if queue.open() and cluster.address:
        with connect(cluster) as client:
            if reading_nodes(client):
                check_copy(client, setup.home, cluster.address)
                _Coordinator(client, queue, setup, cluster.address).work()
                return
    if queue.open() and setup.infer.workers == 1:
        from tasks.infer.batch import read_in_process  # here, since a node's supervisor loads no torch

        read_in_process(queue, setup.home, models)
    elif queue.open():
        size = setup.infer.sequence_parallel
        groups = min(setup.infer.workers // size, len(queue))
        Node(replace(setup, infer=replace(setup.infer, workers=groups * size)), queue).work()


def reading_nodes(client: Client) -> set[str]:
    """Addresses of the Dask workers that are nodes."""
    workers = client.scheduler_info()["workers"]
    return {address for address, worker in workers.items() if worker["resources"].get(RESOURCE, 0) >= 1}


def work_on_node(setup: Setup, name: str, requests: str) -> None:
    """The one task of a node: its workers read until there is nothing left."""
    client = get_client()
    queues = Queue(requests, client=client), Queue(name, client=client)
    Node(setup, RemoteQueue(name, *queues), name).work()


class RemoteQueue:
    """The lease queue, as a node on another machine sees it: every call is a request and its reply.

    Args:
        requests, replies: Dask queues.
        timeout_s: how long to wait for a reply.

    Raises:
        Transient: from every method, if none comes.
    """

    def __init__(self, node: str, requests: Any, replies: Any, timeout_s: float = REPLY_S) -> None:
        self.node, self.requests, self.replies, self.timeout_s = node, requests, replies, timeout_s
        self._asked, self._more = 0.0, True

    def _ask(self, request: Request) -> Reply:
        self._asked = time.monotonic()
        self.requests.put(NODE_WIRE.encode(request))
        try:
            line = self.replies.get(timeout=self.timeout_s)
        except TimeoutError as error:
            raise Transient(
                f"the run that hands out leases has not replied for {self.timeout_s:g} s: it is gone or "
                f"hangs; what was read is kept, and the same command goes on"
            ) from error
        reply: Reply = NODE_WIRE.decode(line)
        self._more = reply.more
        return reply

    def open(self) -> bool:
        if self._more and time.monotonic() - self._asked > HEARTBEAT_S:
            self._ask(StatusRequest(self.node))
        return self._more

    def lease(self, worker: Worker, slot: int) -> Lease | None:
        return self._ask(LeaseRequest(self.node, worker, slot)).lease

    def commit(self, commits: Sequence[Commit]) -> list[Verdict]:
        verdicts = self._ask(CommitRequest(self.node, tuple(commits))).verdicts
        return list(verdicts) or [Verdict.LOST] * len(commits)  # the answer was that nothing is left

    def complete(self, lease: int) -> None:
        self._ask(CompleteRequest(self.node, lease))

    def fail(self, worker: Worker, reason: str) -> None:
        self._ask(FailRequest(self.node, worker, reason))


@dataclass(frozen=True)
class _RemoteNode:
    """A node, as the coordinator sees it."""

    address: str
    task: Any
    replies: Any


class _Coordinator:
    """Serves the queue to the nodes of a cluster: one task for every Dask worker that reads; they may come
    and go."""

    def __init__(self, client: Client, queue: LeaseQueue, setup: Setup, address: str) -> None:
        self.client, self.queue, self.setup, self.address = client, queue, setup, address
        self.nodes: dict[str, _RemoteNode] = {}
        self.failures: dict[str, str] = {}
        """Dask workers that could not read, each with the reason: they are not asked again."""
        self._looked, self._alive = 0.0, time.monotonic()

    def work(self) -> None:
        """Serve until nothing is left to read."""
        with self._scheduler():
            self.requests = Queue(f"nightread-{secrets.token_hex(8)}", client=self.client)
        try:
            while self.queue.open():
                if self.nodes:  # what they have asked is heard before any of them is called silent
                    self._serve()
                if time.monotonic() - self._looked > HEARTBEAT_S:
                    self._look()
        finally:
            self._stop()

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        """Any error of a call to the scheduler means that it is gone: Dask has a dozen unrelated ones."""
        try:
            yield
        except NightreadError:
            raise
        except Exception as error:
            raise Transient(
                f"cluster.address={self.address}: the Dask scheduler went away "
                f"({type(error).__name__}: {error}); what was read is kept: start it and its workers again, "
                f"and the same command goes on"
            ) from error

    def _look(self) -> None:
        """Start nodes that have come, and give up those that are gone or silent."""
        self._looked = time.monotonic()
        with self._scheduler():
            present = reading_nodes(self.client)
        for name in self.queue.expire():
            self.failures[self.nodes.pop(name).address] = "a node hung"
        for name, node in list(self.nodes.items()):
            if reason := self._failure(node, present):
                del self.nodes[name]  # what it may still commit is refused
                self.queue.fail_node(name, reason)
        for address in present - {node.address for node in self.nodes.values()} - set(self.failures):
            self._start(address)
        if self.nodes:
            self._alive = self._looked
        elif present and present <= set(self.failures):
            raise NightreadError(f"no node can read: {'; '.join(sorted(set(self.failures.values())))}")
        elif self._looked - self._alive > NO_NODES_S:
            raise NightreadError(
                f"cluster.address={self.address}: all nodes are gone for {NO_NODES_S:.0f} s; start Dask "
                f"workers with --resources reader=1, and the same command goes on"
            )

    def _start(self, address: str) -> None:
        name = f"nightread-{secrets.token_hex(8)}"
        with self._scheduler():
            replies = Queue(name, client=self.client)
            task = self.client.submit(
                work_on_node,
                self.setup,
                name,
                self.requests.name,
                workers=[address],
                resources={RESOURCE: 1},
                pure=False,
            )
        self.nodes[name] = _RemoteNode(address, task, replies)

    def _failure(self, node: _RemoteNode, present: set[str]) -> str:
        """Why a node is given up, or ""."""
        if node.address not in present:
            return "its node went away"
        if node.task.status == "error":
            error = node.task.exception()
            self.failures[node.address] = f"{type(error).__name__}: {error}"
            return f"its node failed ({self.failures[node.address]})"
        return "" if node.task.status == "pending" else "its node stopped"

    def _serve(self) -> None:
        """Answer what nodes have asked; the windows that they all commit cost one flush together."""
        with self._scheduler():
            try:
                encoded = [self.requests.get(timeout=HEARTBEAT_S), *self.requests.get(batch=True)]
            except TimeoutError:
                return
        requests: list[Request] = [NODE_WIRE.decode(line) for line in encoded]
        commits = [one for it in requests if isinstance(it, CommitRequest) for one in it.commits]
        verdicts = iter(self.queue.commit(commits))
        for request in requests:
            if isinstance(request, CommitRequest):
                self._reply(request.node, verdicts=tuple(next(verdicts) for _ in request.commits))
            else:
                self._reply(request.node, lease=self._handle(request))

    def _handle(self, request: Request) -> Lease | None:
        """A node that was given up can do nothing any more."""
        if request.node in self.nodes:
            match request:
                case LeaseRequest(_, worker, slot):
                    return self.queue.lease(worker, slot)
                case CompleteRequest(_, lease):
                    self.queue.complete(lease)
                case FailRequest(_, worker, reason):
                    self.queue.fail(worker, reason)
        return None

    def _reply(self, name: str, lease: Lease | None = None, verdicts: tuple[Verdict, ...] = ()) -> None:
        """A node that was given up hears that nothing is left, and ends."""
        node = self.nodes.get(name)
        if node is not None:
            self.queue.heartbeat(name)
        reply = Reply(node is not None and self.queue.open(), lease, verdicts)
        with self._scheduler():
            replies = node.replies if node else Queue(name, client=self.client)
            replies.put(NODE_WIRE.encode(reply))

    def _stop(self) -> None:
        """Nodes end when they hear that nothing is left; one that cannot be reached ends by itself."""
        try:
            for node in self.nodes.values():
                node.replies.put(NODE_WIRE.encode(Reply(more=False)), timeout=HEARTBEAT_S)
            wait([node.task for node in self.nodes.values()], timeout=STOP_S)
            for node in self.nodes.values():
                node.replies.close()
            self.requests.close()
        except Exception:  # the scheduler is gone, and with it all there was to stop
            _log.debug("the scheduler was gone before its nodes", exc_info=True)
