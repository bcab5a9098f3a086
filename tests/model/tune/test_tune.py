"""A model learns through the attention it is read with: alone, shared by ranks, and after it was killed."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from model.attention.attend import attend
from model.attention.kernels import attend_reference
from model.attention.rotation import Rotation
from model.tune.entropy import normalised, turned_back
from tasks.errors import InvalidInput
from tasks.relate.tuning.packing import chain, sample
from tasks.relate.tuning.plan import TunePlan
from tests.model.ranks import start_script
from tests.models import tiny_model

STEPS = 5
SCRIPT = """
import json, os
from dataclasses import asdict
from pathlib import Path
from random import Random
from model.context.heads import Heads
from model.tune.trainer import Trainer, Tuning
FOLDER, OUT, STOP = Path({folder!r}), Path({out!r}), {stop}
torch.set_num_threads(1)
tuning = Tuning(
    steps=5, tokens=320, window=128, learning_rate=1e-3, retrieval_entropy=0.5, local_entropy=0.1,
    zero={zero}, checkpoint_every=2,
)
row = [Random(0).randrange(400) for _ in range(4000)]

def train(out, ranks, stop=0):
    trainer = Trainer(FOLDER, out, tuning, Heads(((0, 1), (1, 2)), 3), ranks)
    while trainer.step < (stop or tuning.steps):
        at = 300 * trainer.step
        trainer.train(row[at : at + 321])
    return trainer

with parallel.join(RANK, WORLD, PORT) as ranks:
    trainer = train(OUT, ranks, STOP)
    if STOP:
        os._exit(9)
    trainer.finish()
    if WORLD == 1:  # another one, left after a step past its last checkpoint, and taken up
        train(OUT / "left", ranks, 3)
        train(OUT / "left", ranks)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tokenizer_dir: Path) -> Path:
    return tiny_model(tmp_path_factory.mktemp("tiny"), tokenizer_dir, max_position_embeddings=1024)


def tuned(folder: Path, out: Path, world: int, stop: int = 0, zero: int = 1) -> list[dict[str, Any]]:
    """The losses of a job, which ends at step `stop` as if killed."""
    script = SCRIPT.format(folder=str(folder), out=str(out), stop=stop, zero=zero)
    ranks = start_script(script, world)
    written = [rank.communicate(timeout=300)[1] for rank in ranks]
    assert [rank.returncode for rank in ranks] == [9 if stop else 0] * world, written
    return losses(out)


def losses(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "losses.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    out = tmp_path_factory.mktemp("out")
    return out, tuned(folder, out, 1)


def test_the_loss_falls_and_the_model_is_written_whole(
    undisturbed: tuple[Path, list[dict[str, Any]]], folder: Path
) -> None:
    from transformers import AutoModelForCausalLM

    out, steps = undisturbed
    assert [step["step"] for step in steps] == list(range(1, STEPS + 1))
    assert steps[-1]["nats"] < steps[0]["nats"]
    assert all(0 < step["retrieval"] <= 1 and 0 < step["local"] <= 1 for step in steps)
    before, after = (AutoModelForCausalLM.from_pretrained(one) for one in (folder, out))
    assert after.config._attn_implementation == "sdpa"
    moved = [
        float((one - two).detach().abs().max())
        for one, two in zip(before.parameters(), after.parameters(), strict=True)
    ]
    assert all(0 < far < 0.1 for far in moved)
    assert not (out / "checkpoints").exists()


def test_a_run_that_is_taken_up_has_the_very_same_losses(
    undisturbed: tuple[Path, list[dict[str, Any]]],
) -> None:
    out, steps = undisturbed
    assert losses(out / "left") == steps


@pytest.mark.slow  # 20 s
def test_a_killed_run_goes_on_with_the_very_same_losses(
    undisturbed: tuple[Path, list[dict[str, Any]]], folder: Path, tmp_path: Path
) -> None:
    assert len(tuned(folder, tmp_path, 1, stop=3)) == 3
    assert tuned(folder, tmp_path, 1) == undisturbed[1]


@pytest.mark.slow  # 30 s
def test_ranks_that_share_every_sample_learn_what_one_learns(
    undisturbed: tuple[Path, list[dict[str, Any]]], folder: Path, tmp_path: Path
) -> None:
    """Losses agree before and after weights changed; the entropies are of other sampled queries."""
    for one, two in zip(undisturbed[1], tuned(folder, tmp_path, 2, zero=2), strict=True):
        assert two["nats"] == pytest.approx(one["nats"], rel=2e-3)
        assert two["retrieval"] == pytest.approx(one["retrieval"], rel=0.05)


@pytest.mark.parametrize("past", [0, 1, 70])
def test_attention_has_the_gradient_of_the_rule(past: int) -> None:
    torch.manual_seed(past)
    q = torch.randn(1, 6, 40, 16, requires_grad=True)
    k, v = (torch.randn(1, 2, past + 40, 16, requires_grad=True) for _ in range(2))
    weights = torch.randn(1, 6, 40, 16)
    right = torch.autograd.grad((attend_reference(q, k, v, 0.25) * weights).sum(), (q, k, v))
    found = torch.autograd.grad((attend(q, k, v, 0.25) * weights).sum(), (q, k, v))
    for one, two in zip(right, found, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-4, atol=1e-5)


def test_entropy_is_one_of_even_attention_and_none_of_a_single_token() -> None:
    seen = torch.ones(3, 50, dtype=torch.bool).tril(40)
    assert normalised(torch.zeros(2, 3, 50), seen).item() == pytest.approx(1.0, abs=1e-5)
    peaked = torch.zeros(2, 3, 50)
    peaked[..., 7] = 100
    assert normalised(peaked, seen).item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize("neighbours", [False, True])
def test_turning_back_undoes_the_rotation(neighbours: bool) -> None:
    angles = torch.rand(30, 4) * 6
    rotation = Rotation(angles.cos(), angles.sin(), neighbours)
    x = torch.randn(1, 2, 30, 12)  # the last dimensions are not turned
    torch.testing.assert_close(
        turned_back(rotation(x, (0, 30)), rotation, torch.arange(30)), x, rtol=1e-4, atol=1e-5
    )


def test_every_document_is_followed_by_the_most_alike_that_is_left() -> None:
    angles = np.array([0.0, 1.0, 0.1, 1.2, 0.3])
    vectors = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    assert list(chain(vectors, np.arange(5))) == [0, 2, 4, 1, 3]


@given(st.integers(60, 400), st.integers(5, 50), st.integers(0, 5))
def test_samples_of_one_turn_hold_every_part_once(length: int, tokens: int, turn: int) -> None:
    ids = np.arange(length, dtype=np.int32)
    count = (length - 1) // tokens
    drawn = [sample(ids, tokens, turn * count + step, seed=3) for step in range(count)]
    assert all(len(one) == tokens + 1 for one in drawn)
    learnt = [token for one in drawn for token in one[1:]]
    assert len(set(learnt)) == len(learnt) == count * tokens


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": 0}, "--steps 0"),
        ({"tokens": 10}, "--tokens 10"),
        ({"window": 1000}, "--window 1000"),
        ({"ranks": 99}, "--ranks 99"),
        ({"zero": 4}, "--zero 4"),
        ({"learning_rate": 0.0}, "--learning-rate 0"),
        ({"local_entropy": -1.0}, "--local-entropy -1"),
    ],
)
def test_what_cannot_be_tuned_is_refused_by_name(options: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=said):
        TunePlan(tmp_path, **options)
