"""`nightread recall` on the command line: words, levels, moments, and what it does not load."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.cli import main
from tasks import schema
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.staging import stage
from tests.flows.test_cli import HEAVY, LOADED
from tests.tasks.memory.rows import CHARS, document, put, record, sees

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, embedder_dir: Path) -> Path:
    """A memory of two runs: the second one found that a document of the first was deleted."""
    del embedder_dir
    home = tmp_path_factory.mktemp("home")
    (home / "parsed").mkdir()
    for name in ("law", "sea"):
        row = {"part": 0, "char_start": 0, "text": "x" * 10 * CHARS, "place": "line", "number": 1}
        table = pa.Table.from_pylist([row], schema=schema.TEXT)
        pq.write_table(table, home / "parsed" / f"c{name}-p.parquet")
    section = record("law", 9, "a summary of the agreements", id="law-section", level="section")
    staged = [stage(home, "r1", [*document("law"), *document("sea"), section])]
    publish(home, "r1", staged, sees("law", "sea"), Replaced())
    put(home, "r2", ["law"])
    return home


def recalled(capsys: Capture, home: Path, *argv: str) -> list[dict[str, Any]]:
    assert main(["recall", *argv, "--json", f"home={home}"]) == 0
    answer = json.loads(capsys.readouterr().out.splitlines()[-1])
    hits: list[dict[str, Any]] = answer["hits"]
    return hits


def test_words_are_a_question_and_k_is_how_many(home: Path, capsys: Capture) -> None:
    assert main(["recall", "-k", "2", "which", "agreements", f"home={home}"]) == 0
    said = capsys.readouterr().out
    assert "1. section, score 0.3" in said
    assert "\n2. passage" in said
    assert "\n3. " not in said
    assert "/docs/law.txt:line 1:" in said


def test_hits_are_explained_and_filtered(home: Path, capsys: Capture) -> None:
    only = ["--document", "law.txt", "--entity", "nobody", "--date", "1999"]
    assert main(["recall", "agreements", *only, f"home={home}"]) == 0
    assert capsys.readouterr().out == "nothing in memory answers this\n"
    assert main(["recall", "--explain", "-k", "1", "which", "agreements", f"home={home}"]) == 0
    said = capsys.readouterr().out
    assert "why: words: rank 1" in said
    assert re.search(r"\(open \d+ ms, embed \d+ ms, search \d+ ms, rank \d+ ms", said)
    assert main(["recall", "agreements", "--date", "March", f"home={home}"]) == 2
    assert "give a year, a month or a day" in capsys.readouterr().err


def test_a_level_is_all_that_is_recalled(home: Path, capsys: Capture) -> None:
    hits = recalled(capsys, home, "--level", "section", "agreements")
    assert [hit["id"] for hit in hits] == ["law-section"]
    assert recalled(capsys, home, "--level", "corpus", "agreements") == []


@pytest.mark.parametrize(
    ("moment", "sea"), [((), False), (("--as-of", "r1"), True), (("--as-of", "r2"), False)]
)
def test_memory_answers_as_it_was(home: Path, capsys: Capture, moment: tuple[str, ...], sea: bool) -> None:
    hits = recalled(capsys, home, *moment, "agreements", "of", "sea")
    assert any(hit["id"].startswith("sea-") for hit in hits) is sea


@pytest.mark.parametrize(
    ("moment", "said"), [("yesterday", "no run 'yesterday'"), ("1999-01-01", "nothing was published by")]
)
def test_a_moment_without_a_memory_is_refused(home: Path, capsys: Capture, moment: str, said: str) -> None:
    assert main(["recall", "what", "--as-of", moment, f"home={home}"]) == 2
    assert said in capsys.readouterr().err


def test_a_record_is_shown_with_its_source(home: Path, capsys: Capture) -> None:
    assert main(["show", "law-section", f"home={home}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("section law-section\n")
    assert "- /docs/law.txt" in said
    assert "     /docs/law.txt:" in said
    assert main(["show", "nothing", f"home={home}"]) == 2
    assert "neither a run nor a record" in capsys.readouterr().err


def test_a_passage_that_is_shown_says_its_text_once(home: Path, capsys: Capture) -> None:
    assert main(["show", "law-0", f"home={home}"]) == 0
    assert capsys.readouterr().out.count("passage 0 of law on agreements") == 1


def test_a_question_is_embedded_without_torch(home: Path) -> None:
    heavy = HEAVY.replace("lancedb,pyarrow,numpy,", "")
    command = [sys.executable, "-c", LOADED, heavy, "recall", "which", "agreements", f"home={home}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
