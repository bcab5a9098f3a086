"""A plan is the arithmetic of the run, with rates this machine has shown.

Run: pytest tests/tasks/plan/test_plan.py
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tasks.infer.models import Models
from tasks.ingest.sharded import ShardedDocument, sharded
from tasks.plan.budget import fit
from tasks.plan.cost import read_cost, tree_size
from tasks.plan.estimate import estimate
from tasks.plan.left import figures, told
from tasks.plan.rates import Rates, Spent, load_rates, save_rates, update_rates
from tasks.settings import BudgetConfig, InferConfig

RATES = Rates(flops_per_s=1e11, batch_s=10.0, passages_per_s=20.0, start_s=5.0)


@pytest.mark.parametrize(("windows", "merged"), [(1, 1), (8, 1), (9, 3), (64, 9), (65, 12)])
def test_a_tree_has_sections_only_above_eight_windows(windows: int, merged: int) -> None:
    assert tree_size(windows, 8) == merged


def test_rates_are_kept_by_model_and_shape(tmp_path: Path, model_dir: Path) -> None:
    one = Models(tmp_path, InferConfig(model=str(model_dir)), 2048)
    other = Models(tmp_path, InferConfig(model=str(model_dir), summary_batch_size=4), 2048)
    save_rates(tmp_path, one, RATES)
    assert load_rates(tmp_path, one) == RATES
    assert load_rates(tmp_path, other) is None


def test_runs_that_end_at_once_all_keep_their_rates(tmp_path: Path, model_dir: Path) -> None:
    configs = [InferConfig(model=str(model_dir), summary_batch_size=1 + number) for number in range(8)]
    models = [Models(tmp_path, config, 2048) for config in configs]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: save_rates(tmp_path, one, RATES), models))
    assert [load_rates(tmp_path, one) for one in models] == [RATES] * 8


def test_the_next_plan_knows_what_a_run_has_shown(tmp_path: Path, model_dir: Path) -> None:
    config = InferConfig(model=str(model_dir), summary_batch_size=4, salience=True, write="always")
    models = Models(tmp_path, config, 2048)
    documents = [ShardedDocument("a", 24, 50_000, tmp_path)]
    flops = read_cost(models, documents)
    update_rates(tmp_path, models, Spent(flops, 100.0, 26, 70.0, 762, 20.0, 205.0))
    learned = load_rates(tmp_path, models)
    assert learned == Rates(flops / 100.0, 10.0, 38.1, 15.0)
    assert estimate(models, documents, 200_000, learned).seconds == pytest.approx(205.0, rel=0.05)
    update_rates(tmp_path, models, Spent(flops, 50.0, 0, 0.0, 0, 0.0, 60.0))
    assert load_rates(tmp_path, models) == Rates(flops / 50.0, 10.0, 38.1, 10.0)


def test_an_estimate_counts_every_token_once_and_grows_with_them(tmp_path: Path, model_dir: Path) -> None:
    models = Models(tmp_path, InferConfig(model=str(model_dir), salience=True, write="always"), 2048)
    short = estimate(models, [ShardedDocument("a", 1, 1000, tmp_path)], 4000, RATES)
    long = estimate(models, [ShardedDocument("a", 48, 100_000, tmp_path)], 400_000, RATES)
    assert (short.tokens, short.windows) == (1000, 1)
    assert 100 * short.flops < long.flops < 400 * short.flops
    assert short.seconds > RATES.start_s + RATES.batch_s
    assert estimate(models, [], 0, RATES).seconds == 0.0


def test_where_no_model_reads_or_writes_only_vectors_and_extracts_cost(
    tmp_path: Path, model_dir: Path
) -> None:
    models = Models(tmp_path, InferConfig(model=str(model_dir)), 2048)
    documents = [ShardedDocument("a", 24, 50_000, tmp_path)]
    found = estimate(models, documents, 200_000, RATES)
    assert (found.flops, found.read_s, found.write_s) == (0, 0.0, 0.0)
    assert found.seconds == RATES.start_s + found.embed_s > RATES.start_s
    update_rates(tmp_path, models, Spent(0, 0.1, 0, 0.0, 600, 20.0, 30.0))
    learned = load_rates(tmp_path, models)
    assert learned is not None
    assert learned.passages_per_s == 30.0


def test_a_budget_reads_what_it_holds_and_says_of_the_rest_whether_a_later_run_can(
    tmp_path: Path, model_dir: Path
) -> None:
    documents = sharded(ShardedDocument(name, 1, tokens, tmp_path / name) for name, tokens in TOKENS.items())

    def ten(_: str) -> int:
        return 10

    quiet, reading = (
        Models(tmp_path, InferConfig(model=str(model_dir), salience=salience), 2048)
        for salience in (False, True)
    )
    found = fit(quiet, documents, ten, None, BudgetConfig(tokens=1000))
    assert [one.document for one in found.read] == ["small", "little"]
    assert {name: one.why for name, one in found.left.items()} == {
        "large": "takes more than the whole budget: 5,000 tokens, over budget.tokens=1000",
        "medium": "for the next run: 1,300 tokens, over budget.tokens=1000",
        "huge": "takes more than the whole budget: 9,000 tokens, over budget.tokens=1000",
    }
    assert told(figures(found.left)) == [
        "1 document left for the next run: 1,300 tokens, over budget.tokens=1000",
        "2 documents each take more than the whole budget, not read before it is raised; "
        "the largest takes 9,000 tokens, over budget.tokens=1000",
    ]
    begun = fit(reading, documents[:1], ten, None, BudgetConfig(tokens=1000))
    assert (list(begun.read), dict(begun.left)) == ([documents[0]], {}), "its windows are read on"
    full = fit(reading, documents[:1], ten, None, BudgetConfig(tokens=1000, megabytes=1))
    assert not full.read, "there is no room for all of them"
    assert "whole budget" in full.left["large"].why
    assert "budget.megabytes=1" in full.left["large"].why


TOKENS = {"large": 5000, "small": 600, "medium": 700, "huge": 9000, "little": 300}
