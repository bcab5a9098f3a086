"""One rank of a tuning job: a process of its own, as DeepSpeed wants."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import AutoConfig

from model import weights
from model.context import heads
from model.parallel import collectives
from model.tune.trainer import Step, Trainer, Tuning
from tasks.ingest.ipc import Parent, Wire
from tasks.relate.tuning.packing import sample


@dataclass(frozen=True)
class Tune:
    """What every rank is sent."""

    rank: int
    world: int
    port: int
    folder: str
    """Of the model."""
    out: str
    packed: str
    """File of token ids."""
    device: str
    threads: int
    tuning: Tuning
    seed: int


@dataclass(frozen=True)
class Finished:
    """What every rank says at the end."""

    resumed: int
    """Steps that were done before this run."""


WIRE = Wire(Tune, Step, Finished)
"""Rank 0 says every `Step` that it has done."""


def tune(request: Tune, parent: Parent) -> Finished:
    """Train until the last step and, on rank 0, write the model."""
    torch.set_num_threads(request.threads)
    device = weights.pick_device(request.device)
    folder, ids = Path(request.folder), np.memmap(request.packed, dtype=np.int32, mode="r")
    with collectives.join(request.rank, request.world, request.port, device=device) as ranks:
        found = heads.load(folder, AutoConfig.from_pretrained(folder).get_text_config())
        trainer = Trainer(folder, Path(request.out), request.tuning, found, ranks)
        resumed = trainer.step
        while trainer.step < request.tuning.steps:
            done = trainer.train(sample(ids, request.tuning.tokens, trainer.step, request.seed))
            if request.rank == 0:
                parent.send(done)
        trainer.finish()
    return Finished(resumed)


def main() -> None:
    parent = Parent(WIRE)
    parent.send(tune(parent.receive(Tune), parent))


if __name__ == "__main__":
    main()
