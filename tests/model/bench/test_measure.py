"""What a benchmark reports is what was read, in turns with peers, and what is too dear is not run.

Run: pytest tests/model/bench/test_measure.py
"""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from model import cost
from model.bench import baselines, limits
from model.bench import measure as bench
from model.bench.measure import Effort, measure
from model.context import heads
from model.context.heads import Heads
from model.geometry import SINKS
from model.reader import Reader

STRIDE = 64
LENGTHS = [96, 200]
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def reader(tiny_model_dir: Path) -> Reader:
    return Reader(tiny_model_dir, STRIDE, CPU, torch.float32)


@pytest.fixture(scope="module")
def ids(reader: Reader) -> list[int]:
    text = " ".join(f"On day {day} the crew sailed {day * 7 % 31} miles." for day in range(40))
    return list(reader.tokenizer(text)["input_ids"][: max(LENGTHS)])


pytestmark = pytest.mark.heavy  # a measurement names the commit, which git tells
QUICK = Effort(repeats=2, limit_seconds=0.01)


def test_every_length_is_read_by_everyone(reader: Reader, tiny_model_dir: Path, ids: list[int]) -> None:
    told: list[tuple[str, int, int]] = []
    result = measure(
        reader, tiny_model_dir, ids, LENGTHS[::-1], ["sdpa"], lambda *step: told.append(step), QUICK
    )
    assert [row["length"] for row in result["rows"]] == LENGTHS
    for row in result["rows"]:
        tokens = row["length"]
        assert row["repeats"] == 2
        assert row["flops"] == cost.read_flops(reader.config, tokens, STRIDE, SINKS)
        assert row["sdpa_flops"] >= row["flops"]
        assert row["tokens_per_s"] == pytest.approx(tokens / row["seconds"])
        assert 0 < row["share_of_limit"] < 2
        assert row["ratio_to_sdpa"] > 0
        assert row["sdpa_cache_bytes"] == tokens * cost.kv_bytes_per_token(reader.config, 4)
        assert row["peak_rss"] > row["rise"]
    assert result["rows"][1]["cache_bytes"] < result["rows"][1]["sdpa_cache_bytes"]
    for name in ("nightread", "sdpa"):
        assert (f"200 tokens, {name}", 200, 200) in told


def test_the_dense_peer_reads_the_text_as_the_stream_does_within_one_chunk(
    reader: Reader, tiny_model_dir: Path, ids: list[int]
) -> None:
    """Same weights, same type: what both hold after one chunk differs by rotation of the keys alone."""
    stream, dense = (
        baselines.Stream(reader).load(STRIDE),
        baselines.Dense(reader, tiny_model_dir).load(STRIDE),
    )
    for loaded in (stream, dense):
        loaded.read(ids[:STRIDE], lambda done: None)
    for ours, theirs in zip(stream.cache.layers, dense.cache.layers, strict=True):
        torch.testing.assert_close(ours.values[:, :, :STRIDE], theirs.values, atol=1e-3, rtol=1e-3)


def test_a_context_of_calibrated_heads_takes_part(
    reader: Reader, tiny_model_dir: Path, ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ValueError, match="no calibrated heads for the model"):
        baselines.Asked(reader, tiny_model_dir)
    layers = reader.config.num_hidden_layers
    monkeypatch.setattr(heads, "load", lambda *_: Heads(((layers - 1, 1),), 2))
    told: list[int] = []
    asked = baselines.Asked(reader, tiny_model_dir).load(len(ids))
    asked.read(ids, told.append)
    assert told[-1] == len(ids)
    stream = baselines.Stream(reader).load(len(ids))
    stream.read(ids, told.append)
    assert asked.cache_bytes() > stream.cache_bytes()
    assert asked.flops(len(ids)) == pytest.approx(stream.flops(len(ids)) * (layers - 1) / layers)


@pytest.mark.parametrize("effort", [replace(QUICK, max_seconds=0), replace(QUICK, max_bytes=0)])
def test_what_takes_too_much_is_not_run_and_said(
    reader: Reader, tiny_model_dir: Path, ids: list[int], effort: Effort
) -> None:
    rows = measure(reader, tiny_model_dir, ids, [96], ["sdpa"], lambda *step: None, effort)["rows"]
    (row,) = rows
    assert row["sdpa_not_run"].startswith("would take about ")
    assert row["sdpa_not_run"].split()[-1] in ("s", "free")
    assert "sdpa_seconds" not in row
    assert row["tokens_per_s"] > 0


def test_rows_at_a_time_are_as_many_as_asked_for(reader: Reader, ids: list[int]) -> None:
    row = bench.rows_at_a_time(reader, [*ids, *ids], rows=3, repeats=1)
    assert row["rows"] == 3
    assert row["ratio"] == pytest.approx(row["tokens_per_s"] / row["one_tokens_per_s"])


def test_the_published_point_is_tokens_for_what_the_hardware_could_have_done() -> None:
    found = bench.beside_published({"length": 10, "tokens_per_s": 10_000_000 / 180, "limit": 256 * 312e12})
    assert found["ratio"] == pytest.approx(1)


def test_llama_cpp_reads_the_default_model_only(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--peers llama.cpp"):
        baselines.LlamaCpp(reader, tmp_path)


def test_memory_that_was_held_for_a_moment_is_seen() -> None:
    before = limits.held_bytes(CPU)
    with limits.Peak(CPU, every=0.001) as peak:
        held = torch.ones(1 << 24)
        seen = float(held.sum())
        del held
    assert seen == 1 << 24
    assert peak.most - before > 0.9 * 4 * (1 << 24)


def test_limits_are_those_of_a_processor() -> None:
    found = limits.limits(CPU, seconds=0.05)
    assert 1e9 < found.fp32 < 1e14
    assert 1e7 < found.bf16 < 1e15
    assert 1e8 < found.bandwidth < 1e13
    assert found.flops_per_s == max(found.fp32, found.bf16)


@pytest.mark.heavy
def test_a_machine_is_described() -> None:
    said = limits.describe(CPU)
    assert said["processor"]
    assert said["cores"] >= 1
    assert said["torch"] == torch.__version__
