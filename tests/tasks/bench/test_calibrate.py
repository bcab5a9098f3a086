"""Calibration writes the heads of a model beside it, and recall uses them from then on."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig

from flows.cli import main
from model.context import heads
from model.context.calibrate import MAX_HEADS
from model.context.heads import Heads
from model.reader import Reader
from model.weights import HEADS
from tasks.bench.calibrate import calibrate
from tasks.bench.conversations import TURNS, conversations
from tasks.bench.progress import silent


@pytest.fixture
def model(tiny_model_dir: Path, tmp_path: Path) -> Path:
    """A model of its own, which has never been calibrated."""
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))


def nightread(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[str, dict[str, Any]]:
    assert main([*argv, "--json"]) == 0
    *text, last = capsys.readouterr().out.splitlines()
    return "\n".join(text), json.loads(last)


@pytest.mark.heavy  # the run's models include the embedder, whose files are hashed
def test_heads_are_found_written_read_back_and_used(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["--conf", "tiny", f"home={tmp_path / 'home'}", f"infer.model={model}", "infer.device=cpu"]
    needle = "evaluate needle --filler --lengths 640 --depths 1 --needles 1 --wordings 1".split()
    assert main([*needle, *settings]) == 2
    assert "nightread calibrate infer.model=" in capsys.readouterr().err
    text, found = nightread(capsys, "calibrate", "--tokens", "1024", *settings)
    assert found["file"] == str(model / HEADS)
    config = AutoConfig.from_pretrained(model)
    read_back = heads.load(model, config)
    assert [list(head) for head in read_back.heads] == found["heads"]
    assert 1 <= len(read_back.heads) <= MAX_HEADS
    assert read_back.group == config.num_attention_heads // config.num_key_value_heads
    written = json.loads((model / HEADS).read_text())
    assert written["found"]["tokens"] == found["tokens"] >= 1024
    assert 0 <= found["rank_first"] <= 1
    assert found["questions"] == 36
    assert all(f"{layer}.{head}" in text for layer, head in found["heads"])
    reranking = heads.load_reranking(model, config)
    assert [list(head) for head in reranking.heads] == found["rerank"]["heads"]
    assert found["rerank"]["questions"] >= 10
    assert "heads for re-ranking: " in text
    _, measured = nightread(capsys, *needle, *settings)
    assert measured["model"] == "model"


def test_questions_about_conversations_name_who_said_it_and_are_among_other_turns() -> None:
    asked = list(conversations(30))
    assert len(asked) == 30
    for one in asked:
        own = one.passages[one.right].text
        assert own.partition(":")[0] in one.question
        assert len({passage.text for passage in one.passages}) == TURNS
        assert all(one.passages[at].after.strip() == one.passages[at + 1].text for at in range(TURNS - 1))
    assert [one.question for one in asked] == [one.question for one in conversations(30)]


def test_heads_of_before_re_ranking_was_calibrated_are_still_read(model: Path) -> None:
    config = AutoConfig.from_pretrained(model)
    heads.save(Heads(((1, 2),), 3), config, model / HEADS, {})
    assert heads.load(model, config).heads == ((1, 2),)
    with pytest.raises(ValueError, match="run `nightread calibrate"):
        heads.load_reranking(model, config)


def test_too_little_text_is_refused_by_the_options_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calibrate", "--tokens", "1000"]) == 2
    assert "--tokens 1000: give 1,024 or more" in capsys.readouterr().err


@pytest.mark.slow
def test_calibrated_heads_of_the_default_model_rank_the_right_block_first(
    reader_2048: Reader, tmp_path: Path
) -> None:
    found = calibrate(reader_2048, 8192, tmp_path, silent)
    assert found["rank_first"] >= 0.95
    assert found["margin"] > 1.5
    assert heads.load(tmp_path, reader_2048.config).heads
