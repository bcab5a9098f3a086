"""The command line tells a stranger what it does, and what went wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows import cli, show
from flows.cli import main, parser, split
from flows.commands import COMMANDS
from tasks import schema


def test_levels_are_those_of_the_records() -> None:
    assert cli.LEVELS == schema.LEVELS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        parser().parse_args([command, "--help"])
    assert left.value.code == 0
    said = capsys.readouterr().out
    assert "--conf" in said
    assert "Exit codes" in said


def test_settings_are_told_from_arguments_wherever_they_stand() -> None:
    argv = ["read", "infer.quotes=6", "s3://bucket/a=b/", "./c=d.txt", "--json", "home=x y"]
    assert split(argv) == (
        ["read", "s3://bucket/a=b/", "./c=d.txt", "--json"],
        ["infer.quotes=6", "home=x y"],
    )


def test_after_two_dashes_nothing_is_a_setting() -> None:
    assert split(["recall", "k=1", "--", "x=1"]) == (["recall", "--", "x=1"], ["k=1"])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["runs", "infer.mdel=x"], "infer.model"),
        (["runs", "--conf", "nowhere"], "nowhere"),
        (["runs", "infer.summary_batch_size=0"], "infer.summary_batch_size=0"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    argv: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(argv) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("nightread: ")
    assert captured.err.count("\n") == 1
    assert said in captured.err


def test_debug_shows_where_an_error_came_from(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", "--debug", "zzz=1"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_an_unknown_command_is_exit_code_2() -> None:
    with pytest.raises(SystemExit) as left:
        main(["red", "sample:"])
    assert left.value.code == 2


def test_recall_from_an_empty_home_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recall", "anything?", f"home={tmp_path}"]) == 2
    assert "read" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["runs"], ["quarantine"]])
def test_json_is_the_last_line(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--json", f"home={tmp_path}"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out.splitlines()[-1]), dict)


def test_what_a_read_left_in_quarantine_is_exit_code_3() -> None:
    assert cli._code("read", {"quarantined": [{"uri": "a"}]}) == 3
    assert cli._code("read", {"quarantined": []}) == 0
    assert cli._code("quarantine", {"documents": [{"uri": "a"}]}) == 0


HELP = """
import sys
from flows.cli import main
try:
    main(["--help"])
finally:
    print([name for name in ("torch", "prefect") if name in sys.modules])
"""


def test_help_loads_neither_models_nor_prefect() -> None:
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


def test_the_module_is_the_command() -> None:
    command = [sys.executable, "-m", "flows", "--help"]
    assert "nightread" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_plan_needs_no_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # nothing listens there: a command that asked for a server would say so
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    home = tmp_path / "home"
    assert main(["plan", str(tmp_path / "nowhere"), f"home={home}"]) == 2
    assert "nowhere" in capsys.readouterr().err
    assert not (home / "prefect").exists()


def test_a_hit_shows_its_quotes_and_where_they_stand() -> None:
    quote = {"text": "As is,\nwithout warranty.", "citation": "a.txt:line 3:10-30"}
    hit = {"score": 0.5, "level": "window", "summary": "No warranty.", "text": "", "quotes": [quote]}
    said = show.hits([hit])
    assert '"As is, without warranty."' in said
    assert "a.txt:line 3:10-30" in said


def test_a_plan_says_why_every_document_is_read_or_not() -> None:
    row = {"uri": "a.txt", "tokens": 5000, "windows": 2, "action": "read", "why": "new"}
    totals = {"documents": 1, "tokens": 5000, "windows": 2, "flops": 1e12, "seconds": 3600.0, "bytes": 2048}
    said = show.plan(totals | {"rows": [row]})
    assert "60 min" in said
    assert "2.0 KiB" in said
    assert said.splitlines()[-1].split() == ["read", "5,000", "2", "a.txt", "new"]
