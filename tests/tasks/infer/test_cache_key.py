"""The cache key: what must change it, what must not, and that keys made before are the same today.

Run: pytest tests/tasks/infer/test_cache_key.py
"""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from tasks.infer.cache_key import EXECUTION, KeyInputs, cache_key, identity, key_inputs, window_key
from tasks.infer.models import Models
from tasks.settings import GroundConfig, InferConfig, ShardConfig

SHARD = ShardConfig(512, 256)
ANSWER: dict[str, Any] = {
    "precision": "float8",
    "summary_batch_size": 3,
    "segment_windows": 9,
    "prompt_tokens": 999,
    "summary_tokens": 9,
    "salience": False,
    "summary_words": 99,
    "fan_in": 9,
    "passage_chars": 99,
    "ground": GroundConfig(gain=1.5),
    "write": "never",
}
"""Another value of every setting that changes what is stored."""
PLACE: dict[str, Any] = {
    "device": "cpu",
    "threads": 7,
    "workers": 4,
    "sequence_parallel": 2,
    "batch_size": 0,
    "heartbeat_timeout_s": 1.0,
    "worker_memory_mb": 99,
}
"""Another value of every setting that only says where and how fast it is read."""


@pytest.fixture
def config(tiny_model_dir: Path) -> InferConfig:
    # the embedder is only hashed: any folder does
    return InferConfig(model=str(tiny_model_dir), embedder=str(tiny_model_dir), write="always", salience=True)


def key(config: InferConfig, home: Path, shard: ShardConfig = SHARD) -> str:
    return cache_key(Models(home, config, shard.stride), shard)


@pytest.mark.parametrize("name", ANSWER)
def test_settings_that_change_an_answer_change_the_key(
    name: str, config: InferConfig, tmp_path: Path
) -> None:
    assert key(replace(config, **{name: ANSWER[name]}), tmp_path) != key(config, tmp_path)


def test_settings_of_where_and_how_fast_do_not_change_the_key(config: InferConfig, tmp_path: Path) -> None:
    assert key(replace(config, **PLACE), tmp_path) == key(config, tmp_path)
    assert key(replace(config, batch_size=8), tmp_path) == key(config, tmp_path)


def test_where_no_model_reads_neither_its_prompts_nor_its_segments_are_in_the_key(
    config: InferConfig, tmp_path: Path
) -> None:
    nothing = replace(config, salience=False, write="never")
    assert key_inputs(Models(tmp_path, nothing, SHARD.stride), SHARD).prompts == ""
    assert key(replace(nothing, segment_windows=9), tmp_path) == key(nothing, tmp_path)
    assert key(replace(nothing, prompt_tokens=999), tmp_path) == key(nothing, tmp_path)


def test_every_setting_of_infer_is_one_or_the_other() -> None:
    names = {field.name for field in fields(InferConfig)}
    assert names == {"model", "embedder", *ANSWER, *PLACE}
    assert set(EXECUTION) == set(PLACE)


def test_windows_of_another_length_change_the_key(config: InferConfig, tmp_path: Path) -> None:
    assert key(config, tmp_path, ShardConfig(1024, 512)) != key(config, tmp_path)
    shards_on_disk = ShardConfig(512, 256, windows_per_shard=3)
    assert key(config, tmp_path, shards_on_disk) == key(config, tmp_path)


@pytest.mark.parametrize("file", ["model.safetensors", "tokenizer.json", "config.json"])
def test_other_weights_or_another_tokenizer_change_the_key_and_another_folder_does_not(
    file: str, config: InferConfig, tmp_path: Path
) -> None:
    copy = tmp_path / "another-name"
    copy.mkdir()
    for path in Path(config.model).iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    moved = replace(config, model=str(copy))
    assert key(moved, tmp_path) == key(config, tmp_path)
    content = bytearray((copy / file).read_bytes())
    content[-20] ^= 1
    (copy / file).write_bytes(content)
    assert key(moved, tmp_path) != key(config, tmp_path)
    assert key(replace(config, embedder=str(copy)), tmp_path) != key(config, tmp_path)


@pytest.mark.parametrize(
    "change", [{"code_version": "another"}, {"prompts": "Say it in one sentence."}, {"stride": 128}]
)
def test_prompts_and_the_version_of_the_code_change_the_key(
    change: dict[str, Any], config: InferConfig, tmp_path: Path
) -> None:
    inputs = key_inputs(Models(tmp_path, config, SHARD.stride), SHARD)
    assert inputs.prompts
    assert inputs.digest == key(config, tmp_path)
    assert replace(inputs, **change).digest != inputs.digest


def test_keys_made_by_earlier_versions_are_the_same_today() -> None:
    settings = {
        "rows": 16,
        "shard_windows": 128,
        "prompt_tokens": 320,
        "summary_tokens": 48,
        "quotes": 4,
        "fan_in": 8,
        "passage_chars": 900,
        "ground": {"overlap": 0.9, "gain": 0.5},
    }
    inputs = KeyInputs("3", ("decoder", "embedder"), "prompts", settings, 4096, 2048)
    assert inputs.digest == "acc4cc0aacbf7819"
    assert identity("window", "k", "d", 3) == window_key("k", "d", 3) == "7ff3d74b891bd89970dcd07e3862e350"


def test_the_names_of_settings_in_the_key_are_those_of_earlier_versions(
    config: InferConfig, tmp_path: Path
) -> None:
    names = set(key_inputs(Models(tmp_path, config, SHARD.stride), SHARD).settings)
    assert names == {
        "rows",
        "shard_windows",
        "prompt_tokens",
        "summary_tokens",
        "salience",
        "summary_words",
        "fan_in",
        "passage_chars",
        "ground",
        "write",
    }
