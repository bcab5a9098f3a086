"""Configuration is refused early, by name, with a remedy."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from flows.config import ReadConfig, RunConfig, load
from tasks.errors import InvalidInput
from tasks.settings import REMOVED, RENAMED, GroundConfig, InferConfig, RecallConfig


def test_later_layers_win(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text("infer:\n  summary_words: 70\n  summary_batch_size: 3\n")
    config = load(str(mine), ["infer.summary_batch_size=5"])
    assert (config.infer.summary_words, config.infer.summary_batch_size) == (70, 5)
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
        ("infer.summary_batch_size=many", "infer.summary_batch_size=many must be a whole number"),
        ("infer.summary_batch_size=1.5", "infer.summary_batch_size=1.5 must be a whole number"),
        ("infer.summary_words=true", "infer.summary_words=True must be a whole number"),
        ("infer.device=gpu", "infer.device=gpu must be 'auto', 'cpu' or 'cuda'"),
        ("infer.sequence_parallel=2", "infer.sequence_parallel=2 must divide infer.workers=1"),
        ("cluster.memory_limit=much", "cluster.memory_limit=much must be a size such as 2GiB"),
        ("parse.plugins=mine", "parse.plugins=mine must be a list"),
        ("infer.ground.gain=null", "infer.ground.gain"),
        ("infer=3", "infer=3 must be a group"),
        ("infer.summary_batch_size=0", "infer.summary_batch_size=0 must be at least 1"),
        ("shard.window=100", "shard.window=100"),
        ("recall.k=0", "k=0"),
        ("home=", "must name a folder"),
        ("home=[", "home=["),
        ("home=gs://a/b", "home=gs://...: give a folder or s3://bucket"),
        ("home=${nowhere}", "nowhere"),
        ("budget.seconds=-1", "budget.seconds=-1"),
        ("budget.seconds=nan", "budget.seconds=nan"),
    ],
)
def test_a_bad_override_is_refused_by_name_on_one_line(override: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load("laptop", [override])
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("old", "why"), REMOVED.items())
def test_a_setting_that_is_gone_is_refused_with_what_happens_now(old: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=f"{old} is no setting any more: {why}; leave it out"):
        load("laptop", [f"{old}=2"])


@pytest.mark.parametrize(("old", "new"), RENAMED.items())
def test_an_old_name_is_refused_with_the_new_one_wherever_it_is_given(
    tmp_path: Path, old: str, new: str
) -> None:
    said = f"{old} is now called {new}"
    with pytest.raises(InvalidInput, match=said):
        load("laptop", [f"{old}=2"])
    mine = tmp_path / "mine.yaml"
    group, _, name = old.rpartition(".")
    mine.write_text(f"{group}:\n  {name}: 2\n" if group else f"{name}: 2\n")
    with pytest.raises(InvalidInput, match=rf"mine\.yaml: {said}"):
        load(str(mine), [])
    if group:
        with pytest.raises(ValueError, match=said):
            TypeAdapter(ReadConfig).validate_python({group: {name: 2}})


def test_a_home_folder_is_meant_by_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.yaml").write_text("infer:\n  embedder: ~/e\n")
    config = load("~/mine.yaml", ["home=~/memory", "infer.model=~/models/mine"])
    assert config.home == f"{tmp_path}/memory"
    assert (config.infer.model, config.infer.embedder) == (f"{tmp_path}/models/mine", f"{tmp_path}/e")
    assert TypeAdapter(ReadConfig).validate_python({"home": "~/x"}).home == f"{tmp_path}/x"


def test_a_read_is_not_told_how_to_recall() -> None:
    config = load("laptop", ["infer.summary_words=300", "home=there"])
    assert config.reading == ReadConfig(
        home="there",
        cluster=config.cluster,
        infer=replace(InferConfig(summary_words=300), heartbeat_timeout_s=600.0),
    )


def test_every_setting_is_explained_where_it_is_defined() -> None:
    schema = TypeAdapter(ReadConfig).json_schema()
    groups = [schema, *schema["$defs"].values(), TypeAdapter(RecallConfig).json_schema()]
    fields = [field for group in groups for field in group["properties"].items()]
    assert [name for name, field in fields if not {"description", "$ref"} & set(field)] == []
    assert [group["title"] for group in groups if "description" not in group] == []


def test_settings_travel_as_json_between_processes() -> None:
    config = InferConfig(summary_words=60, ground=GroundConfig(gain=0.25))
    assert InferConfig(**json.loads(json.dumps(asdict(config)))) == config


def test_an_unknown_preset_is_answered_with_those_there_are() -> None:
    with pytest.raises(InvalidInput, match=r"'laptop'.*base, cluster, gpu, laptop, tiny"):
        load("laptp", [])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("infer: [1", "not valid YAML"),
        ("- infer", "key: value"),
        ("infer:\n  sumary_words: 90", "infer.summary_words"),
    ],
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
