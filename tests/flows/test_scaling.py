"""`nightread bench scaling` measures workers, predicts them, and says what larger machines would take.

Run: pytest tests/flows/test_scaling.py (-m slow for two workers, and for the default model: seconds within
25 %)
"""

import json
from pathlib import Path
from typing import Any

import pytest

from flows.cli import main
from model.bench.simulate import TERMS
from tests.marks import slow
from tests.tasks.reading import worker_processes


def scaling(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[list[str], dict[str, Any]]:
    assert main(["bench", "scaling", *argv, "--json"]) == 0
    *text, last = capsys.readouterr().out.splitlines()
    return text, json.loads(last)


@pytest.mark.heavy
@pytest.mark.parametrize("workers", ["1", *slow("1,2")])
def test_workers_are_measured_and_larger_machines_simulated(
    workers: str, tmp_path: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    settings = ["--conf", "tiny", f"home={home}", f"infer.model={tiny_model_dir}"]
    options = ["--workers", workers, "--tokens", "2048", "--repeats", "1", "--flops", "1e12", "--start", "5"]
    text, result = scaling(capsys, *options, *settings)
    assert [row["workers"] for row in result["measured"]] == [int(one) for one in workers.split(",")]
    assert result["measured"][0]["ratio"] == 1
    assert all(row["tokens"] >= 2000 and row["seconds"] > 0 for row in result["measured"])
    assert len(result["together"]) == len(result["measured"]) - 1
    for row in result["together"]:  # of one worker none; see tests/model/parallel/test_sequence.py
        assert row["bytes"] == row["formula_bytes"] > 0
    assert result["rows"]["rows"] == 4
    assert result["rows"]["ratio"] > 0
    assert any(line.startswith("4 segments of a document as rows of one batch: ") for line in text)
    assert (result["assumed"]["flops_per_s"], result["assumed"]["start_s"]) == (1e12, 5)
    sizes = {(row["tokens"], row["devices"]) for row in result["plans"]}
    assert sizes == {(tokens, 2**n) for tokens in (10**7, 10**8, 10**9) for n in range(9)}
    assert {row["limited_by"] for row in result["plans"]} <= {*TERMS, "arithmetic"}
    assert any("simulated, not measured: GPUs of 1 TFLOP/s" in line for line in text)
    assert not (home / "ledger.sqlite").exists()
    assert worker_processes() == []


@pytest.mark.slow
def test_seconds_are_predicted_within_a_quarter(
    tmp_path: Path, model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"home={tmp_path}", f"infer.model={model_dir}"]
    _, result = scaling(capsys, "--workers", "1,2,4", "--tokens", "8192", "--repeats", "3", *settings)
    for row in result["measured"] + result["together"]:
        assert abs(row["error"]) <= 0.25, row
    assert all(row["bytes"] == row["formula_bytes"] for row in result["together"])
    assert result["measured"][1]["ratio"] >= 0.9


@pytest.mark.parametrize(
    "option",
    [
        "--workers=2",
        "--workers=0,1",
        "--workers=many",
        "--tokens=100",
        "--repeats=0",
        "--share=2",
        "--link=0",
    ],
)
def test_what_cannot_be_is_refused_by_its_name(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["bench", "scaling", option, f"home={tmp_path}"]) == 2
    assert option.partition("=")[0] in capsys.readouterr().err
