"""Back to an earlier run and forward again, and without a document: through the commands, as people do it.

Run: pytest tests/flows/test_forget.py
"""

import json
from pathlib import Path

import pytest

from flows import show
from flows.cli import main
from tasks.memory.forget.erasure import pending
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.staging import stage
from tests.flows.conftest import Configured
from tests.flows.corpus import read, remembered, story, watch_inserts, writes
from tests.tasks.memory.rows import document, sees
from tests.tasks.memory.test_forget import left

Capture = pytest.CaptureFixture[str]
SECRET = "The lighthouse of Tromso keeps its spare lamp behind the third shutter."
ROWS = ("The quarry of Carrara sold forty blocks of marble to a chapel.", "A ferry from Bodo carries salt.")


def corpus(folder: Path) -> Path:
    folder.mkdir()
    for number in range(2):
        (folder / f"report-{number}.txt").write_text(story(number, 2))
    (folder / "secret.txt").write_text(f"{SECRET} It was counted twice in autumn.\n")
    return folder


def test_after_a_rollback_the_corpus_is_as_the_first_reading_had_it_and_no_window_is_read_again(
    configured: Configured, tmp_path: Path, capsys: Capture
) -> None:
    config, folder = configured(), corpus(tmp_path / "corpus")
    home = Path(config.home)
    watch_inserts(home, "journal", "key", "kind")
    first = read(config, folder)
    (folder / "report-2.txt").write_text(story(2, 2))
    read(config, folder)
    held, windows = remembered(home), len(writes(home, "window"))
    assert main(["rollback", first["run"], f"home={home}"]) == 0
    assert f"rolled back to {first['run']}" in capsys.readouterr().out
    assert open_memory(home).sources.equals(open_memory(home, first["run"]).sources)
    again = read(config, folder)
    assert remembered(home) == held
    assert (again["windows"], len(writes(home, "window"))) == (0, windows)
    assert main(["diff", first["run"], again["run"], f"home={home}"]) == 0
    said = capsys.readouterr().out
    assert f"({folder}/report-2.txt)" in said
    assert "records added" in said


def test_with_another_embedder_than_made_the_vectors_nothing_is_forgotten(
    tmp_path: Path, capsys: Capture
) -> None:
    publish(tmp_path, "r1", [stage(tmp_path, "r1", document("d0"))], sees("d0"), embedder="other@1")
    assert main(["forget", "/docs/d0.txt", "--yes", f"home={tmp_path}"]) == 2
    assert "made by the embedder other" in capsys.readouterr().err
    assert pending(tmp_path) is None
    assert (open_memory(tmp_path).run, open_memory(tmp_path).count()) == ("r1", 5)


def test_a_forgotten_document_is_left_out_until_it_is_let_in_again(
    configured: Configured, tmp_path: Path, capsys: Capture
) -> None:
    config, folder = configured("log.json=true", "log.file=true"), corpus(tmp_path / "corpus")
    home, secret, rows = Path(config.home), folder / "secret.txt", folder / "rows.jsonl"
    rows.write_text("".join(json.dumps({"text": text}) + "\n" for text in ROWS))
    report = Path(read(config, folder)["report_md"])
    wanted = [SECRET.rstrip("."), "sold forty blocks of marble"]
    assert {words for _, words in left(home, wanted)} == set(wanted)
    names = [str(secret), f"{rows}#row=1"]
    assert main(["forget", *names, f"home={home}"]) == 2
    assert "--yes" in capsys.readouterr().out
    assert (
        main(["forget", *names, "--yes", "--json", f"home={home}", f"infer.model={config.infer.model}"]) == 0
    )
    receipt = json.loads(capsys.readouterr().out.splitlines()[-1])
    counted = [json.loads(line) for line in (home / "logs" / "nightread.jsonl").read_text().splitlines()]
    assert len([line for line in counted if "document" in line]) == 3  # of five
    assert (receipt["found"], len(receipt["documents"]), receipt["reports"]) == (0, 2, {"made again": 1})
    assert left(home, wanted) == set()
    assert "report-0.txt" in report.read_text()
    for _ in range(2):
        night = read(config, folder)
        assert night["forgotten"] == 2
        assert "2 documents are left out" in show.read(night)
        assert left(home, wanted) == set()
    assert any(row["text"].startswith(ROWS[1]) for row in open_memory(home).rows())
    assert main(["forget", "--undo", str(folder), f"home={home}"]) == 2  # it was not forgotten by that name
    assert main(["forget", "--undo", names[1], f"home={home}"]) == 0
    assert read(config, folder)["forgotten"] == 1
    assert {words for _, words in left(home, wanted)} == {wanted[1]}
    assert read(config, secret)["forgotten"] == 0  # named itself
    assert {words for _, words in left(home, wanted)} == set(wanted)
