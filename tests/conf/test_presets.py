"""Presets hold values only, every key is known, and the base says all of them."""

from dataclasses import replace
from importlib.resources import files

import pytest
from omegaconf import DictConfig, OmegaConf

from flows.config import RunConfig, keys, known_keys, load, presets


def test_there_is_a_preset_for_each_kind_of_machine() -> None:
    assert presets() == ["base", "cluster", "gpu", "laptop", "tiny"]


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads_and_changes_something(preset: str) -> None:
    assert (load(preset, []) == RunConfig()) == (preset == "base")


@pytest.mark.parametrize("preset", presets())
def test_every_preset_begins_with_what_it_is_for(preset: str) -> None:
    assert files("conf").joinpath(f"{preset}.yaml").read_text().startswith("# ")


def test_a_gpu_is_filled_and_a_cluster_is_reached() -> None:
    gpu, cluster = load("gpu", []), load("cluster", [])
    assert (gpu.infer.device, gpu.infer.batch_size) == ("cuda", 8)
    assert cluster.cluster.address.startswith("tcp://")
    assert "Llama-4-Scout" in cluster.infer.model
    assert cluster.infer.workers % cluster.infer.sequence_parallel == 0 < cluster.infer.sequence_parallel


def test_the_default_preset_stores_what_base_stores() -> None:
    laptop, base = load("laptop", []), load("base", [])
    assert laptop.shard == base.shard
    assert replace(laptop.infer, heartbeat_timeout_s=base.infer.heartbeat_timeout_s) == base.infer


def test_base_names_every_key() -> None:
    base = OmegaConf.create(files("conf").joinpath("base.yaml").read_text())
    assert isinstance(base, DictConfig)
    assert sorted(keys(base)) == sorted(known_keys())


def test_base_and_the_dataclasses_agree_on_every_default() -> None:
    assert load("base", []) == RunConfig()


def test_every_key_of_base_is_explained() -> None:
    lines = files("conf").joinpath("base.yaml").read_text().splitlines()
    unexplained = [
        line
        for before, line in zip(["", *lines], lines, strict=False)
        if ":" in line and "#" not in line and "#" not in before
    ]
    assert unexplained == []


def test_tiny_windows_are_tiny() -> None:
    config = load("tiny", [])
    assert (config.shard.window, config.shard.stride, config.infer.summary_tokens) == (512, 256, 16)
