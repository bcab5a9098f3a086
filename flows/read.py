"""The main job: discover, parse, shard, plan, infer, reduce, embed, relate, remember, report.

The body is the list of them. Steps are plain functions of `tasks`; what is decided here is only their order
and their policy.
"""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.exceptions import CancelledRun, TerminationSignal
from prefect.runtime import deployment, flow_run
from prefect.states import Cancelled
from pydantic import Field

from flows.config import NO_CREDENTIALS, ReadConfig, RunConfig
from flows.deployments.crashed import held, overlapped
from flows.deployments.missed import missed
from flows.homes import at_hand, named
from flows.progress import terminal
from flows.retrying import released
from flows.telemetry import observe
from flows.ui import logged, publish_report, run_name, run_progress
from tasks.errors import Transient
from tasks.infer import infer as infer_step
from tasks.infer.models import Models
from tasks.ingest import steps as ingest
from tasks.ingest.uris import canonical
from tasks.memory import remember as memory_step
from tasks.plan import plan as plan_step
from tasks.plan.rates import learn
from tasks.plan.work import choose, without_unread
from tasks.reduce import reduce as reduce_step
from tasks.relate import relate as relate_step
from tasks.relate.earlier import earlier
from tasks.report import report as report_step
from tasks.runs.run import Run

CANCELLED = (TerminationSignal, CancelledRun)
"""By which Prefect ends a run that somebody has cancelled."""


def _transient(_task: Any, _run: Any, state: Any) -> bool:
    """Retry what may be different in a moment, and nothing else."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def step(function: Callable[..., Any], retry_delay_seconds: float = 5) -> Callable[..., Any]:
    """A coarse Prefect task around a plain step, of its name; never cached: its inputs hold open files."""
    policy = task(
        name=function.__name__,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=2,
        retry_delay_seconds=retry_delay_seconds,
        retry_condition_fn=_transient,
    )
    return policy(function)


def observed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The task of a step of a run, of which logs, metrics and traces tell."""

    @wraps(function)
    def stage(run: Run, *args: Any) -> Any:
        with observe.stage(run, function.__name__, args) as results:
            results.append(function(run, *args))
        return results[0]

    return step(stage)


discover = observed(ingest.discover)
parse = observed(ingest.parse)
shard = observed(ingest.shard)
plan = observed(plan_step.plan)
infer = observed(infer_step.infer)
reduce = observed(reduce_step.reduce)
embed = observed(memory_step.embed)
relate = observed(relate_step.relate)
remember = observed(memory_step.remember)
report = observed(report_step.report)


Uris = Annotated[
    list[Annotated[str, Field(min_length=1, json_schema_extra=NO_CREDENTIALS)]], Field(min_length=1)
]
"""What to read: one URI at least."""


@flow(name="read", flow_run_name=run_name, validate_parameters=True, persist_result=False)
def read_corpus(
    uris: Uris,
    config: ReadConfig = ReadConfig(),  # noqa: B008
    allow_retire: bool = False,
    keep_gone: bool = False,
) -> dict[str, Any]:
    """Read every document under `uris` and remember it.

    Args:
        uris: folders, files, globs, s3://bucket/prefix, or sample:
        config: how to read; every field has a default
        allow_retire: even if more than half of what memory holds under `uris` is not there any more
        keep_gone: retire nothing, whatever is not there any more
    """
    why, run = missed(), begin(uris, config)
    if why := why or (overlapped(run.home, run.uris, run.flow_run) if deployment.id else ""):
        # Prefect takes a state in place of a result
        return Cancelled(message=f"Not read: {why}.")  # type: ignore[return-value]
    with (
        logged(),
        held(run.home, run.run),
        observe.observed(run, config),
        run.recorded(CANCELLED),
        run_progress() as progress,
    ):
        models, memory = open_models(run), memory_step.memory_before(run.home)
        ingest.admit(run)
        found = discover(run, memory.uris if memory else [])
        rows = parse(run, found, progress("parse", "sources", len(found)))
        work = choose(run, models, memory, rows, keep_gone)
        if not allow_retire:
            work.loss.check()
        documents = shard(run, work.todo, models.folder, progress("shard", "documents", len(work.todo)))
        work = plan(run, models, work, documents, config.budget)
        progress.predict(work.cost, work.tokens_left)
        tokens = progress("infer", "tokens", work.tokens_left)
        read = infer(run, models, work.rows, work.documents, tokens, config.budget)
        work = without_unread(run, models, memory, work, read)
        documents_done = progress("reduce", "documents", len(work.documents))
        told = earlier(models, memory, work)
        tree = reduce(run, models, work.rows, work.documents, work.kept, work.corpora, documents_done, told)
        characters = progress("embed", "characters")
        staged = embed(run, models, work.seen, work.documents, work.gone, tree, memory, characters)
        documents_done = progress("relate", "documents", len(work.documents))
        related = relate(run, work, memory, tree, staged, documents_done)
        progress("remember", "records")
        published = remember(run, models, work.seen, work.documents, work.gone, tree, related.staged)
        outcome: dict[str, Any] = report(run, models, work, read, tree, staged, related, published)
        learn(run, models, work.documents, read, tree, published.added)
    publish_report(outcome)
    return outcome


def begin(uris: list[str], config: ReadConfig) -> Run:
    """The run that this configuration describes."""
    return Run(
        uris=tuple(dict.fromkeys(map(canonical, uris))),
        home=Path(at_hand(config).home),
        storage=config.storage,
        parse=config.parse,
        shard=config.shard,
        infer=config.infer,
        cluster=config.cluster,
        flow_run=flow_run.id or "",
    )


def open_models(run: Run) -> Models:
    """The models of a run; none is loaded before it is needed."""
    return Models(run.home, run.infer, run.shard.stride)


def run_read(
    uris: list[str], config: RunConfig, allow_retire: bool = False, keep_gone: bool = False
) -> dict[str, Any]:
    """Read under Prefect, from a program or the command line."""
    return read_corpus(uris, named(config.reading), allow_retire, keep_gone)


def run_plan(uris: list[str], config: RunConfig) -> dict[str, Any]:
    """What a read would do and cost; nothing is read by a model, nothing is published."""
    run = begin(uris, config)
    models, memory = open_models(run), memory_step.memory_before(run.home)
    found = ingest.discover(run, memory.uris if memory else [])
    with terminal() as lines:
        rows = ingest.parse(run, found, lines.step("parse", "sources", len(found)))
        work = choose(run, models, memory, rows)
        sharded = lines.step("shard", "documents", len(work.todo))
        documents = ingest.shard(run, work.todo, models.folder, sharded)
    return plan_step.describe(plan_step.plan(run, models, work, documents, config.budget, measure=True))


def run_retry(config: RunConfig) -> list[dict[str, Any]]:
    """Forget what is known of quarantined sources and read again the corpora that they were found in."""
    run = begin([], config)
    with held(run.home, "quarantine retry"):
        return [run_read(list(corpus), config) for corpus in released(config, run.ledger)]
