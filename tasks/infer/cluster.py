"""Reading on this node, or on every node of a Dask cluster: the same desk, near or far.

A Dask worker that has the resource `reader` is a node: it gets one long task, which starts that node's ranks
as processes of their own (`tasks.infer.node`) and asks for shards until none are left. Questions and answers
travel through Dask queues, so nodes only need to reach the scheduler. The ledger stays with whoever runs the
desk: SQLite's log must not be shared between machines. What nodes share is the home folder, under one path:
shards, parsed text and reading states lie there.
"""

import logging
import secrets
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from distributed import Queue, get_client, wait

from tasks.errors import NightreadError, Transient
from tasks.infer.batch import read_here
from tasks.infer.group import Setup
from tasks.infer.node import Node
from tasks.infer.queue import Desk, Handed, Job
from tasks.infer.windows import Models
from tasks.ingest.cluster import connect
from tasks.settings import ClusterConfig

_log = logging.getLogger(__name__)

RESOURCE = "reader"
BEAT_S = 1.0
"""A node is in touch at least so often, and the list of workers is looked at so often."""
GRACE_S = 60.0
"""How long a run waits for another node when all are gone."""
LEAVE_S = 10.0
"""What nodes get to end their ranks."""


def read_all(desk: Desk, setup: Setup, models: Models, cluster: ClusterConfig) -> None:
    """Read what the desk has: on the readers of the cluster, if it has any, else on this machine.

    One rank on this machine is this process itself, with `models`.

    Raises:
        NightreadError: if no reader can work.
        Transient: if the scheduler went away; what was read is kept.
    """
    if desk.open() and cluster.address:
        with connect(cluster) as client:
            if readers(client):
                _Nodes(client, desk, setup, cluster.address).work()
                return
    if desk.open() and setup.infer.workers == 1:
        read_here(desk, setup.home, models)
    elif desk.open():
        groups = min(setup.infer.workers // setup.infer.sequence_parallel, len(desk.waiting))
        Node(
            replace(setup, infer=replace(setup.infer, workers=groups * setup.infer.sequence_parallel)), desk
        ).work()


def readers(client: Any) -> set[str]:
    """Addresses of the workers that may read."""
    workers = client.scheduler_info()["workers"]
    return {address for address, worker in workers.items() if worker["resources"].get(RESOURCE, 0) >= 1}


class _FarDesk:
    """The desk, as a node on another machine sees it: every call is a question and its answer."""

    def __init__(self, name: str, questions: Any, answers: Any, patience_s: float) -> None:
        self.name, self.questions, self.answers, self.patience_s = name, questions, answers, patience_s
        self.told, self.more = 0.0, True

    def _ask(self, call: str, *values: Any) -> Any:
        self.told = time.monotonic()
        self.questions.put({"node": self.name, "call": call, "values": list(values)})
        answer = self.answers.get(timeout=self.patience_s)
        self.more = not answer["over"]
        return answer["value"]

    def open(self) -> bool:
        if self.more and time.monotonic() - self.told > BEAT_S:
            self._ask("open")
        return self.more

    def take(self, row: str) -> Job | None:
        job = self._ask("take", row)
        return Job.from_dict(job) if job else None

    def keep(self, handed: Sequence[Handed]) -> list[bool]:
        return list(self._ask("keep", list(map(list, handed))))

    def done(self, row: str) -> None:
        self._ask("done", row)

    def died(self, row: str, reason: str) -> None:
        self._ask("died", row, reason)


def work_on_node(setup: Setup, name: str, questions: str) -> None:
    """The one task of a node: its ranks read until there is nothing left."""
    client = get_client()
    queues = Queue(questions, client=client), Queue(name, client=client)
    Node(setup, _FarDesk(name, *queues, setup.infer.heartbeat_timeout_s), name).work()


@dataclass
class _Far:
    """A node, as the desk's side sees it."""

    address: str
    task: Any
    answers: Any
    heard: float = 0.0
    """When it last asked something."""


class _Nodes:
    """The nodes of a cluster: one task for every worker that reads; workers may come and go."""

    def __init__(self, client: Any, desk: Desk, setup: Setup, address: str) -> None:
        self.client, self.desk, self.setup, self.address = client, desk, setup, address
        self.nodes: dict[str, _Far] = {}
        self.failures: dict[str, str] = {}
        """Workers whose readers could not work, each with the reason: they are not asked again."""
        self.looked, self.alive = 0.0, time.monotonic()

    def work(self) -> None:
        with self._scheduler():
            self.questions = Queue(f"nightread-{secrets.token_hex(8)}", client=self.client)
        try:
            while self.desk.open():
                if time.monotonic() - self.looked > BEAT_S:
                    self._look()
                self._answer()
        finally:
            self._leave()

    @contextmanager
    def _scheduler(self) -> Iterator[None]:
        """Whatever goes wrong with a scheduler, it is gone: Dask has a dozen unrelated errors for that."""
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
        """Start nodes that have come, and give up those that are gone."""
        self.looked = time.monotonic()
        with self._scheduler():
            there = readers(self.client)
        for name, node in list(self.nodes.items()):
            if why := self._ailment(node, there):
                self._lose(name, why)
        for address in there - {node.address for node in self.nodes.values()} - set(self.failures):
            self._start(address)
        if self.nodes:
            self.alive = self.looked
        elif there and there <= set(self.failures):
            raise NightreadError(f"no node can read: {'; '.join(sorted(set(self.failures.values())))}")
        elif self.looked - self.alive > GRACE_S:
            raise NightreadError(
                f"cluster.address={self.address}: all nodes are gone for {GRACE_S:.0f} s; start Dask workers "
                f"with --resources reader=1, and the same command goes on"
            )

    def _start(self, address: str) -> None:
        name = f"nightread-{secrets.token_hex(8)}"
        with self._scheduler():
            answers = Queue(name, client=self.client)
            task = self.client.submit(
                work_on_node,
                self.setup,
                name,
                self.questions.name,
                workers=[address],
                resources={RESOURCE: 1},
                pure=False,
            )
        self.nodes[name] = _Far(address, task, answers)

    def _ailment(self, node: _Far, there: set[str]) -> str:
        """Why a node is given up, or ""."""
        if node.address not in there:
            return "its node went away"
        status = node.task.status
        if status == "error":
            error = node.task.exception()
            self.failures[node.address] = f"{type(error).__name__}: {error}"
            return f"its node failed ({self.failures[node.address]})"
        if status != "pending":
            return "its node stopped"
        if node.heard and time.monotonic() - node.heard > self.setup.infer.heartbeat_timeout_s:
            self.failures[node.address] = "a node hung"
            return f"its node gave no sign for {self.setup.infer.heartbeat_timeout_s:g} s"
        return ""

    def _lose(self, name: str, why: str) -> None:
        """Its readers are dead to the desk: what they may still hand in is refused."""
        self.nodes.pop(name)
        for row in [row for row in self.desk.reading if row.startswith(f"{name}/")]:
            self.desk.died(row, why)

    def _answer(self) -> None:
        """Put what nodes ask to the desk; the windows they all hand in cost one flush together.

        A node that was given up hears that all is over, and nothing of what it hands in is kept.
        """
        with self._scheduler():
            try:
                questions = [self.questions.get(timeout=BEAT_S), *self.questions.get(batch=True)]
            except TimeoutError:
                return
        keeps = [question for question in questions if question["call"] == "keep"]
        handed = [tuple(window) for question in keeps for window in question["values"][0]]
        kept = iter(self.desk.keep(handed) if handed else [])
        for question in questions:
            if question["call"] == "keep":
                self._tell(question["node"], [next(kept) for _ in question["values"][0]])
            else:
                self._tell(question["node"], self._put(question))

    def _put(self, question: dict[str, Any]) -> Any:
        if question["node"] not in self.nodes:
            return None
        value = getattr(self.desk, question["call"])(*question["values"])
        return value.as_dict() if isinstance(value, Job) else value

    def _tell(self, name: str, value: Any) -> None:
        node = self.nodes.get(name)
        if node is not None:
            node.heard = time.monotonic()
        with self._scheduler():
            answers = node.answers if node else Queue(name, client=self.client)
            answers.put({"value": value, "over": node is None or not self.desk.open()})

    def _leave(self) -> None:
        """Nodes end their ranks when they hear that all is over; one that does not hear it ends by itself."""
        try:
            for node in self.nodes.values():
                node.answers.put({"value": None, "over": True}, timeout=BEAT_S)
            wait([node.task for node in self.nodes.values()], timeout=LEAVE_S)
            for node in self.nodes.values():
                node.answers.close()
            self.questions.close()
        except Exception:  # the scheduler is gone, and with it all there was to end
            _log.debug("the scheduler was gone before its nodes", exc_info=True)
