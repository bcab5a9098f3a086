"""A document that killed its workers, through the command itself: named, set aside, tried again when asked.

Run: pytest tests/flows/test_killed_reader.py (-m slow for workers that die in the same run)
"""

import shutil
from pathlib import Path

import pytest

from flows.read import begin, open_models
from tasks.ingest import steps as ingest
from tasks.ingest.shard import shard_document
from tests.flows.corpus import tiny, write_corpus
from tests.flows.test_bad_corpus import nightread
from tests.marks import slow
from tests.tasks.reading import poison


@pytest.mark.heavy
@pytest.mark.parametrize("dies", ["in earlier runs", *slow("now")])
def test_a_document_that_kills_its_workers_is_quarantined_and_retried(
    dies: str, tmp_path: Path, tiny_model_dir: Path
) -> None:
    folder, home = write_corpus(tmp_path / "corpus", 3, lines=24), tmp_path / "home"
    run = begin([str(folder)], tiny(home, tiny_model_dir))
    models = open_models(run)
    rows = ingest.parse(run, ingest.discover(run), lambda _: None)
    (row,) = [row for row in rows if row["uri"].endswith("report-01.txt")]
    bad = shard_document(home, row, models.folder, run.shard)
    if dies == "now":
        poison(bad)
    for _ in range(0 if dies == "now" else 3):
        run.ledger.add_death(bad.document, models.key, 0, "it was killed")
    settings = ["--conf", "tiny", f"home={home}", f"infer.model={tiny_model_dir}"]
    parallel = ["infer.workers=2"] if dies == "now" else []
    code, outcome = nightread("read", str(folder), *settings, *parallel)
    assert (code, outcome["status"], outcome["read"]) == (3, "published", 2)
    (held,) = outcome["quarantined"]
    assert Path(held["uri"]).name == "report-01.txt"
    window = bad.windows - 1 if dies == "now" else 0
    assert held["outcome"] == "killed_reader"
    assert held["reason"].startswith(f"3 workers died over window {window}, the last: it ")
    assert [row["outcome"] for row in run.ledger.quarantined()] == ["killed_reader"]
    shutil.rmtree(bad.directory)  # the cause is gone
    code, outcome = nightread("quarantine", "retry", *settings)
    assert (code, outcome["quarantined"], outcome["read"]) == (0, [], 1)
    assert run.ledger.quarantined() == []
