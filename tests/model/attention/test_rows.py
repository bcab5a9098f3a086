"""Norms and MLPs give the same in tiles of rows, and are cut only where this machine gains by it.

Run: pytest tests/model/attention/test_rows.py
"""

import math
from pathlib import Path

import pytest
import torch

from model.attention import rows
from model.attention.trials import Times, spent, times_of
from model.reader import Reader
from tests.model.families import CONFIGS, build, ids_of


@pytest.mark.parametrize("name", CONFIGS)
def test_every_family_reads_the_same_in_tiles(name: str, tmp_path: Path) -> None:
    _, ours = build(CONFIGS[name], tmp_path)
    reader, ids = Reader.around(ours, 64), ids_of(200)[0].tolist()
    kinds = {type(module).__name__ for module in reader.tokenwise}
    assert len(kinds) == 2, "an MLP and a norm of its own"
    whole, tiled = reader.start(), reader.start()
    for start in range(0, len(ids), 64):
        chunk = ids[start : start + 64]
        expected = reader.read(whole, chunk)
        with rows.tiled(reader.tokenwise, 24):
            found = reader.read(tiled, chunk)
        torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-4)
    assert not any("forward" in vars(module) for module in reader.tokenwise), "nothing is left behind"


def test_norms_of_heads_are_left_alone(tmp_path: Path) -> None:
    _, ours = build(CONFIGS["qwen3"], tmp_path)
    names = {name for name, _ in ours.named_modules() if name.endswith(("q_norm", "k_norm"))}
    found = Reader.around(ours, 64).tokenwise
    assert names
    assert not {ours.get_submodule(name) for name in names} & set(found)


def test_the_quickest_tiles_are_chosen_and_whole_where_products_take_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NIGHTREAD_CACHE", str(tmp_path))
    _, ours = build(CONFIGS["llama"], tmp_path / "model")
    reader = Reader.around(ours, 64)
    assert reader.tiles is not None
    assert set(reader.tiles.seconds) == {"whole", "512", "256", "128"}
    assert rows.choice(reader.tiles).rows in {0, 512, 256, 128}
    assert (again := rows.times_of_tiles(reader.tokenwise, reader.config.hidden_size)) is not None
    assert again.seconds == reader.tiles.seconds, "kept for this machine"
    slow = {"whole": 0.2, "512": math.inf, "256": math.inf, "128": math.inf}
    assert rows.choice(Times(reader.tiles.day, slow)) == rows.Tiles(0, "measured now", {"whole": 0.2})
    assert rows.choice(None).rows == 0


def test_times_that_no_trial_was_worth_are_kept_as_well(tmp_path: Path) -> None:
    trial = {"whole": 1.0, "256": math.inf}.__getitem__
    first = times_of("this", ["whole", "256"], trial, tmp_path / "kept.json")
    again = times_of("this", ["whole", "256"], trial, tmp_path / "kept.json")
    assert (first.file, again.file) == (None, tmp_path / "kept.json")
    assert again.seconds == first.seconds == {"whole": 1.0, "256": math.inf}


def test_a_trial_tells_how_long_it_took() -> None:
    assert 0 < spent(lambda: sum(range(100_000)), 1) < 10
