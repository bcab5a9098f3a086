"""The commands: one function each, from the configuration and its own options to an answer.

The idea: an answer is data for programs and a text for people. Prefect, the models, the table and what only
measures are imported when they are needed, so that `--help` and a misspelt setting are answered at once.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import (
    asking,
    correcting,
    evaluating,
    headline,
    hits,
    ingesting,
    letting,
    loading,
    looking,
    million,
    serving,
    sessions,
    show,
    tend,
    tuning,
    versions,
    watching,
)
from flows.answer import Answer
from flows.deployments import commands as deployments
from flows.homes import folder_of
from flows.reranking import reranking
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig


def read(config: "RunConfig", uris: Sequence[str], yes: bool = False) -> Answer:
    """Read corpora into memory; `yes` lets it retire most of what memory holds of them."""
    _check(config, uris)
    with _prefect(config):
        from flows.read import run_read

        result = run_read(list(uris), config, allow_retire=yes)
    return Answer(result, "\n".join([show.read(result), *versions.unfinished(config)]))


def plan(config: "RunConfig", uris: Sequence[str]) -> Answer:
    """What a read would do and cost."""
    _check(config, uris)
    from flows.read import run_plan

    result = run_plan(list(uris), config)
    return Answer(result, show.plan(result))


def quarantine(config: "RunConfig", action: str = "list") -> Answer:
    """Documents that could not be read; `retry` forgets them and reads their corpora again."""
    rows = looking.ledger(config).quarantined()
    if action == "list":
        # not under "quarantined", which is what a run left there: to list them is no failure
        return Answer({"documents": rows}, show.quarantined(rows))
    if not rows:
        return Answer({"reads": [], "quarantined": []}, show.quarantined([]))
    deployments.check_models(config)
    with _prefect(config):
        from flows.read import run_retry

        results = run_retry(config)
    bad = [row for result in results for row in result["quarantined"]]
    return Answer({"reads": results, "quarantined": bad}, "\n\n".join(map(show.read, results)))


def recall(
    config: "RunConfig",
    question: Sequence[str],
    k: int | None = None,
    as_of: str | None = None,
    explain: bool = False,
    rerank: bool = False,
    **filters: str | None,
) -> Answer:
    """Records that answer a question (its words), best first, each with quotes and their citations."""
    asked = " ".join(question)
    how = config.recall if k is None else _with_k(config, k)
    deployments.check_models(config)
    from tasks.recall.hits import recalled
    from tasks.recall.opened import opened

    reranker = reranking(config, rerank)
    found = recalled(
        partial(opened, Path(config.home), config.infer.embedder, as_of), asked, how, filters, reranker
    )
    return Answer({"question": asked, **found}, hits.hits(found, explain))


def _with_k(config: "RunConfig", k: int) -> Any:
    if not 1 <= k <= config.recall.candidates:
        raise InvalidInput(f"-k {k}: give 1 to {config.recall.candidates} (recall.candidates)")
    return replace(config.recall, k=k)


def calibrate(config: "RunConfig", tokens: int = 16384) -> Answer:
    """Find the heads by which the configured model retrieves and re-ranks, and write them beside it."""
    if tokens < 1024:
        raise InvalidInput(f"--tokens {tokens}: give 1,024 or more")
    models = evaluating.loaded(config)
    from flows import figures
    from flows.progress import counter
    from tasks.bench.calibrate import calibrate as find

    result = find(models.reader, tokens, models.folder, counter())
    return Answer(result, figures.calibrated(result))


def bench(config: "RunConfig", what: str = "reading", **options: Any) -> Answer:
    """Speed and memory of reading, how it scales, or windows that follow the text."""
    kinds: dict[str, Callable[..., Answer]] = {
        "reading": _reading,
        "scaling": _scaling,
        "windows": _windows,
        "million": million.bench_million,
        "headline": headline.bench_headline,
        "memory": tend.bench_memory,
        "parse": ingesting.bench_parse,
        "load": loading.bench_load,
    }
    return kinds[what](config, **options)


def _reading(
    config: "RunConfig",
    lengths: str,
    peers: str | None = None,
    kernel: str = "auto",
    figure: str | None = None,
    **_: Any,
) -> Answer:
    from flows import figures
    from flows.progress import counter
    from tasks.bench.grid import comma_separated, parse_lengths
    from tasks.bench.speed import Comparison, default_figure, installed_peers
    from tasks.bench.speed import bench as measure

    comparison = Comparison(
        lengths=parse_lengths(lengths),
        peers=installed_peers(config.infer.model) if peers is None else comma_separated(peers),
        figure=evaluating.path(figure) or default_figure(Path(config.home)),
        kernel=kernel,
    )
    result = measure(comparison, evaluating.loaded(config), counter("tokens"))
    return Answer(result, figures.bench(result))


def _windows(config: "RunConfig", lengths: str, least: str, **_: Any) -> Answer:
    from flows import figures
    from flows.progress import counter
    from tasks.bench.grid import parse_lengths, parse_numbers
    from tasks.bench.speed import windows as measure

    leasts = parse_numbers(least, "--least", " of tokens, such as 256,512")
    result = measure(max(parse_lengths(lengths)), leasts, evaluating.loaded(config), counter("tokens"))
    return Answer(result, figures.windows(result))


def _scaling(
    config: "RunConfig", workers: str, repeats: int, tokens: int | None = None, **options: Any
) -> Answer:
    from flows import figures
    from flows.progress import counter
    from tasks.bench.grid import parse_numbers
    from tasks.bench.scaling import SPEC, Scale
    from tasks.bench.scaling import scaling as measure

    scale = Scale(
        workers=parse_numbers(workers, "--workers", " of processes, such as 1,2"),
        tokens=8192 if tokens is None else tokens,
        repeats=repeats,
        machine={name: options[name] for name in SPEC if options.get(name) is not None},
    )
    deployments.check_models(config)
    from tasks.runs.run import Run

    run = Run((), Path(config.home), config.storage, config.parse, config.shard, config.infer, config.cluster)
    result = measure(scale, run, counter("tokens"))
    return Answer(result, figures.scaling(result))


def _check(config: "RunConfig", uris: Sequence[str]) -> None:
    """Refuse what cannot be read, or read with, before a server or a model is loaded."""
    from tasks.ingest.discover import check_uris

    deployments.check_models(config)
    check_uris(uris, Path(config.home), config.storage)


def _prefect(config: "RunConfig") -> AbstractContextManager[str]:
    from flows.server import import_read, prefect_api

    return prefect_api(folder_of(config), import_read)


COMMANDS: dict[str, Callable[..., Answer]] = {
    "read": read,
    "plan": plan,
    "watch": watching.watch,
    "quarantine": quarantine,
    "serve": serving.serve,
    "deploy": deployments.deploy,
    "worker": deployments.worker,
    "token": letting.token,
    "recall": recall,
    "ask": asking.ask,
    "session": sessions.session,
    "runs": looking.runs,
    "documents": looking.documents,
    "show": looking.show_one,
    "correct": correcting.correct,
    "pin": correcting.pin,
    "corrections": correcting.corrections,
    "diff": versions.diff,
    "rollback": versions.rollback,
    "forget": versions.forget,
    "upkeep": tend.upkeep,
    "health": tend.health,
    "evaluate": evaluating.evaluate,
    "bench": bench,
    "calibrate": calibrate,
    "tune": tuning.tune,
}
