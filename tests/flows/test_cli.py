"""The command line tells a stranger what it does, and what went wrong."""

import errno
import json
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows import arguments, show
from flows.answer import Answer
from flows.arguments import parser
from flows.cli import main, split
from flows.commands import COMMANDS
from flows.explain import explained
from tasks import schema
from tasks.errors import InvalidInput, NightreadError
from tasks.runs.ledger import Ledger
from tasks.text.visible import printable


def test_levels_are_those_of_the_records() -> None:
    assert arguments.LEVELS == schema.LEVELS


Capture = pytest.CaptureFixture[str]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args([command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "--conf" in said
    assert "Exit codes" in said
    assert f"\n  $ nightread {command}" in said


def test_settings_are_told_from_arguments_wherever_they_stand() -> None:
    argv = ["read", "infer.summary_words=300", "s3://bucket/a=b/", "./c=d.txt", "--json", "home=x y"]
    assert split(argv) == (
        ["read", "s3://bucket/a=b/", "./c=d.txt", "--json"],
        ["infer.summary_words=300", "home=x y"],
    )


def test_after_two_dashes_nothing_is_a_setting() -> None:
    assert split(["recall", "k=1", "--", "x=1"]) == (["recall", "--", "x=1"], ["k=1"])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["runs", "infer.mdel=x"], "infer.model"),
        (["runs", "--conf", "nowhere"], "nowhere"),
        (["runs", "infer.summary_batch_size=0"], "infer.summary_batch_size=0"),
        (["corrections", "list", "1a2b"], "corrections undo 1a2b"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(argv: list[str], said: str, capsys: Capture) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nightread: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_debug_shows_where_an_error_came_from(capsys: Capture) -> None:
    assert main(["runs", "--debug", "zzz=1"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as left:
        main(["red", "sample:"])
    assert left.value.code == 2


def test_recall_from_an_empty_home_is_exit_code_2(tmp_path: Path, capsys: Capture) -> None:
    assert main(["recall", "anything?", f"home={tmp_path}"]) == 2
    assert "read" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["runs"], ["quarantine"]])
def test_json_is_the_last_line(command: list[str], tmp_path: Path, capsys: Capture) -> None:
    assert main([*command, "--json", f"home={tmp_path}"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out.splitlines()[-1]), dict)


@pytest.mark.parametrize(
    ("command", "threads"), [(["ask", "Who?"], "1"), (["upkeep"], ""), (["recall", "a"], "1")]
)
def test_numpy_keeps_to_one_thread_for_questions_alone(
    command: list[str], threads: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def told(_: Any, **__: Any) -> Answer:
        return Answer({}, os.environ.get("OPENBLAS_NUM_THREADS", ""))

    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "")  # so that it is put back
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    monkeypatch.setitem(COMMANDS, command[0], told)
    assert main([*command, f"home={tmp_path}"]) == 0
    assert capsys.readouterr().out.strip() == threads


LOADED = """
import sys
from flows.cli import main
try:
    main(sys.argv[2:])
finally:
    print([name for name in sys.argv[1].split(",") if name in sys.modules])
"""
HEAVY = "torch,transformers,deepspeed,prefect,distributed,lancedb,pyarrow,numpy,boto3,matplotlib"


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("argv", "heavy"),
    [
        (["--help"], f"{HEAVY},omegaconf,pydantic"),
        (["runs"], HEAVY),
        (["show", "20260801-031500-1a2b"], HEAVY),
        (["quarantine"], HEAVY),
        (["read", "/no/such/folder"], HEAVY),
        (["plan", "ftp://nowhere/"], HEAVY),
        (["read", "sample:", "infer.model=/no/such/folder"], HEAVY),
        (["evaluate", "needle", "--depths", "0"], HEAVY),
        (["recall", "who", "pays", "rent"], HEAVY.replace("pyarrow,numpy,", "")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_is_answered_at_once_loads_nothing_heavy(argv: list[str], heavy: str, tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.start_run("20260801-031500-1a2b", ["/corpus"], "{}")
    command = [sys.executable, "-c", LOADED, heavy, *argv, f"home={tmp_path}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.heavy
def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "flows", "--help"]
    assert "nightread" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_plan_needs_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    # nothing listens there: a command that asked for a server would say so
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    home = tmp_path / "home"
    assert main(["plan", str(tmp_path / "nowhere"), f"home={home}"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (home / "prefect").exists()


def test_a_plan_says_why_every_document_is_read_or_not() -> None:
    row = {"uri": "a.txt", "tokens": 5000, "windows": 2, "action": "read", "why": "new"}
    totals = {"documents": 1, "tokens": 5000, "windows": 2, "flops": 1e12, "seconds": 3600.0, "bytes": 2048}
    said = show.plan(totals | {"rows": [row], "actions": {"read": 1}})
    assert "60 min" in said
    assert "2.0 KiB" in said
    assert said.splitlines()[-1].split() == ["read", "5,000", "2", "a.txt", "new"]
    many = show.plan(totals | {"rows": [row], "actions": {"read": 2000, "skip": 5}})
    assert many.endswith(
        "the first 1 of 2,005 sources by name, in all 2,000 read, 5 skip; name a folder of them"
        " for the others: nightread plan URI"
    )


def test_one_of_a_kind_is_counted_in_the_singular() -> None:
    said = show.read({"documents": 1, "windows": 1, "tokens": 1, "added": 1, "generated": 1, "dropped": 1})
    assert "\n1 document; 1 window, 1 token read in 0.0 s\n1 record added, 0 retired" in said
    assert said.endswith("; 1 summary written by the model, 1 sentence without support dropped")
    assert "2,000 documents; 0 windows" in show.read({"documents": 2000})
    assert "\n1 name of sources holds a value of a kind that is redacted; names stay" in show.read(
        {"telling_names": 1}
    )


def test_a_read_names_the_first_documents_that_are_new() -> None:
    found = [{"status": "new", "title": f"Lease {number}", "source": "/l.txt"} for number in range(20)]
    found[1] = {"status": "changed", "title": "Minutes " * 20, "source": "/m.txt"}
    said = show.read({"documents": 30, "read": 23, "announced": found}).splitlines()
    assert said[3] == "new: Lease 0"
    assert said[4].startswith("changed: Minutes Minutes")
    assert said[4].endswith("...")
    assert len(said[4]) == show.WIDTH
    assert said[8] == "and 18 more, in the report"
    assert "more" not in show.read({"documents": 30, "read": 2, "announced": found[:2]})


def test_a_name_too_long_for_a_file_names_no_run(tmp_path: Path, capsys: Capture) -> None:
    assert main(["diff", "r" * 300, f"home={tmp_path}"]) == 2
    assert "use at most 100 letters" in capsys.readouterr().err


def test_a_forgetting_of_nothing_is_not_undone(tmp_path: Path, capsys: Capture) -> None:
    assert main(["forget", "--undo", f"home={tmp_path}"]) == 2
    assert "give what is to be remembered again" in capsys.readouterr().err


def test_a_read_names_what_is_no_longer_there() -> None:
    said = show.read({"gone": [f"/notes/{number}.txt" for number in range(7)]}).splitlines()
    assert said[3:5] == ["no longer there: /notes/0.txt", "no longer there: /notes/1.txt"]
    assert said[8] == "and 2 more that are gone, in the report"
    assert show.read({"gone": 1}).endswith("1 source no longer there")
    assert "no longer" not in show.read({"gone": []})


def test_an_answer_of_a_session_says_whose_it_is_and_what_supersedes_it() -> None:
    over = {"how": "superseded by", "text": "It is 950.", "date": "2026-05-03", "citation": "/b.txt:line 1"}
    person: dict[str, Any] = {
        "text": "It is 990.",
        "source": "a person's correction",
        "citations": [],
        "superseded_by": None,
    }
    old = {"text": "It is 900.", "source": "", "citations": [], "superseded_by": over}
    found = {"claims": [person, old], "found": True, "nearest": [], "seconds": {}, "round": 1, "session": "d"}
    said = show.session_reply(found).splitlines()
    assert said[:3] == ["a person's correction:", "It is 990.", "It is 900."]
    assert said[3] == '     ! superseded by "It is 950." (/b.txt:line 1, 2026-05-03)'


def test_what_was_read_does_not_steer_the_terminal() -> None:
    assert printable("a\x1b[31m\x07\x9b b\n\tc") == "a\u241b[31m\u2407\ufffd b\n\tc"


def finished_run(home: Path, run: str, corpus: str, **counts: Any) -> None:
    ledger = Ledger(home / "ledger.sqlite")
    ledger.start_run(run, [corpus], json.dumps({"quotes": 4}))
    ledger.finish_run(run, "published", json.dumps(counts))


def test_runs_say_when_and_what_in_a_hundred_columns(tmp_path: Path, capsys: Capture) -> None:
    counts: dict[str, Any] = {"documents": 12000, "read": 11, "added": 3456, "retired": 789}
    finished_run(tmp_path, "20260801-031500-1a2b", "/a" * 90 + "/minutes", **counts, quarantined=[{}, {}])
    Ledger(tmp_path / "ledger.sqlite").start_run("20260802-031500-1a2b", ["s3://bucket/papers"], "{}")
    assert main(["runs", f"home={tmp_path}"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    header, running, done = lines
    assert header.split() == ["run", "started,", "took", "status", "read", "records", "corpus"]
    assert "running" in running
    assert running.endswith("/papers")
    assert "11 of 12,000, 2 bad" in done
    assert "+3,456 -789" in done
    assert done.endswith("minutes")
    assert re.search(r"  \d+ [A-Z][a-z]{2} \d\d:\d\d, \d\.\d s  published  ", done)


def test_a_run_is_shown_with_what_it_did_and_how(tmp_path: Path, capsys: Capture) -> None:
    finished_run(tmp_path, "night", "/corpus", documents=2, read=1, added=5, retired=3, report_md="r.md")
    assert main(["show", "night", "--json", f"home={tmp_path}"]) == 0
    *said, answer = capsys.readouterr().out.splitlines()
    assert said[:2] == ["run night: published", "corpus: /corpus"]
    assert "5 records added, 3 retired" in "\n".join(said)
    assert "report: r.md" in said
    assert "  quotes: 4" in said
    assert json.loads(answer)["counts"]["added"] == 5


def test_a_failed_run_is_shown_with_its_error(tmp_path: Path, capsys: Capture) -> None:
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.start_run("night", ["/corpus"], "{}")
    ledger.finish_run("night", "failed", json.dumps({"error": "Transient: the store is away"}))
    assert main(["show", "night", f"home={tmp_path}"]) == 0
    assert "error: Transient: the store is away" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), r"/data/x: the disk is full .*home="),
        (
            PermissionError(errno.EACCES, "Permission denied", "/data/x"),
            r"/data/x: cannot be written .*home=",
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/data/x"),
            r"/data/x: cannot be written .*permissions",
        ),
        (sqlite3.OperationalError("database or disk is full"), r"/home: the disk is full"),
        (sqlite3.OperationalError("attempt to write a readonly database"), r"/home: cannot be written"),
        (
            RuntimeError("LanceError(IO): /m/t.lance: No space left on device"),
            r"/m/t\.lance: the disk is full",
        ),
        (
            RuntimeError("lance error: Not found: m/records.lance/_versions/1.manifest"),
            r"/home: what was being read was dropped meanwhile",
        ),
        (MemoryError(), r"/home: the memory is full .*fewer workers"),
        (RuntimeError("can't start new thread"), r"/home: no room for another thread .*ulimit -u"),
        (ZeroDivisionError("by\nzero"), r"ZeroDivisionError: by zero \(--debug shows where\)"),
        (
            NightreadError("the server ended; its log names OSError: database or disk is full"),
            "/home: the disk",
        ),
        (NightreadError("the server ended"), "the server ended"),
        (InvalidInput("a value\nand its remedy"), "a value and its remedy"),
        (InvalidInput(f"{'r' * 10_000}: no such source"), r"r{200}\.\.\. no such source"),
    ],
)
def test_an_error_is_one_line_that_says_what_and_where_and_what_helps(error: Exception, said: str) -> None:
    line = explained(error, home="/home")
    assert re.match(said, line)
    assert "\n" not in line


def test_a_home_that_is_a_file_is_refused_in_one_line(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "home").write_text("")
    assert main(["runs", f"home={tmp_path}/home"]) == 2
    said = capsys.readouterr().err
    assert f"{tmp_path}/home" in said
    assert said.count("\n") == 1


def test_a_question_needs_no_quotes_and_k_is_checked(tmp_path: Path, capsys: Capture) -> None:
    given = parser().parse_args(["recall", "-k", "5", "who", "pays", "rent"])
    assert (given.question, given.k) == (["who", "pays", "rent"], 5)
    assert main(["recall", "-k", "0", "who", f"home={tmp_path}"]) == 2
    assert "-k 0: give 1 to 100" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["read", "/no/such/folder"], "/no/such/folder: no such file or folder"),
        (["plan", "ftp://nowhere/"], "scheme 'ftp' is not known"),
        (["read", "sample:", "infer.model=/no/such"], "infer.model=/no/such: no such folder"),
        (["recall", "what", "infer.embedder=/no/such"], "infer.embedder=/no/such: no such folder"),
        (["bench", "infer.model=~/no/such"], "/no/such: no such folder"),
    ],
)
def test_what_cannot_be_read_is_refused_at_once(
    argv: list[str], said: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main([*argv, f"home={tmp_path}"]) == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize("words", [["session", "list"], ["ask", "--memory", "diary", "who", "pays"]])
def test_a_dialogue_is_not_kept_in_a_bucket(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words, "home=s3://memory/notes"]) == 2
    said = capsys.readouterr().err
    assert "home=s3://memory/notes" in said
    assert "give a folder with home=FOLDER" in said
