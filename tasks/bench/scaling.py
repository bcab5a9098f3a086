"""How reading scales: workers measured on this machine, and a simulator checked against them.

The idea: the same documents are read by one worker with all threads and by several with their share, in
turns, by the very processes that `nightread read` uses. Before they begin, every worker reads a short text
beside the others; from that pace alone the simulator predicts the turn. What it predicts of larger machines
is then printed with the figures it assumes.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, cast

from tasks.bench.progress import Progress
from tasks.bench.speed import text_ids
from tasks.errors import InvalidInput, NightreadError
from tasks.ingest.ipc import Child, free_port
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from tasks.bench.together import Measured
    from tasks.infer.models import Models
    from tasks.runs.run import Run

GPUS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LENGTHS = (10_000_000, 100_000_000, 1_000_000_000)
ROWS = 4
"""Segments of a document that are read as rows of one batch, beside one at a time."""
SPEC = {
    "flops": "flops_per_s",
    "share": "share",
    "link": "link_bytes_per_s",
    "latency": "latency_s",
    "start": "start_s",
}
"""Options of a simulated GPU, as fields of `model.bench.simulate.Machine`."""


@dataclass(frozen=True)
class Scale:
    """What is measured here, and of which machine the simulator speaks.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    workers: tuple[int, ...] = (1, 2)
    tokens: int = 8192
    """Of all documents together."""
    repeats: int = 2
    machine: dict[str, float] = field(default_factory=dict)
    """Options of `SPEC` that were given."""

    def __post_init__(self) -> None:
        if min(self.workers) < 1 or 1 not in self.workers:
            raise InvalidInput(
                f"--workers {','.join(map(str, self.workers))}: give numbers above 0, and 1 among them"
            )
        if self.tokens < 128 * self.documents:
            raise InvalidInput(
                f"--tokens {self.tokens}: give {128 * self.documents} or more for these --workers"
            )
        if self.repeats < 1:
            raise InvalidInput(f"--repeats {self.repeats}: give 1 or more")
        for name, value in self.machine.items():
            if value <= 0 or (name == "share" and value > 1):
                raise InvalidInput(f"--{name} {value:g}: give a number above 0, and a share of 1 at most")

    @property
    def documents(self) -> int:
        """Twice the most workers: all numbers of workers can share them out evenly."""
        return 2 * max(self.workers)


def scaling(scale: Scale, run: "Run", progress: Progress) -> Row:
    """Measure workers here, check the simulator against them, and print its table for larger machines.

    `run` says which model reads, and in which windows; nothing is written to its home.

    Returns:
        {"machine", "model", "measured", "together", "rows", "assumed", "plans"}: seconds, bytes, rates per
        second.
    """
    from model.bench.limits import describe
    from model.bench.measure import rows_at_a_time
    from model.bench.simulate import Machine, table
    from model.geometry import LEAD_IN
    from tasks.bench.turns import commit_seconds
    from tasks.infer.models import Models
    from tasks.runs.ledger import Ledger

    models = Models(run.home, run.infer, run.shard.stride)
    with tempfile.TemporaryDirectory(prefix="nightread-scaling-") as scratch:
        measured = _measure(scale, run, Path(scratch), progress)
        with Ledger(Path(scratch) / "kept.sqlite") as ledger:
            flush_s, keep_s = commit_seconds(ledger)
    config = _config(models.folder)
    ids = text_ids(models.folder, (LEAD_IN + 2 * ROWS) * run.shard.stride)
    two = ids[: 2 * run.shard.stride]
    together = [_together(world, models, two, scale.repeats) for world in scale.workers if world > 1]
    assumed: dict[str, Any] = {SPEC[name]: value for name, value in scale.machine.items()}
    machine = replace(Machine(flush_s=flush_s, keep_s=keep_s), **assumed)
    return {
        "machine": describe(models.device),
        "model": {"name": models.name, "window": run.shard.window},
        "measured": measured,
        "together": together,
        "rows": rows_at_a_time(models.reader, ids, ROWS, scale.repeats),
        "assumed": asdict(machine),
        "plans": table(config, LENGTHS, GPUS, machine, run.shard.stride),
    }


def _config(folder: Path) -> Any:
    from transformers import AutoConfig

    return AutoConfig.from_pretrained(folder).get_text_config()


def _measure(scale: Scale, run: "Run", scratch: Path, progress: Progress) -> list[Row]:
    """A row for every number of workers, from turns that alternate."""
    from tasks.bench.turns import Bench, Turn

    bench = Bench(scale.documents, scale.tokens, run, scratch, progress)
    turns: dict[int, list[Turn]] = {workers: [] for workers in scale.workers}
    for _ in range(scale.repeats):
        for workers in scale.workers:
            turns[workers].append(bench.turn(workers))
    return [bench.row(workers, turns[workers], turns[1]) for workers in scale.workers]


def _together(world: int, models: "Models", ids: Sequence[int], repeats: int) -> Row:
    """One text that `world` ranks read together: bytes and seconds, measured and from the formula."""
    from model.bench.simulate import busiest_flops, exchange

    found = _answers(world, models, ids, repeats)
    one, config = found[0], _config(models.folder)
    sent, calls = exchange(config, len(ids), models.stride, world, one.itemsize, one.way)
    flops = busiest_flops(config, len(ids), models.stride, world, one.way)
    links = sent / world / min(a.bytes_per_s for a in found) + calls * max(a.latency_s for a in found)
    seconds = [max(turn) for turn in zip(*(answer.seconds for answer in found), strict=True)]
    slowest = [min(turn) for turn in zip(*(answer.rates for answer in found), strict=True)]
    predicted = [flops / rate + links for rate in slowest]
    return {
        "ranks": world,
        "tokens": len(ids),
        "way": one.way,
        "bytes": sum(answer.sent for answer in found),
        "formula_bytes": sent,
        "seconds": median(seconds),
        "predicted_s": median(predicted),
        "error": median(said / spent - 1 for said, spent in zip(predicted, seconds, strict=True)),
        "of_it_links_s": links,
    }


def _answers(world: int, models: "Models", ids: Sequence[int], repeats: int) -> "list[Measured]":
    """What every rank of a group measured.

    Raises:
        NightreadError: if one failed, with what it wrote.
    """
    from tasks.bench.together import WIRE, ReadTogether
    from tasks.infer.group import environment, threads

    folder, device, port = str(models.folder.resolve()), str(models.device), free_port()
    children = [
        Child("tasks.bench.together", WIRE, environment=environment(rank, world)) for rank in range(world)
    ]
    try:
        for rank, child in enumerate(children):
            place = (rank, world, port, folder, device, models.config.precision, threads(world))
            child.send(ReadTogether(*place, models.stride, tuple(ids), repeats))
        return [_answer(child) for child in children]
    finally:
        for child in children:
            child.close()


def _answer(child: Child) -> "Measured":
    while not (messages := child.receive(1.0)):
        if child.exit_cause():
            raise NightreadError(f"a rank of the benchmark failed: {child.stderr_tail()}")
    (measured,) = messages
    return cast("Measured", measured)
