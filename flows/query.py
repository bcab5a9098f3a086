"""Questions to what was read: no flow, no server, just the published memory and the ledger.

Nothing here imports Prefect, and the embedder is loaded only where a question needs a vector.
"""

from pathlib import Path
from typing import Any

from flows.config import RunConfig
from tasks.bench.grid import Grid
from tasks.bench.scaling import Scale
from tasks.bench.speed import Course
from tasks.ledger import Ledger
from tasks.memory import inspect


def recall(question: str, config: RunConfig, level: str | None, as_of: str | None) -> list[dict[str, Any]]:
    """Records that answer a question, best first, each with verbatim quotes and their citations."""
    return inspect.recall_hits(Path(config.home), question, _embed(config), config.recall, level, as_of)


def _embed(config: RunConfig) -> Any:
    from model.embedder import load_embedder

    return load_embedder(config.infer.embedder).encode


def _models(config: RunConfig) -> Any:
    from tasks.infer.windows import Models

    return Models(Path(config.home), config.infer, config.shard.stride)


def ledger(config: RunConfig) -> Ledger:
    """The ledger of this home."""
    return Ledger(Path(config.home) / "ledger.sqlite")


def runs(config: RunConfig) -> list[dict[str, Any]]:
    """Every run the ledger knows, newest first."""
    return ledger(config).runs()[::-1]


def show(ident: str, config: RunConfig) -> dict[str, Any]:
    """A run or a record by its id."""
    return inspect.show(Path(config.home), ledger(config), ident)


def quarantined(config: RunConfig) -> list[dict[str, Any]]:
    """Sources that could not be read, each with its reason."""
    return ledger(config).quarantined()


def evaluate(name: str, path: str, config: RunConfig) -> dict[str, Any]:
    """Evidence recall on a data set, beside its floor."""
    from flows.progress import counter
    from tasks.bench.evaluate import evaluate as measure

    size = config.infer.passage_chars
    return measure(name, Path(path), _embed(config), config.recall, counter(), size)


def needle(grid: Grid, config: RunConfig) -> dict[str, Any]:
    """Needles of a grid of lengths and depths, read by the long-context engine and asked for."""
    from flows.progress import counter
    from tasks.bench.needle import evaluate_needle

    return evaluate_needle(grid, _models(config), counter())


def calibrate(tokens: int, config: RunConfig) -> dict[str, Any]:
    """Find the heads of the configured model and write them beside it."""
    from flows.progress import counter
    from tasks.bench.calibrate import calibrate as find

    models = _models(config)
    told, read = counter("tokens"), 0

    def progress(count: int) -> None:
        nonlocal read
        read += count
        told("reading", read, tokens)

    return find(models.reader, tokens, models.folder, progress)


def bench(course: Course, config: RunConfig) -> dict[str, Any]:
    """Speed and memory of reading, beside peers and the machine's limit."""
    from flows.progress import counter
    from tasks.bench.speed import bench as measure

    return measure(course, _models(config), counter("tokens"))


def windows(length: int, leasts: tuple[int, ...], config: RunConfig) -> dict[str, Any]:
    """Windows that follow the text beside windows of one width."""
    from flows.progress import counter
    from tasks.bench.speed import windows as measure

    return measure(length, leasts, _models(config), counter("tokens"))


def scaling(scale: Scale, config: RunConfig) -> dict[str, Any]:
    """Reading by several ranks, here and simulated."""
    from flows.progress import counter
    from tasks.bench.scaling import scaling as measure
    from tasks.run import Run

    run = Run((), Path(config.home), config.storage, config.parse, config.shard, config.infer, config.cluster)
    return measure(scale, run, counter("tokens"))
