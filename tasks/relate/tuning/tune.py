"""Tune the model that reads, on what memory holds, in processes that are watched.

The idea: the processes keep all that a run needs to go on under `out`; this side only starts them, shows
what they say, and tells whose death ended a run. The same command goes on.
"""

import json
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from model.files import write_atomic
from model.tune.trainer import Step, Tuning, losses
from tasks.errors import InvalidInput, NightreadError
from tasks.infer.group import environment, threads
from tasks.ingest.ipc import Child, free_port
from tasks.memory.reader import open_memory
from tasks.relate.tuning.packing import pack
from tasks.relate.tuning.plan import CHECKPOINTS, TunePlan
from tasks.relate.tuning.worker import WIRE, Finished, Tune

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.infer.models import Models

_BYTES_PER_WEIGHT = 2 * 12 + 8
"""Of disk: two checkpoints of weights and both moments, the model, and some to spare."""
_HEARD_S = 1.0


@dataclass(frozen=True)
class Tuned:
    """A model that was tuned, and how that went."""

    out: Path
    tokens: int
    """Of all documents."""
    resumed: int
    """Steps that an earlier run had done."""
    steps: tuple[Step, ...]


def tune(home: Path, plan: TunePlan, models: "Models", progress: "Callable[[str, int, int], None]") -> Tuned:
    """Tune `models`' decoder; the memory and the model that it was read with stay as they are.

    Raises:
        InvalidInput: if memory holds too little text, or the disk has no room.
        NightreadError: if a process failed, with what it wrote.
    """
    plan.out.mkdir(parents=True, exist_ok=True)
    _check_room(plan.out, models.folder)
    _check_same(plan, models.name)
    packed = plan.out / CHECKPOINTS / "packed.i32"  # goes with them at the end
    packed.parent.mkdir(exist_ok=True)
    tokens = packed.stat().st_size // 4 if packed.exists() else 0
    tokens = tokens or pack(open_memory(home), plan.uri, models.folder, packed)
    if tokens <= plan.tokens:
        shutil.rmtree(packed.parent)
        raise InvalidInput(
            f"--tokens {plan.tokens}: memory holds {tokens:,} tokens there; read more, or give fewer"
        )
    resumed = 0
    for heard in _run(plan, models, packed):
        if isinstance(heard, Finished):
            resumed = heard.resumed
        else:
            progress(f"tuning: steps (nats a token {heard.nats:.3f})", heard.step, plan.steps)
    return Tuned(plan.out, tokens, resumed, tuple(losses(plan.out)))


def _check_room(out: Path, folder: Path) -> None:
    weights = sum(file.stat().st_size for file in folder.glob("*.safetensors")) // 2
    needed, free = weights * _BYTES_PER_WEIGHT, shutil.disk_usage(out).free
    if free < needed:
        raise InvalidInput(
            f"--out {out}: checkpoints and the model take {needed / 2**30:.1f} GiB, {free / 2**30:.1f} are "
            "free; name a folder on a larger disk"
        )


def _check_same(plan: TunePlan, model: str) -> None:
    """A run goes on only as it was begun."""
    path = plan.out / "plan.json"
    asked = {name: value for name, value in asdict(plan).items() if name != "out"} | {"model": model}
    if path.exists() and (begun := json.loads(path.read_text())) != asked:
        changed = ", ".join(
            f"{name} was {value}" for name, value in begun.items() if asked.get(name) != value
        )
        raise InvalidInput(
            f"--out {plan.out}: another tuning was begun there ({changed}): give the same options, or "
            "another folder"
        )
    write_atomic(path, json.dumps(asked, indent=1).encode())


def _run(plan: TunePlan, models: "Models", packed: Path) -> Iterator[Step | Finished]:
    tuning = Tuning(
        steps=plan.steps,
        tokens=plan.tokens,
        window=plan.window,
        learning_rate=plan.learning_rate,
        retrieval_entropy=plan.retrieval_entropy,
        local_entropy=plan.local_entropy,
        zero=plan.zero,
    )
    port, each = free_port(), threads(plan.ranks)
    children = [
        Child("tasks.relate.tuning.worker", WIRE, environment=environment(rank, plan.ranks))
        for rank in range(plan.ranks)
    ]
    try:
        for rank, child in enumerate(children):
            places = (str(models.folder.resolve()), str(plan.out.resolve()), str(packed.resolve()))
            child.send(Tune(rank, plan.ranks, port, *places, str(models.device), each, tuning, plan.seed))
        left = set(range(plan.ranks))
        while left:
            for rank in sorted(left):
                for message in children[rank].receive(_HEARD_S):
                    if isinstance(message, Finished):
                        left.discard(rank)
                    if rank == 0:
                        yield message
                if rank in left and (cause := children[rank].exit_cause()):
                    raise NightreadError(
                        f"tuning: process {rank} failed: {cause}; the same command goes on from the last "
                        f"checkpoint. It wrote: {children[rank].stderr_tail()}"
                    )
    finally:
        for child in children:
            child.close()
