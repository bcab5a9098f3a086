"""Figures are PNG files, drawn without a display, of whatever was measured."""

from pathlib import Path

import pytest

from tasks.bench.plots import heat_maps, speed_and_memory

PNG = b"\x89PNG\r\n\x1a\n"


def row(length: int, peer: bool) -> dict[str, float]:
    found = {"length": length, "seconds": 2.0, "tokens_per_s": length / 2, "limit": 1e9, "flops": 1e9}
    found |= {"rise": length * 100.0}
    return found | ({"sdpa_seconds": 4.0, "sdpa_tokens_per_s": length / 4, "sdpa_rise": 9e6} if peer else {})


def test_speed_and_memory_are_drawn_and_the_same_for_the_same_figures(tmp_path: Path) -> None:
    rows = [row(4096, True), row(32768, False)]
    for name in ("a.png", "b.png"):
        speed_and_memory(tmp_path / name, rows, {"sdpa": "sdpa"}, "a $model on a machine")
    drawn = (tmp_path / "a.png").read_bytes()
    assert drawn.startswith(PNG)
    assert drawn == (tmp_path / "b.png").read_bytes()
    speed_and_memory(tmp_path / "c.png", rows, {}, "a $model on a machine")
    assert drawn != (tmp_path / "c.png").read_bytes()


def test_heat_maps_are_drawn(tmp_path: Path) -> None:
    heat_maps(tmp_path / "a.png", {"found": [[0.0, 1.0], [0.5, 1.0]]}, ["4", "8"], ["0%", "100%"], "title")
    assert (tmp_path / "a.png").read_bytes().startswith(PNG)


def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        speed_and_memory(tmp_path / "nowhere" / "a.png", [row(1, False)], {}, "")
