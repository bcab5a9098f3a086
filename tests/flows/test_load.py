"""`nightread bench load`: real readers and a real Redis are asked, killed, restarted; nothing is mixed up."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main

pytestmark = pytest.mark.heavy


def loaded(
    capsys: pytest.CaptureFixture[str], model: Path, *options: str
) -> tuple[list[str], dict[str, Any]]:
    """What the command shows, and its figures."""
    if shutil.which("redis-server") is None:
        pytest.skip(
            "no redis-server here: apt-get install redis-server, or run infra/test.sh as root or with sudo"
        )
    settings = [f"infer.model={model}", "shard.window=128", "shard.stride=64"]
    assert main(["bench", "load", *options, "--json", *settings]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    return table, json.loads(last)


def check(table: list[str], result: dict[str, Any]) -> None:
    """Each session was answered from its own context alone, and nothing that was acknowledged is gone."""
    assert result["wrong"] == []
    assert result["lost"] == []
    assert result["failed_for_good"] == 0
    asked = {row["kind"]: row for row in result["kinds"]}
    assert asked["retrieve"]["cited"] > 1
    assert asked["ask"]["found"] > 0.9, "an answer attends so many blocks that the fact is among them"
    assert [event["what"] for event in result["events"]] == [
        "reader-1 killed",
        "redis killed and started again",
        "reader-1 started again",
    ]
    assert [event["behind"] for event in result["events"]] == sorted(
        event["behind"] for event in result["events"]
    )
    assert list(result["memory"]) == ["start", "middle", "end"]
    assert result["memory"]["middle"]["reader-1"] == 0
    assert result["memory"]["middle"]["reader-2"] > 1 << 20
    assert any(line.startswith("wrong or mixed-up answers: 0 of") for line in table)


def test_a_killed_reader_and_a_restarted_redis_mix_nothing_up(
    tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = ("--sessions", "6", "--requests", "40", "--clients", "3")
    options = (*few, "--through", "readers", "serve.lease_s=2", "serve.contexts=3")
    table, result = loaded(capsys, tiny_model_dir, *options)
    check(table, result)
    assert (result["requests"], result["failed"]) == (40, 0)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_two_hundred_sessions_and_two_thousand_requests(
    tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table, result = loaded(capsys, tiny_model_dir, "--minutes", "90", "serve.lease_s=5", "serve.contexts=32")
    check(table, result)
    assert (result["sessions"], result["requests"]) == (200, 2000)
    assert result["failed"] < 20
    memory = result["memory"]
    for name in ("redis", "reader-2", "clients"):
        assert memory["end"][name] < 1.2 * memory["middle"][name] + (32 << 20), "memory is flat"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--sessions", "0"], "--sessions 0: give 1 or more"),
        (["--readers", "1"], "--readers 1: one is killed, so give 2 or more, or --calm"),
    ],
)
def test_what_cannot_be_loaded_is_said(
    options: list[str], said: str, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "load", *options, f"infer.model={tiny_model_dir}"]) == 2
    assert said in capsys.readouterr().err
