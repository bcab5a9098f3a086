"""The steps of a read one after the other, without Prefect and Dask: what it publishes is the same."""

from pathlib import Path
from typing import Any

from flows.config import RunConfig
from tasks.infer.infer import infer
from tasks.infer.models import Models
from tasks.ingest import steps as ingest
from tasks.ingest.shard import shard_document
from tasks.ingest.sharded import sharded
from tasks.ingest.uris import canonical
from tasks.memory import remember as memory_step
from tasks.plan.plan import plan
from tasks.plan.work import choose
from tasks.reduce.reduce import reduce
from tasks.relate.relate import relate
from tasks.report.report import report
from tasks.runs.run import Run


def _silent(*_: object) -> None:
    pass


def read(config: RunConfig, *uris: Path) -> dict[str, Any]:
    """The outcome of a read."""
    settings = (config.storage, config.parse, config.shard, config.infer, config.cluster)
    run = Run(tuple(canonical(str(uri)) for uri in uris), Path(config.home), *settings)
    with run.recorded():
        models, memory = Models(run.home, run.infer, run.shard.stride), memory_step.memory_before(run.home)
        found = ingest.discover(run, memory.uris if memory else [])
        work = choose(run, models, memory, ingest.parse(run, found, _silent))
        documents = [shard_document(run.home, row, models.folder, run.shard) for row in work.todo.values()]
        work = plan(run, models, work, sharded(documents))
        done = infer(run, models, work.rows, work.documents, _silent)
        tree = reduce(run, models, work.rows, work.documents, work.kept, work.corpora, _silent)
        staged = memory_step.embed(run, models, work.seen, work.documents, work.gone, tree, memory, _silent)
        related = relate(run, work, memory, tree, staged, _silent)
        published = memory_step.remember(
            run, models, work.seen, work.documents, work.gone, tree, related.staged
        )
        return report(run, models, work, done, tree, staged, related, published)
