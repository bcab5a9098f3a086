"""A document that killed its workers, through the whole flow: named, set aside, tried again when asked.

Run: pytest tests/flows/test_killed_reader.py (-m slow for the command itself, and workers that die in it)
"""

import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.config import RunConfig
from flows.read import begin, open_models, run_retry
from tasks.infer.models import Models
from tasks.ingest import steps as ingest
from tasks.ingest.shard import shard_document
from tasks.ingest.sharded import ShardedDocument
from tasks.runs.run import Run
from tests.flows.conftest import Configured
from tests.flows.corpus import read, tiny, write_corpus
from tests.flows.test_bad_corpus import nightread
from tests.tasks.reading import poison


def sharded(folder: Path, config: RunConfig) -> tuple[Run, Models, ShardedDocument]:
    """The run that will read `folder`, its models, and a document of it that is sharded already."""
    run = begin([str(folder)], config.reading)
    models = open_models(run)
    rows = ingest.parse(run, ingest.discover(run), lambda _: None)
    (row,) = [row for row in rows if row["uri"].endswith("report-01.txt")]
    return run, models, shard_document(run.home, row, models.folder, run.shard)


def check_quarantined(outcome: dict[str, Any], run: Run, window: int) -> None:
    assert (outcome["status"], outcome["read"]) == ("published", 2)
    (held,) = outcome["quarantined"]
    assert (Path(held["uri"]).name, held["outcome"]) == ("report-01.txt", "killed_reader")
    assert held["reason"].startswith(f"3 workers died over window {window}, the last: it ")
    assert [row["outcome"] for row in run.ledger.quarantined()] == ["killed_reader"]


def test_a_document_that_killed_its_workers_is_quarantined_and_retried(
    tmp_path: Path, configured: Configured
) -> None:
    folder, config = write_corpus(tmp_path / "corpus", 3, lines=4), configured()
    run, models, bad = sharded(folder, config)
    for _ in range(3):
        run.ledger.add_death(bad.document, models.key, 0, "it was killed")
    check_quarantined(read(config, folder), run, 0)
    (outcome,) = run_retry(config)
    assert (outcome["quarantined"], outcome["read"]) == ([], 1)
    assert run.ledger.quarantined() == []


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_document_that_kills_three_workers_of_a_run_is_quarantined_and_retried(
    tmp_path: Path, tiny_model_dir: Path
) -> None:
    folder, home = write_corpus(tmp_path / "corpus", 3, lines=24), tmp_path / "home"
    run, _, bad = sharded(folder, tiny(home, tiny_model_dir))
    poison(bad)
    settings = ["--conf", "tiny", f"home={home}", f"infer.model={tiny_model_dir}"]
    code, outcome = nightread("read", str(folder), "infer.workers=2", *settings)
    assert code == 3
    check_quarantined(outcome, run, bad.windows - 1)
    shutil.rmtree(bad.directory)  # the cause is gone
    code, outcome = nightread("quarantine", "retry", *settings)
    assert (code, outcome["quarantined"], outcome["reads"][0]["read"]) == (0, [], 1)
    assert run.ledger.quarantined() == []
