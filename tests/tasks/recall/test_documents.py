"""What became of every source is listed; of a document it is told what no passage and no summary holds.

Run: pytest tests/tasks/recall/test_documents.py
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli import main
from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.recall.coverage import coverage
from tasks.recall.documents import UNREMEMBERED, listing
from tasks.runs.ledger import Ledger, ledger_path
from tests.tasks.memory.rows import CHARS, document, record, source

Capture = pytest.CaptureFixture[str]
SECTIONS = ("", "1 Rent", "1 Rent", "2 Term", "3 Keys")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A lease of five passages with words between two of them; a file that is corrupt; one not remembered."""
    home = tmp_path_factory.mktemp("home")
    (home / "parsed").mkdir()
    passages = [
        {**row, "section": section, "char_start": start, "char_end": start + CHARS}
        for number, (row, section) in enumerate(zip(document("lease"), SECTIONS, strict=True))
        for start in [number * CHARS + (10 if number > 2 else 0)]
    ]
    for row in passages:
        row["quotes"] = [{**row["quotes"][0], "start": row["char_start"], "end": row["char_end"]}]
    text = "".join(row["text"] for row in passages[:3]) + "\n\n[stamp]\n"
    text += "".join(row["text"] for row in passages[3:]) + "\n\n"
    spans = [{"part": 0, "char_start": 0, "text": text, "place": "page", "number": 1}]
    pq.write_table(pa.Table.from_pylist(spans, schema=schema.TEXT), home / "parsed" / "clease-p.parquet")
    summary = record("lease", 1, id="lease-document", level="document", run="r1")
    left = [{"kind": "image", "count": 2, "where": "page 1"}]
    rows: tuple[dict[str, Any], ...] = (
        source("/docs/lease.pdf", "lease", chars=len(text), omitted=left),
        source("/docs/bad.pdf", "", outcome="corrupt", reason="no cross-reference table", parsed="", chars=0),
    )
    publish(home, "r1", [stage(home, "r1", [*passages, summary])], Seen(("/docs",), rows), Replaced())
    with Ledger(ledger_path(home)) as ledger:
        ledger.remember_source([*rows, source("/docs/later.txt", "later")], "p")
        ledger.quarantine("r1", rows)
    return home


def test_every_source_is_listed_with_what_became_of_it_when_and_by_which_run(home: Path) -> None:
    with Ledger(ledger_path(home)) as ledger:
        found = listing(home, ledger)
        bad, later, lease = found.rows
        assert found.counts == {"ok": 1, "corrupt": 1, UNREMEMBERED: 1}
        assert (bad.source, bad.reason, bad.run) == ("/docs/bad.pdf", "no cross-reference table", "r1")
        assert (later.source, later.outcome, later.run) == ("/docs/later.txt", UNREMEMBERED, "")
        assert (lease.run, lease.read[:10], lease.version) == ("r1", "2026-01-01", "1")
        assert lease.reason == "left out: 2 images (page 1)"
        assert [one.source for one in listing(home, ledger, outcome="corrupt").rows] == ["/docs/bad.pdf"]
        for name in ("/docs/lease.pdf", "lease.pdf", "lease"):  # URI, last part, document
            assert [one.source for one in listing(home, ledger, name).rows] == ["/docs/lease.pdf"]
        few = listing(home, ledger, "/docs", limit=1)
        assert (len(few.rows), few.total) == (1, 3)
        with pytest.raises(InvalidInput, match="--outcome broken: give one of ok, "):
            listing(home, ledger, outcome="broken")


def test_what_no_passage_holds_is_placed_and_sections_that_the_summary_does_not_tell_of_are_named(
    home: Path,
) -> None:
    (found,) = coverage(open_memory(home), ["lease"]).values()
    assert (found.outside, found.places) == (7, ("page 1: 7 characters",))
    assert found.share == 5 * CHARS / (5 * CHARS + 7)
    assert (found.sections, found.untold) == (3, ("2 Term", "3 Keys"))
    assert found.remark == "97.2 % of the text is in passages; the summary tells of 1 of 3 sections"


def test_documents_are_listed_and_shown_on_the_command_line(home: Path, capsys: Capture) -> None:
    assert main(["documents", "--limit", "2", f"home={home}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "3 sources: 1 corrupt, 1 ok, 1 not remembered"
    assert said[-1].startswith("and 1 more: --limit 3")
    assert main(["documents", "lease.pdf", "--outcome", "corrupt", f"home={home}"]) == 0
    assert main(["documents", "/nosuch", f"home={home}"]) == 2
    assert "/nosuch: no source of that name, or below it, was ever read" in capsys.readouterr().err
    assert main(["show", "lease.pdf", f"home={home}"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["/docs/lease.pdf", "ok: left out: 2 images (page 1)"]
    assert said[-6:] == [
        "97.2 % of the text is in passages; the summary tells of 1 of 3 sections",
        "in no passage:",
        "  page 1: 7 characters",
        "not in the summary:",
        "  2 Term",
        "  3 Keys",
    ]
