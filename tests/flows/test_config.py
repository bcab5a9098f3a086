"""Configuration is refused early, by name, with a remedy."""

from pathlib import Path

import pytest

from flows.config import RunConfig, load
from tasks.errors import InvalidInput


def test_later_layers_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("infer:\n  quotes: 7\n  summary_batch_size: 3\n")
    config = load(str(mine), ["infer.summary_batch_size=5"])
    assert (config.infer.quotes, config.infer.summary_batch_size) == (7, 5)
    assert config.shard == RunConfig().shard


def test_what_comes_out_is_frozen_dataclasses_of_their_owners() -> None:
    config = load("laptop", ["home=2024"])
    assert isinstance(config, RunConfig)
    assert config.home == "2024"
    with pytest.raises(AttributeError):
        config.infer.summary_batch_size = 2  # type: ignore[misc]


def test_an_empty_value_is_the_empty_text() -> None:
    assert load("laptop", ["infer.model="]).infer.model == ""


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("infer.mdel=x", "did you mean infer.model"),
        ("model=x", "did you mean infer.model"),
        ("recal.k=3", "did you mean recall.k"),
        ("zzz=1", "conf/base.yaml lists every key"),
        ("infer.summary_batch_size=many", "'many'"),
        ("infer.summary_batch_size=1.5", "'1.5'"),
        ("infer.ground.gain=null", "infer.ground.gain"),
        ("infer=3", "infer=3"),
        ("recall.fusion=best", "'best'"),
        ("infer.summary_batch_size=0", "infer.summary_batch_size=0 must be at least 1"),
        ("shard.window=100", "shard.window=100"),
        ("recall.k=0", "k=0"),
        ("home=", "must name a folder"),
        ("home=[", "home=["),
        ("home=${nowhere}", "nowhere"),
        ("budget_seconds=-1", "budget_seconds=-1"),
        ("budget_seconds=nan", "budget_seconds=nan"),
    ],
)
def test_a_bad_override_is_refused_by_name_on_one_line(override: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load("laptop", [override])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"'laptop'.*base, laptop, tiny"):
        load("laptp", [])


@pytest.mark.parametrize(
    ("text", "said"),
    [("infer: [1", "not valid YAML"), ("- infer", "key: value"), ("infer:\n  qotes: 1", "infer.quotes")],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text(text)
    with pytest.raises(InvalidInput, match=said) as refused:
        load(str(bad), [])
    assert "bad.yaml" in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        load(str(tmp_path / "none.yaml"), [])
