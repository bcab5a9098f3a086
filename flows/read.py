"""The main job: discover, parse, shard, read, merge, remember, report. The body is the table of contents.

Steps are plain functions of `tasks.run`; what is decided here is only their order and their policy.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from pydantic import Field

from flows.config import ReadConfig, RunConfig
from flows.ui import progress, publish_report
from tasks import run as steps
from tasks.errors import Transient
from tasks.report.report import write_report
from tasks.run import Run


def _transient(_task: Any, _run: Any, state: Any) -> bool:
    """Retry what may be different in a moment, and nothing else."""
    return isinstance(state.result(raise_on_failure=False), Transient)


def _step(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """A coarse Prefect task around a plain step. Its inputs hold open files and models: never cached."""
    policy = task(
        name=name,
        cache_policy=NO_CACHE,
        persist_result=False,
        retries=2,
        retry_delay_seconds=5,
        retry_condition_fn=_transient,
    )
    return policy(function)


collect = _step(steps.collect, "discover and parse")
choose = _step(steps.choose, "plan")
shard = _step(steps.shard, "shard")
infer = _step(steps.infer, "infer")
set_aside = _step(steps.set_aside, "set aside")
merge = _step(steps.merge, "reduce")
remember = _step(steps.remember, "remember")
report = _step(write_report, "report")


Uris = Annotated[list[str], Field(min_length=1)]
"""What to read: one at least."""


@flow(name="read", validate_parameters=True, persist_result=False)
def read_corpus(uris: Uris, config: ReadConfig = ReadConfig()) -> dict[str, Any]:  # noqa: B008
    """Read every document under `uris` and remember it.

    Args:
        uris: folders, files, globs, s3://bucket/prefix, or sample:
        config: how to read; every field has a default
    """
    run = begin(uris, config)
    with run.recorded():
        rows = collect(run, progress("parse", "sources"))
        work = choose(run, rows)
        windows = shard(run, work)
        steps.check_budget(run, work, windows, config.budget_seconds)
        spent = infer(run, work, windows, progress("read", "tokens", steps.tokens_left(run, windows)))
        rows, work, windows = set_aside(run, rows, work, windows, spent)
        tree = merge(run, work, windows, progress("summarise", "summaries"))
        published = remember(run, work, windows, tree)
        outcome: dict[str, Any] = report(run, rows, work, windows, spent, tree, published)
        steps.learn(run, windows, spent, tree, published.added)
    publish_report(outcome)
    return outcome


def begin(uris: list[str], config: ReadConfig) -> Run:
    """The run that this configuration describes."""
    return Run(
        uris=tuple(uris),
        home=Path(config.home),
        storage=config.storage,
        parse=config.parse,
        shard=config.shard,
        infer=config.infer,
        cluster=config.cluster,
    )


def run_read(uris: list[str], config: RunConfig) -> dict[str, Any]:
    """Read under Prefect, from a program or the command line."""
    return read_corpus(uris, config.reading)


def run_plan(uris: list[str], config: RunConfig) -> dict[str, Any]:
    """What a read would do and cost; nothing is read by a model, nothing is published."""
    run = begin(uris, config)
    rows = steps.collect(run, progress("parse", "sources"))
    work = steps.choose(run, rows)
    return steps.plan(run, rows, work, steps.shard(run, work))


def run_retry(config: RunConfig) -> dict[str, Any]:
    """Forget what is known of quarantined sources and read them again."""
    known = begin([], config).ledger
    uris = sorted({row["uri"] for row in known.quarantined()})
    known.release(uris)
    return run_read(uris, config)
