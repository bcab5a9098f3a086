"""`nightread ask` on the command line: what is printed, in which order, and what it does not load."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from model.embed.embedder import Embedder
from tasks.bench.ask import read_texts

Capture = pytest.CaptureFixture[str]

LEASE = "The tenant of the mill pays a rent of 1,450 euros on the first day of every month."
STORM = "The storm of 3 March tore two planks off the slipway at Quay 7."


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, embedder: Embedder) -> Path:
    home = tmp_path_factory.mktemp("home")
    read_texts({"/notes/lease.txt": LEASE, "/notes/storm.txt": STORM}, embedder.encode, home)
    return home


def test_the_answer_comes_first_with_its_place_and_the_times_last(home: Path, capsys: Capture) -> None:
    assert main(["ask", "What rent does the tenant of the mill pay?", f"home={home}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == LEASE
    assert lines[1] == f"     /notes/lease.txt:line 1:0-{len(LEASE)}"
    assert lines[-1].startswith("(open ")
    assert lines[-1].endswith(" s)")


def test_what_was_never_read_is_said_to_be_not_found(home: Path, capsys: Capture) -> None:
    assert main(["ask", "Who", "built", "the", "lighthouse?", f"home={home}"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("not found in what was read\nnearest:\n")
    assert "/notes/storm.txt:line 1:0-" in said


def test_json_is_the_last_line(home: Path, capsys: Capture) -> None:
    assert main(["ask", "How many planks did the storm tear off?", "--json", f"home={home}"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert list(found) == ["question", "found", "answer", "claims", "nearest", "seconds"]
    assert found["found"]
    assert found["claims"][0]["citations"][0]["text"] == STORM


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--document", "leese.txt"], "the nearest is /notes/lease.txt"),
        (["--memory", "a/b"], "use a plain name without slashes"),
        (["--explain"], "give --memory KEY too"),
        (["--new"], "it begins a session: give --memory KEY too"),
        (["-k", "0"], "-k 0: give 1 or more"),
    ],
)
def test_options_that_name_nothing_are_refused(
    home: Path, capsys: Capture, options: list[str], said: str
) -> None:
    assert main(["ask", "who pays", *options, f"home={home}"]) == 2
    assert said in capsys.readouterr().err


def test_a_session_answers_too_and_the_question_becomes_a_round(
    home: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "UTC")
    said = "The new tenant of the mill is a violin maker from Cremona."
    added = ["session", "add", "mill", said, "--speaker", "Ann", "--time", "2026-05-03T10:02"]
    assert main([*added, f"home={home}"]) == 0
    capsys.readouterr()
    asked = ["ask", "--memory", "mill", "--explain", f"home={home}"]
    assert main([*asked, "Where is the violin maker from?"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == said
    assert lines[1] == f"     session mill:round 1, 3 May 2026 10:02, Ann:0-{len(said)}  (short-term)"
    assert lines[-2].startswith("levels: short-term ")
    assert lines[-1].startswith("(round 2 of session mill; ")
    assert main([*asked, "--json", "What rent does the tenant of the mill pay?"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["claims"][0]["text"] == LEASE
    assert found["claims"][0]["level"] == "long"
    assert found["levels"]["long"] > found["levels"]["short"]
    assert main(["session", "show", "mill", "--json", f"home={home}"]) == 0
    rounds = json.loads(capsys.readouterr().out.splitlines()[-1])["rounds"]
    assert [one["answer"] for one in rounds] == ["", said, LEASE]
    assert [len(one["documents"]) for one in rounds] == [0, 0, 1]


def test_a_session_that_is_not_there_is_not_made_where_there_is_nothing_to_answer_from(
    tmp_path: Path, capsys: Capture
) -> None:
    assert main(["ask", "--memory", "dairy", "--new", "who pays", f"home={tmp_path}"]) == 2
    assert "there is no memory" in capsys.readouterr().err
    assert not (tmp_path / "sessions").exists()


def test_a_session_is_begun_only_where_that_is_asked_for(home: Path, capsys: Capture) -> None:
    assert main(["session", "add", "rents", "The mill is let.", f"home={home}"]) == 0
    asked = ["ask", "What rent does the tenant of the mill pay?", f"home={home}", "--memory", "rnets"]
    assert main(asked) == 2
    said = capsys.readouterr().err
    assert "there is no session 'rnets'; there are: " in said
    assert "rents; --new begins it" in said
    assert not (home / "sessions/rnets").exists()
    assert main([*asked, "--new"]) == 0
    assert "(round 1 of session rnets; " in capsys.readouterr().out


def test_asking_loads_neither_torch_nor_prefect(home: Path) -> None:
    code = (
        f"import sys; from flows.cli import main; main(['ask', 'who pays', 'home={home}']); "
        f"print([name for name in ('torch', 'transformers', 'prefect') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
