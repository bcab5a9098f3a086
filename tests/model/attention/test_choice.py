"""The attention kernel is the quickest one of this machine, measured once. Run: pytest -k test_choice"""

import json
import math
from datetime import date, timedelta
from pathlib import Path

import pytest
import torch

from model.attention import AUTO, KERNEL_NAMES, flex
from model.attention.attend import attend
from model.attention.choice import MIN_WORK, VARIABLE, Shape, choice_for, quickest, timed
from model.attention.kernels import KERNELS
from model.attention.trials import KEPT_DAYS, cache_file
from model.files import CACHE_VARIABLE
from model.hardware import multiplies_bf16
from model.reader import Reader
from model.weights import pick_dtype
from tests import lanes

CPU = torch.device("cpu")
SHAPE = Shape(torch.float32, 6, 3, 16, 2)
SECONDS = {"fused": 3.0, "masked": 2.0, "tiles": 1.0}


@pytest.mark.parametrize("fastest", SHAPE.candidates)
def test_the_kernel_that_was_quickest_is_chosen_whichever_it_is(fastest: str, tmp_path: Path) -> None:
    times = {name: 1.0 if name == fastest else 1.2 for name in SHAPE.candidates}
    choice = quickest(SHAPE, tmp_path / "kept.json", lambda name, _: times[name])
    assert (choice.kernel, choice.why, choice.seconds) == (fastest, "measured now", times)


def test_what_was_measured_is_kept_for_this_machine_and_shape_alone(tmp_path: Path) -> None:
    file, tried = tmp_path / "cache" / "kept.json", []

    def trial(name: str, shape: Shape) -> float:
        tried.append(shape)
        return SECONDS[name]

    first = quickest(SHAPE, file, trial)
    again = quickest(SHAPE, file, trial)
    assert set(tried) == {SHAPE}
    assert (again.kernel, again.seconds) == (first.kernel, first.seconds)
    assert again.why == f"measured on {date.today()}, kept in {file}"
    others = [Shape(torch.float32, 6, 3, 32, 2), Shape(torch.float32, 6, 3, 16, 1)]
    for other in others:
        quickest(other, file, trial)
    assert set(tried) == {SHAPE, *others}
    assert len(json.loads(file.read_text())) == 3


def test_times_are_taken_anew_after_a_month_and_where_they_bear_no_date(tmp_path: Path) -> None:
    file, day = tmp_path / "kept.json", date(2026, 2, 1)
    quickest(SHAPE, file, lambda name, _: SECONDS[name], day)
    others = {**SECONDS, "fused": 0.5}

    def choose(later: int) -> str:
        return quickest(SHAPE, file, lambda name, _: others[name], day + timedelta(later)).kernel

    assert choose(KEPT_DAYS) == "tiles"
    assert choose(KEPT_DAYS + 1) == "fused"
    assert choose(-KEPT_DAYS) == "fused", "kept by a clock that was ahead"
    (key,) = json.loads(file.read_text())
    file.write_text(json.dumps({key: SECONDS}))  # as an earlier version kept them
    assert choose(0) == "fused"
    assert json.loads(file.read_text())[key] == {"date": day.isoformat(), "seconds": others}


def test_tests_keep_their_times_apart_from_the_user_s(monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache_file().is_relative_to(lanes.CACHE)
    monkeypatch.delenv(CACHE_VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_file() == Path("/somewhere/nightread/kernels.json")


def test_processes_that_measure_at_once_choose_alike(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"

    def meanwhile(name: str, shape: Shape) -> float:
        if not file.exists():  # another process has measured, and found otherwise
            quickest(shape, file, lambda name, _: {**SECONDS, "masked": 0.1}[name])
        return SECONDS[name]

    assert quickest(SHAPE, file, meanwhile).kernel == "masked"
    assert quickest(SHAPE, file, meanwhile).kernel == "masked"


def test_one_slow_moment_decides_nothing(tmp_path: Path) -> None:
    times = {name: iter([9.0, *rounds]) for name, rounds in (("fused", [5, 5, 1]), ("masked", [2, 2, 2]))}
    choice = quickest(SHAPE, tmp_path / "kept.json", lambda name, _: next(times.get(name, iter([3.0]))))
    assert choice.seconds == {"fused": 1, "masked": 2, "tiles": 3}


@pytest.mark.parametrize("content", ["", "[]", "{", None])
def test_a_file_that_cannot_be_used_is_done_without(content: str | None, tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content)
    assert quickest(SHAPE, file, lambda name, _: SECONDS[name]).kernel == "tiles"


def test_emulated_products_are_not_even_tried(tmp_path: Path) -> None:
    tried = set()

    def trial(name: str, _: Shape) -> float:
        tried.add(name)
        return SECONDS[name]

    quickest(Shape(torch.bfloat16, 6, 3, 16, 2), tmp_path / "kept.json", trial)
    assert ("tiles" in tried) == multiplies_bf16(CPU)
    assert pick_dtype(CPU) == (torch.bfloat16 if multiplies_bf16(CPU) else torch.float32)


def test_a_kernel_that_failed_is_not_chosen_and_has_no_time(tmp_path: Path) -> None:
    times = {"fused": 2.0, "masked": 3.0, "tiles": math.inf}
    for _ in range(2):  # measured, and kept
        choice = quickest(SHAPE, tmp_path / "kept.json", lambda name, _: times[name])
        assert (choice.kernel, choice.seconds) == ("fused", {"fused": 2.0, "masked": 3.0})


def test_a_kernel_that_has_to_be_compiled_is_tried_on_no_cpu() -> None:
    assert not flex.compiles(CPU)
    assert "flex" not in SHAPE.candidates


def test_every_candidate_can_be_timed_for_the_heads_of_the_default_model() -> None:
    shape = Shape(torch.float32, 9, 3, 64, torch.get_num_threads())
    assert all(0 < timed(name, shape) < 60 for name in shape.candidates)


def test_a_kernel_can_be_forced_by_argument_or_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (AUTO, *KERNELS) == KERNEL_NAMES
    q = torch.randn(1, 6, 70, 16)
    k, v = (torch.randn(1, 3, 90, 16) for _ in range(2))
    assert choice_for(q, k).why == "too short to choose"
    assert q.numel() * k.shape[2] < MIN_WORK
    assert choice_for(q, k, "tiles").kernel == "tiles"
    monkeypatch.setenv(VARIABLE, "masked")
    assert (choice_for(q, k).kernel, choice_for(q, k).why) == ("masked", "forced")
    assert choice_for(q, k, "fused").kernel == "fused"
    with pytest.raises(ValueError, match=r"kernel='flash': choose one of auto, fused, masked, tiles, flex"):
        attend(q, k, v, 1.0, kernel="flash")


def test_a_kernel_that_the_environment_misspells_is_refused_before_anything_is_read(
    tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "flash")
    with pytest.raises(ValueError, match=r"NIGHTREAD_KERNEL='flash': choose one of auto, fused"):
        Reader(tiny_model_dir, 64, CPU, torch.float32)
