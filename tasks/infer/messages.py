"""What travels between the lease queue, the nodes and their workers: over pipes here, over Dask from afar.

The idea: a lease names the worker and the slot that hold it, and every commit names its lease, so the queue
can tell who may still write, whatever is late, lost or sent twice.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tasks.infer.segments import Segment
from tasks.ingest.ipc import Wire
from tasks.settings import InferConfig, ShardConfig


@dataclass(frozen=True)
class Worker:
    """A process that reads, or a group of processes that read every chunk together."""

    node: str
    """Name of the machine it runs on, unique among those of a run."""
    number: int
    """Unique on its node: a replacement has a number of its own."""


@dataclass(frozen=True)
class Lease:
    """The right to read and commit a segment's windows from `first` on."""

    id: int
    segment: Segment
    worker: Worker
    slot: int
    """Which of the segments that the worker reads together."""
    first: int
    suspect: bool = False
    """A worker died over window `first`: it is read with nothing beside it."""


@dataclass(frozen=True)
class Commit:
    """A window that was read under a lease."""

    lease: int
    window: int
    payload: str
    """Its quotes, as JSON for the journal."""
    tokens: int
    """How many of its tokens were new."""


class Verdict(StrEnum):
    """What became of a commit."""

    STORED = "stored"
    """It is on the disk."""
    DUPLICATE = "duplicate"
    """It was on the disk already: read again behind an older state."""
    LOST = "lost"
    """The lease is somebody else's by now, or its document is refused: stop reading the segment."""


@dataclass(frozen=True)
class Setup:
    """How every worker of every node reads."""

    home: Path
    infer: InferConfig
    shard: ShardConfig
    key: str
    """The cache key, by which a worker checks that it has the same model."""


# From a node to its workers.


@dataclass(frozen=True)
class Start:
    """The first message: load the models and get ready."""

    setup: Setup
    rank: int
    """This process's number in its group."""
    port: int
    """Where the group's collective meets."""


@dataclass(frozen=True)
class Receipt:
    """The answer to a commit."""

    lease: int
    verdict: Verdict


# From a worker to its node.


@dataclass(frozen=True)
class Ready:
    """The models are loaded."""

    slots: int
    """How many segments it reads together."""


@dataclass(frozen=True)
class Heartbeat:
    """It has read a chunk, or done something else."""


@dataclass(frozen=True)
class Complete:
    """The segment of a lease is read, or was dropped after a lost lease."""

    lease: int


@dataclass(frozen=True)
class WorkerError:
    """An error that no document is to blame for, and that ends the run."""

    error: str
    transient: bool


WORKER_WIRE = Wire(Start, Lease, Receipt, Ready, Heartbeat, Commit, Complete, WorkerError)


# From a node on another machine to the queue, and back. Every request is a sign of life of its node.


@dataclass(frozen=True)
class StatusRequest:
    """Nothing but a sign of life: is there anything left to read?"""

    node: str


@dataclass(frozen=True)
class LeaseRequest:
    """A free slot of a worker."""

    node: str
    worker: Worker
    slot: int


@dataclass(frozen=True)
class CommitRequest:
    """Windows that a node's workers have read."""

    node: str
    commits: tuple[Commit, ...]


@dataclass(frozen=True)
class CompleteRequest:
    """A lease that its worker gives back."""

    node: str
    lease: int


@dataclass(frozen=True)
class FailRequest:
    """A worker that has died."""

    node: str
    worker: Worker
    reason: str


@dataclass(frozen=True)
class Reply:
    """The answer to a request."""

    more: bool
    """Whether there is anything left to read, now or later, for this node."""
    lease: Lease | None = None
    verdicts: tuple[Verdict, ...] = ()


NODE_WIRE = Wire(StatusRequest, LeaseRequest, CommitRequest, CompleteRequest, FailRequest, Reply)
