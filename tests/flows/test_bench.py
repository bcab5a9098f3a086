"""`nightread bench` says what was measured, for people, for programs and as a figure."""

import json
from pathlib import Path

import pytest

from flows import figures
from flows.cli import main
from model.bench import PEERS
from model.bench.baselines import LOADERS
from tasks.bench import speed as bench

HOME = Path(__file__).parents[2] / ".nightread"


@pytest.mark.usefixtures("model_dir")
def test_a_benchmark_ends_with_its_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figure = tmp_path / "new" / "speed.png"
    argv = ["bench", "--lengths", "300,150", "--peers", "sdpa", "--json", "--figure", str(figure)]
    argv += ["--kernel", "masked"]
    assert main([*argv, "--conf", "tiny", f"home={HOME}"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert [row["length"] for row in result["rows"]] == [150, 300]
    assert {"machine", "limits", "rows", "figure"} <= set(result)
    assert result["kernel"] == {"kernel": "masked", "why": "forced", "seconds": {}}
    assert "attention kernel: masked, forced" in table
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "torch" in table[0]
    assert "256 A100" in table[-2]
    assert [line.split()[:2] for line in table if " x as fast" in line] == [["150", "sdpa"], ["300", "sdpa"]]


@pytest.mark.usefixtures("model_dir")
def test_windows_that_follow_the_text_are_measured_beside_one_width(
    capsys: pytest.CaptureFixture[str],
) -> None:
    options = ["--lengths", "300,1400", "--least", "64", "--json", "--conf", "tiny", f"home={HOME}"]
    assert main(["bench", "windows", *options]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    one, followed = result["rows"]
    assert result["length"] == 1400
    assert (one["least"], one["ratio"], one["nats_lost"]) == (0, 1, 0)
    assert 64 <= followed["past"] < one["past"]
    assert followed["nats"] == pytest.approx(one["nats"] + followed["nats_lost"])
    assert 1 < one["nats"] < 6
    assert [line.split()[0] for line in table[-2:]] == ["0", "64"]


@pytest.mark.parametrize("option", ["--lengths=300", "--least=32", "--least=few"])
def test_windows_that_cannot_be_are_refused_by_their_name(
    option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "windows", option, "--conf", "tiny", f"home={HOME}"]) == 2
    assert option.replace("=", " ") in capsys.readouterr().err


@pytest.mark.parametrize(
    "option", ["--lengths=0", "--lengths=many", "--peers=vllm", "--figure=speed.svg", "--kernel=flash"]
)
def test_what_cannot_be_measured_is_refused_by_its_name(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", option, f"home={tmp_path}"]) == 2
    assert option.replace("=", " ") in capsys.readouterr().err


def test_names_of_peers_are_known_without_their_imports() -> None:
    assert set(PEERS) == set(LOADERS)
    assert "llama.cpp" not in bench.installed_peers("another-model")


def test_a_peer_that_was_not_run_is_told_with_its_reason() -> None:
    (line,) = figures.not_run([{"length": 1000, "sdpa_not_run": "would take about 9,000 s"}, {"length": 1}])
    assert line == "1,000 tokens, sdpa: not run: would take about 9,000 s"
