"""`nightread session` on the command line: dialogues kept by their keys."""

import io
import json
from pathlib import Path

import pytest

from flows.cli import main

Capture = pytest.CaptureFixture[str]


def run(capsys: Capture, home: Path, *words: str) -> str:
    assert main(["session", *words, f"home={home}"]) == 0
    return capsys.readouterr().out


def test_what_is_added_is_shown_listed_copied_exported_and_forgotten(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    assert run(capsys, tmp_path) == "no session yet: nightread session add KEY\n"
    said = ("add", "diary", "We moved", "the piano.", "--speaker", "Ann", "--time", "2026-05-03T10:02")
    assert run(capsys, tmp_path, *said) == "round 1, 3 May 2026 10:02\n"
    monkeypatch.setattr("sys.stdin", io.StringIO("The tuner\n  comes on Monday.\n"))
    run(capsys, tmp_path, "add", "diary")
    shown = run(capsys, tmp_path, "show", "diary").splitlines()
    assert shown[:2] == ["round 1, 3 May 2026 10:02, Ann:", "   We moved the piano."]
    assert shown[3:] == ["   The tuner", "     comes on Monday."]
    assert run(capsys, tmp_path, "show", "diary", "--last", "1").splitlines() == shown[2:]
    run(capsys, tmp_path, "copy", "diary", "second")
    assert run(capsys, tmp_path, "export", "second", str(tmp_path / "out")).startswith("2 rounds written to")
    assert len((tmp_path / "out").read_text().splitlines()) == 2
    assert main(["session", "export", "second", str(tmp_path / "no" / "out"), f"home={tmp_path}"]) == 2
    assert "in a folder that there is" in capsys.readouterr().err
    run(capsys, tmp_path, "show", "second", "--last", "9" * 20)
    listed = json.loads(run(capsys, tmp_path, "list", "--json").splitlines()[-1])["sessions"]
    assert {one["key"]: one["rounds"] for one in listed} == {"diary": 2, "second": 2}
    assert run(capsys, tmp_path, "forget", "second", "--yes") == "session second forgotten, 2 rounds\n"
    assert run(capsys, tmp_path).splitlines()[1].startswith("diary")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show"], "give the key of a session"),
        (["show", "diary"], "there is no session 'diary'; there are: none yet"),
        (["show", "../diary"], "use a plain name without slashes"),
        (["add", "diary", " "], "a round needs a text and a speaker"),
        (["add", "diary", "Hello", "--time", "noon"], "'noon' is no ISO time"),
        (
            ["import", "diary", "nothing.jsonl"],
            "nothing.jsonl is not there: give the file that",
        ),
        (["copy", "diary"], "give the key of the copy"),
        (["add", ".diary.gone", "Hello"], "use a plain name without slashes, line ends or a first dot"),
        (["add", "d" * 300, "Hello"], "give a name of 1 to 200 bytes, not 300"),
        (["list", "diary"], "session show diary"),
    ],
)
def test_what_cannot_be_done_is_refused(tmp_path: Path, capsys: Capture, words: list[str], said: str) -> None:
    assert main(["session", *words, f"home={tmp_path}"]) == 2
    assert said in capsys.readouterr().err


def test_forgetting_asks_first(tmp_path: Path, capsys: Capture) -> None:
    run(capsys, tmp_path, "add", "diary", "Hello")
    assert main(["session", "forget", "diary", f"home={tmp_path}"]) == 2
    assert "session diary has 1 round, and nothing brings them back" in capsys.readouterr().err
    assert run(capsys, tmp_path).splitlines()[1].startswith("diary")
