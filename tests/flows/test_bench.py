"""`nightread bench` says what was measured, for people, for programs and as a figure."""

import json
from pathlib import Path

import pytest
import torch

from flows import figures
from flows.cli import main
from model.bench import PEERS
from model.bench.baselines import LOADERS
from tasks.bench import speed as bench


@pytest.mark.heavy  # the run's models include the embedder, whose files are hashed
def test_a_benchmark_shows_machine_limit_and_speeds_for_people_programs_and_as_a_figure(
    tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = tmp_path / "new" / "speed.png"
    argv = ["bench", "--lengths", "300", "--peers", "sdpa", "--json", "--figure", str(figure)]
    argv += ["--kernel", "masked", "infer.precision=float8"]
    assert main([*argv, "--conf", "tiny", f"home={tmp_path}", f"infer.model={tiny_model_dir}"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    assert [row["length"] for row in result["rows"]] == [300]
    assert {"machine", "model", "limits", "rows", "figure"} <= set(result)
    machine, limits = result["machine"], result["limits"]
    assert machine["processor"] in table[0]
    assert f"{machine['threads']} threads" in table[0]
    assert f"torch {torch.__version__}" in table[0]
    assert result["model"]["dtype"].endswith(" with float8 weights")
    assert f"{tiny_model_dir.name} in {result['model']['dtype']}, window 512" in table[1]
    assert f"fp32 {limits['fp32'] / 1e9:,.1f} and bf16 {limits['bf16'] / 1e9:,.1f} GFLOP/s" in table[2]
    assert result["kernel"] == {"kernel": "masked", "why": "forced", "seconds": {}}
    assert "attention kernel: masked, forced" in table
    assert any(line.startswith("norms and MLPs: ") for line in table)
    assert set(result["tiles"]) == {"rows", "why", "seconds"}
    assert all(row["share_of_limit"] > 0 for row in result["rows"])
    assert [line.split()[:2] for line in table if " x as fast" in line] == [["300", "sdpa"]]
    assert any("256 A100" in line for line in table)
    shown = [line for line in table if line.startswith(("this model  float8", "8 billion   float8"))]
    shares = [row["saved_kept"] for row in result["memory"]["rows"] if row["precision"].startswith("float8")]
    assert [line.split()[-1] for line in shown] == [f"{share:.0%}" for share in shares]
    assert shares[-1] > 0.3
    assert figure.read_bytes().startswith(b"\x89PNG")


def test_windows_that_follow_the_text_are_measured_beside_one_width(
    tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--lengths", "300,900", "--least", "64", "--json", "--conf", "tiny"]
    assert main(["bench", "windows", *options, f"home={tmp_path}", f"infer.model={model_dir}"]) == 0
    *table, last = capsys.readouterr().out.splitlines()
    result = json.loads(last)
    one, followed = result["rows"]
    assert result["length"] == 900
    assert (one["least"], one["ratio"], one["nats_lost"]) == (0, 1, 0)
    assert 64 <= followed["past"] < one["past"]
    assert followed["nats"] == pytest.approx(one["nats"] + followed["nats_lost"])
    assert 1 < one["nats"] < 6
    assert [line.split()[0] for line in table[-2:]] == ["0", "64"]


@pytest.mark.parametrize("option", ["--lengths=300", "--least=32", "--least=few"])
def test_windows_that_cannot_be_are_refused_by_their_name(
    option: str, tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [f"home={tmp_path}", f"infer.model={tiny_model_dir}"]
    assert main(["bench", "windows", option, "--conf", "tiny", *where]) == 2
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
    assert bench.installed_peers("another-model") == ("sdpa",)
    assert {"context", "sdpa"} <= set(bench.installed_peers(""))


def test_a_context_is_shown_beside_dense_attention() -> None:
    row = {"length": 4096, "context_ratio_to_sdpa": 1.5}
    (line,) = figures.only_asked([row, {"length": 1}])
    assert line == "4,096 tokens, only read to be asked about (context): 1.50 x as fast as sdpa"


def test_a_peer_that_was_not_run_is_shown_with_its_reason() -> None:
    (line,) = figures.not_run([{"length": 1000, "sdpa_not_run": "would take about 9,000 s"}, {"length": 1}])
    assert line == "1,000 tokens, sdpa: not run: would take about 9,000 s"
