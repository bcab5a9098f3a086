"""What a run has to do is held in some dozens of bytes a document, so that a million files can be planned.

Run: pytest tests/tasks/plan/test_work.py
"""

import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from tasks.infer.infer import with_sources
from tasks.infer.models import Models
from tasks.infer.queue import Outcome
from tasks.ingest.sharded import ShardedDocument, Sharding
from tasks.ingest.source_rows import Gathered, SourceRows
from tasks.memory.sources import read_whole, replaced
from tasks.plan.budget import fit
from tasks.plan.left import figures
from tasks.plan.plan import NAMED, describe
from tasks.plan.work import choose, without_unread
from tasks.relate.relate import NOTHING
from tasks.report.table import table
from tasks.runs.run import Run
from tasks.settings import BudgetConfig, ClusterConfig, InferConfig, ParseConfig, ShardConfig, StorageConfig
from tests.tasks.memory.rows import source

COUNT = 3000
BYTES = 100
"""A document, that a step may keep of all of them; what it needs meanwhile is twice as much at most."""


def _rows(count: int = COUNT) -> SourceRows:
    found = Gathered()
    for number in range(count):
        found.add([source(f"/docs/{number:06d}.txt", f"{number:064d}", chars=2000)])
    return SourceRows(found.table())


def _run(home: Path, model: Path) -> tuple[Run, Models]:
    infer = InferConfig(model=str(model), embedder=str(model))
    run = Run(("/docs",), home, StorageConfig(), ParseConfig(), ShardConfig(), infer, ClusterConfig())
    return run, Models(home, infer, 2048)


def bounded(step: Callable[[], Any]) -> Any:
    """The result of a step that looks at `COUNT` documents in little memory."""
    tracemalloc.start()
    try:
        result = step()
        held, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < BYTES * COUNT + (1 << 16)
    assert peak < 2 * BYTES * COUNT + (3 << 20)  # a slice or two of rows as dicts
    return result


def test_a_first_night_is_planned_and_reported_without_a_dict_of_its_documents(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    run, models = _run(tmp_path, tiny_model_dir)
    choose(run, models, None, _rows(1))  # loads what it needs
    work = bounded(lambda: choose(run, models, None, _sources))
    assert (len(work.todo), len(work.kept), len(work.stale)) == (COUNT, 0, 0)
    work = replace(work, documents=bounded(lambda: _sharded(tmp_path)))
    told, shown = describe(work), table(work, NOTHING, {})
    assert (len(shown.rows), shown.count, shown.became) == (NAMED, COUNT, {"read: new": COUNT})
    assert (len(told["rows"]), told["actions"]) == (NAMED, {"read": COUNT})
    pairs = bounded(lambda: sum(one.tokens for one, place in with_sources(work.rows, work.documents)))
    assert pairs == 500 * COUNT


def test_what_a_budget_leaves_is_numbers_until_somebody_asks(tmp_path: Path, tiny_model_dir: Path) -> None:
    run, models = _run(tmp_path, tiny_model_dir)
    work, documents = choose(run, models, None, _sources), _sharded(tmp_path)
    fit(models, documents[:1], work.todo.chars, None, BudgetConfig(tokens=5000))  # loads what it needs
    budget = BudgetConfig(tokens=5000)
    fits = bounded(lambda: fit(models, documents, work.todo.chars, None, budget))
    assert (len(fits.read), len(fits.left)) == (10, COUNT - 10)
    assert figures(fits.left)["over"] == "5,500 tokens, over budget.tokens=5000"
    work = replace(work, documents=fits.read, postponed=fits.left)
    left = bounded(lambda: without_unread(run, models, None, work, Outcome(0, 0, 0.0)))
    assert (len(left.todo), len(left.documents), len(left.postponed)) == (10, 10, COUNT - 10)


def test_what_memory_holds_of_sources_is_compared_by_hashes(tmp_path: Path, tiny_model_dir: Path) -> None:
    run, models = _run(tmp_path, tiny_model_dir)
    assert list(bounded(lambda: list(read_whole(_sources.table))[:2])) == [
        ("/docs/000000.txt", "1"),
        ("/docs/000001.txt", "1"),
    ]
    work = choose(run, models, None, _sources)
    assert bounded(lambda: replaced(_sources.table, work.todo, ())) == {}


_sources = _rows()


def _sharded(home: Path) -> Any:
    made = Sharding(home)
    for at in range(0, COUNT, 50):
        names = [f"{number:064d}" for number in range(at, at + 50)]
        made.counted(made.begin(names), [ShardedDocument(name, 1, 500, home / name) for name in names])
    return made.all()
