"""A document that kills its readers, through the command itself: named, set aside, tried again when asked.

Run: pytest tests/flows/test_killed_reader.py
"""

import shutil
from pathlib import Path

from tasks.ledger import Ledger
from tests.flows.corpus import write_corpus
from tests.flows.test_bad_corpus import nightread
from tests.models import tiny_model
from tests.tasks.ranks import Reading, poison


def test_a_document_that_kills_its_readers_is_quarantined_and_retried(
    tmp_path: Path, model_dir: Path
) -> None:
    folder, home = write_corpus(tmp_path / "corpus", 3, lines=24), tmp_path / "home"
    model = tiny_model(tmp_path / "model", model_dir)
    bad = Reading(home, folder, model).document("report-01.txt")
    poison(bad)
    settings = ["--conf", "tiny", f"home={home}", f"infer.model={model}", "infer.workers=2"]
    code, outcome = nightread("read", str(folder), *settings)
    assert (code, outcome["status"], outcome["read"]) == (3, "published", 2)
    (row,) = outcome["quarantined"]
    assert Path(row["uri"]).name == "report-01.txt"
    assert (row["outcome"], row["reason"][:33]) == ("killed_reader", "3 readers died over window 2, the")
    assert [row["outcome"] for row in Ledger(home / "ledger.sqlite").quarantined()] == ["killed_reader"]
    shutil.rmtree(bad.directory)  # the cause is gone
    code, outcome = nightread("quarantine", "retry", *settings)
    assert (code, outcome["quarantined"], outcome["read"]) == (0, [], 1)
    assert Ledger(home / "ledger.sqlite").quarantined() == []
