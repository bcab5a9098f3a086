"""Presets hold values only, every key is known, and the base says all of them."""

from importlib.resources import files

import pytest
from omegaconf import DictConfig, OmegaConf

from flows.config import RunConfig, keys, known_keys, load, presets


@pytest.mark.parametrize("preset", presets())
def test_every_preset_loads(preset: str) -> None:
    assert load(preset, []).shard.window >= 128


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
