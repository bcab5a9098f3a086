"""A stream whose chunks ranks share is the stream that one process reads, and moves what it says.

Run: pytest tests/model/parallel/test_sequence.py
"""

import json
import pydoc_data.topics
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    Llama4TextConfig,
    LlamaConfig,
    Qwen3Config,
)

from model.bench.simulate import exchange
from model.parallel.layout import WAYS, Layout, cuts
from tests.model.facts import FACT, QUESTION
from tests.model.ranks import Job

STRIDE = 64
LENGTHS = [*[STRIDE] * 4, 2, 9, 51]
"""Tokens of each call: whole chunks, fewer than there are ranks, and remainders of every kind."""
SHAPES = [(9, 3), (4, 2), (2, 1)]
KINDS: dict[str, Any] = {"llama": LlamaConfig, "qwen3": Qwen3Config}


def by_place(**sizes: Any) -> Llama4TextConfig:
    """Layers that ask where in the text a token stands, beside one that turns it."""
    fields = {
        "intermediate_size_mlp": 64,
        "num_local_experts": 2,
        "pad_token_id": 0,
        "initializer_range": 0.15,
    }
    temperature = {"floor_scale": 4, "attn_scale": 0.5, "no_rope_layers": [0, 1, 0]}
    return Llama4TextConfig(**sizes, **fields, **temperature)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tiny random decoders."""
    folder = tmp_path_factory.mktemp("models")
    sizes = {
        "vocab_size": 97,
        "hidden_size": 72,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "head_dim": 8,
    }
    made = [(name, kind, shape) for name, kind in KINDS.items() for shape in SHAPES]
    for name, kind, (heads, groups) in [*made, ("llama4", by_place, SHAPES[0])]:
        torch.manual_seed(0)
        config = kind(**sizes, num_attention_heads=heads, num_key_value_heads=groups)
        AutoModelForCausalLM.from_config(config).save_pretrained(folder / f"{name}-{heads}-{groups}")
    return folder


def sent(layout: Layout, way: str, lengths: list[int], width: int, layers: int) -> list[int]:
    """Bytes of a stream in fp32 by the formula: attention in every layer, and once the hidden states."""
    world, total = layout.world, [0] * layout.world
    for length in lengths:
        if length >= world:
            gathered = (world - 1) * -(-length // world) * width * 4
            each = layout.bytes(way, length, 4)
            total = [before + layers * more + gathered for before, more in zip(total, each, strict=True)]
        elif way == "heads":  # every rank runs all tokens, and gives its heads' outputs to all
            total = [
                before + layers * (world - 1) * length * len(own) * layout.dims * 4
                for before, own in zip(total, layout.heads_of, strict=True)
            ]
    return total


def test_ranks_read_probe_and_recall_as_one_process_does(job: Job, models: Path) -> None:
    world, of_ranks = job.world, job.do("compare_ways", str(models), STRIDE, LENGTHS)
    for rank, rows in enumerate(of_ranks):
        assert len(rows) == 2 * (2 * len(SHAPES) + 1)
        for row in rows:
            _, heads, groups = row["model"].split("-")
            layout = Layout(int(heads), int(groups), 8, world)
            for what in ("hidden", "probe", "state", "keys"):
                assert row[what] < 1e-4, row
            assert row["restored"] == 0, row
            assert row["answers"], row
            assert row["sent"] == sent(layout, row["way"], LENGTHS, 72, 3)[rank], row
            whole = int(groups)
            assert row["held"] == (len(layout.groups_of[rank]) if row["way"] == "heads" else whole), row
    for rows in zip(*of_ranks, strict=True):  # of a model and a way; the formula of `nightread bench scaling`
        config = AutoConfig.from_pretrained(models / rows[0]["model"])
        told, _ = exchange(config, STRIDE + 9, STRIDE, world, 4, rows[0]["way"])
        assert sum(row["whole"] for row in rows) == told, rows
        assert told > 0 or world == 1


@pytest.mark.parametrize(
    ("heads", "groups", "world", "way"),
    [
        (9, 3, 2, "sequence"),
        (9, 3, 4, "sequence"),
        (9, 3, 8, "heads"),
        (32, 32, 4, "heads"),
        (32, 8, 2, "sequence"),
    ],
)
def test_the_way_that_moves_fewer_bytes_is_chosen_and_said(
    heads: int, groups: int, world: int, way: str
) -> None:
    layout = Layout(heads, groups, 64, world)
    each = {name: sum(layout.bytes(name, 2048, 4)) for name in ("heads", "sequence")}
    assert layout.best() == way
    assert each[way] == min(each.values())
    assert f"{world} ranks: over {way} " in str(layout)


@pytest.mark.parametrize("world", range(1, 13))
@pytest.mark.parametrize(("heads", "groups"), [(9, 3), (4, 2), (1, 1), (32, 8)])
def test_every_head_is_somewhere_once_beside_its_keys(heads: int, groups: int, world: int) -> None:
    layout = Layout(heads, groups, 8, world)
    assert [head for own in layout.heads_of for head in own] == list(range(heads))
    for own, keys in zip(layout.heads_of, layout.groups_of, strict=True):
        assert {head // (heads // groups) for head in own} == set(keys)
    assert max(map(len, layout.heads_of)) - min(map(len, layout.heads_of)) <= 1
    assert len(cuts(7, world)) == world


def smollm(job: Job, model_dir: Path, folder: Path, stride: int, tokens: int) -> None:
    """Natural text with a fact in its first third, read by one process and by all, and asked about."""
    tokenizer = AutoTokenizer.from_pretrained(model_dir)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    prose = encode("\n\n".join(pydoc_data.topics.topics.values())[: 6 * tokens])[: tokens - len(encode(FACT))]
    ids = [*prose[: tokens // 3], *encode(FACT), *prose[tokens // 3 :]]
    path = folder / "document.json"
    path.write_text(json.dumps([str(model_dir), stride, ids, encode(QUESTION)]))
    rows, *_ = job.do("read_and_ask", str(path))
    assert [row["way"] for row in rows] == list(WAYS)
    for row in rows:
        print(row)  # rates and bytes, for who asks for them with -s
        assert row["far"] < 1e-4, row
        assert row["same"], row
        assert row["answer"].strip().startswith("48213"), row


@pytest.mark.slow  # a minute; tiny models stand for it above
def test_smollm_on_ranks_reads_and_answers_as_alone(job: Job, model_dir: Path, tmp_path: Path) -> None:
    smollm(job, model_dir, tmp_path, stride=256, tokens=901)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_smollm_reads_16k_tokens_on_any_number_of_ranks_as_alone(
    every_job: Job, model_dir: Path, tmp_path: Path
) -> None:
    smollm(every_job, model_dir, tmp_path, stride=2048, tokens=16_384)
