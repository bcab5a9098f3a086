"""A worker process: leases come in, windows go out, as messages of `tasks.infer.messages`.

The idea: a worker owns nothing. It commits every window and goes on once it has the receipt, so it may die at
any instruction. `tasks.infer.group` starts and watches it. Where several read every chunk together they are
one DeepSpeed job, all are sent the same leases, and rank 0 alone commits.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.infer.messages import (
    WORKER_WIRE,
    Commit,
    Complete,
    Heartbeat,
    Lease,
    Ready,
    Receipt,
    Setup,
    Start,
    Verdict,
    WorkerError,
)
from tasks.ingest.ipc import Parent

if TYPE_CHECKING:
    from model.parallel.collectives import Ranks
    from tasks.infer.models import Models


_WARM_UP = (0,) * 8
"""Tokens of the chunk that shows whether this model can be read with."""


def serve(parent: Parent) -> None:
    """Load the models that the first message names, then read what is leased until the parent closes."""
    start = parent.receive(Start)
    with ExitStack() as stack:
        alone = start.setup.infer.sequence_parallel == 1
        _read(parent, start.setup, None if alone else stack.enter_context(_join(start)))


def _join(start: Start) -> "Ranks":
    """Meet the other ranks of the group."""
    from model import weights
    from model.parallel import collectives

    infer = start.setup.infer
    device = weights.pick_device(infer.device)
    return collectives.join(start.rank, infer.sequence_parallel, start.port, device=device)


def _load(setup: Setup, ranks: "Ranks | None") -> "Models":
    """The models, loaded and tried now: neither their time nor their errors are a document's.

    Raises:
        InvalidInput: if they are not those of the node that began the run, or cannot be read with.
    """
    from tasks.infer.cache_key import cache_key
    from tasks.infer.models import Models

    models = Models(setup.home, setup.infer, setup.shard.stride, ranks)
    if cache_key(models, setup.shard) != setup.key:
        raise InvalidInput(
            f"the model under {models.folder}, or Nightread itself, is another one here than where the run "
            f"began: give every node the same files"
        )
    try:
        models.reader.read(models.reader.start(), _WARM_UP)
    except ValueError as error:
        raise InvalidInput(f"{models.folder}: {error}") from error
    return models


def _read(parent: Parent, setup: Setup, ranks: "Ranks | None") -> None:
    models = _load(setup, ranks)
    from tasks.infer.batch import Batch

    def commit(commits: Sequence[Commit]) -> list[Verdict]:
        verdicts = {one.lease: Verdict.LOST for one in commits}
        if models.leads:
            for one in commits:
                parent.send(one)
            for _ in commits:
                receipt = parent.receive(Receipt)
                verdicts[receipt.lease] = receipt.verdict
        if ranks is None:
            return list(verdicts.values())
        kept = [ranks.any(verdict != Verdict.LOST) for verdict in verdicts.values()]
        return [Verdict.STORED if one else Verdict.LOST for one in kept]

    parent.send(Ready(models.batch_size))
    batch = Batch(setup.home, models, setup.key, commit)
    while True:
        idle = not batch
        while idle or parent.has(Lease):
            batch.add(parent.receive(Lease))
            idle = False
        ended = batch.step()
        parent.send(Heartbeat())
        for lease in ended if models.leads else ():
            parent.send(Complete(lease))


def main() -> None:
    """An error that no document is to blame for is reported before the end."""
    parent = Parent(WORKER_WIRE)
    try:
        serve(parent)
    except (NightreadError, OSError) as error:
        parent.send(WorkerError(f"{error}", isinstance(error, Transient)))
        raise


if __name__ == "__main__":
    main()
