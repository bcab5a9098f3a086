"""A worker: one process that reads, or the processes that read every chunk together as one collective.

The idea: reading different segments needs no exchange, so most workers are one process alone: in a collective
the death of one ends all. Only `infer.sequence_parallel` processes that share every chunk join one, as a
DeepSpeed job (`model.parallel.collectives`) started directly, since DeepSpeed's launcher takes 10 to 22 s and
brings nothing else here. Either way a node sees one worker: what is sent goes to all ranks, rank 0 commits.
"""

import os
import selectors
import time
from dataclasses import replace

from tasks.errors import InvalidInput
from tasks.infer.messages import WORKER_WIRE, Lease, Receipt, Setup, Start, Worker
from tasks.ingest.ipc import Child, free_port
from tasks.settings import InferConfig

START_S = 600.0
"""Loading models may take so long."""


def environment(process: int, processes: int) -> dict[str, str]:
    """Variables of a worker process: its share of the cores, and its device among those visible here."""
    devices = visible_devices()
    return {
        "OMP_NUM_THREADS": str(threads(processes)),
        # a rank that waits leaves its core to the others
        "OMP_WAIT_POLICY": "PASSIVE",
        "CUDA_VISIBLE_DEVICES": devices[process % len(devices)] if devices else "",
        "TOKENIZERS_PARALLELISM": "false",
    }


def visible_devices() -> list[str]:
    """Names of the CUDA devices that may be used here."""
    named = os.environ.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        import torch

        return [str(number) for number in range(torch.cuda.device_count())]
    return [name for name in named.split(",") if name]


def threads(processes: int) -> int:
    """Cores for each of so many processes."""
    return max(1, len(os.sched_getaffinity(0)) // processes)


def check_devices(infer: InferConfig) -> None:
    """Whether this node has a device for every rank of a collective.

    Raises:
        InvalidInput: if it has some, but fewer.
    """
    devices = visible_devices()
    if infer.device != "cpu" and 0 < len(devices) < infer.sequence_parallel:
        raise InvalidInput(
            f"infer.sequence_parallel={infer.sequence_parallel}: this node has {len(devices)} devices, and "
            f"ranks that read every chunk together need one each: lower it, or read on the CPU with "
            f"infer.device=cpu"
        )


class WorkerGroup:
    """The processes of one worker, as its node sees them.

    Args:
        place: which worker of its node, for cores and devices; a replacement takes its place.
    """

    def __init__(self, worker: Worker, place: int, setup: Setup) -> None:
        self.worker, self.place, self.slots = worker, place, 0
        self.leases: dict[int, int] = {}
        """Slot of every lease that it reads."""
        self._ready: set[int] = set()
        size, processes, port = setup.infer.sequence_parallel, setup.infer.workers, free_port()
        shared = replace(setup.infer, threads=setup.infer.threads or threads(processes))
        self.children = [
            Child("tasks.infer.worker", WORKER_WIRE, environment=environment(place * size + rank, processes))
            for rank in range(size)
        ]
        for rank, child in enumerate(self.children):
            child.send(Start(replace(setup, infer=shared), rank, port))

    def register(self, selector: selectors.BaseSelector) -> None:
        """Have a selector name this group, with the rank, when one of its processes has sent something."""
        for rank, child in enumerate(self.children):
            selector.register(child, selectors.EVENT_READ, (self, rank))

    def unregister(self, selector: selectors.BaseSelector) -> None:
        for child in self.children:
            selector.unregister(child)

    def ready(self, rank: int, slots: int) -> None:
        """A process has loaded the models."""
        self._ready.add(rank)
        self.slots = slots

    @property
    def free_slot(self) -> int | None:
        """A slot that reads nothing, once all processes are ready; None where there is none."""
        if len(self._ready) < len(self.children):
            return None
        return min(set(range(self.slots)) - set(self.leases.values()), default=None)

    def read(self, lease: Lease) -> None:
        """Have all its processes read a segment."""
        for child in self.children:
            if not self.leases:
                child.last_heard = time.monotonic()  # an idle worker sends no heartbeats
            child.send(lease)
        self.leases[lease.id] = lease.slot

    def acknowledge(self, receipt: Receipt) -> None:
        """Answer the process that commits."""
        self.children[0].send(receipt)

    def failure(self, config: InferConfig) -> str:
        """Why it must be killed and replaced, or ""."""
        for rank, child in enumerate(self.children):
            if cause := child.exit_cause():
                return cause
            ready, silent = rank in self._ready, child.silent_s
            if (self.leases or not ready) and silent > (config.heartbeat_timeout_s if ready else START_S):
                return f"it gave no sign for {silent:.0f} s"
            used = child.resident >> 20
            if config.worker_memory_mb and used > config.worker_memory_mb:
                return f"it took {used} MiB of memory, over infer.worker_memory_mb={config.worker_memory_mb}"
        return ""

    def kill(self) -> None:
        """At once; what its processes had sent can still be received."""
        for child in self.children:
            child.process.kill()
        for child in self.children:
            child.kill()

    def stderr_tail(self) -> str:
        """The end of what each process wrote to stderr."""
        return "\n".join(filter(None, (child.stderr_tail() for child in self.children)))

    def close(self, wait_s: float = 0.0) -> None:
        for child in self.children:
            child.close(wait_s)
