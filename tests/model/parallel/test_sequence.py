"""A stream whose chunks are spread over ranks is the stream that one process reads, and moves what it says.

Run: pytest tests/model/test_sequence.py
"""

import json
import pydoc_data.topics
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Llama4TextConfig, LlamaConfig, Qwen3Config

from model.parallel.layout import Layout, cuts
from tests.marks import slow
from tests.model.facts import FACT, QUESTION
from tests.model.ranks import run

STRIDE = 64
LENGTHS = [*[STRIDE] * 4, 2, 9, 51]
"""Tokens of each call: whole chunks, fewer than there are ranks, and remainders of every kind."""
SHAPES = [(9, 3), (4, 2), (2, 1)]
KINDS: dict[str, Any] = {"llama": LlamaConfig, "qwen3": Qwen3Config}

SPREAD = """
from pathlib import Path
from transformers import AutoModelForCausalLM
from model.attention import sliding_window as attention
from model.context import retrieve as recall
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.parallel.layout import WAYS
from model.attention.probe import Probe
from model.geometry import SINKS
from model.parallel.sequence import RanksReader
from model.reader import Reader

STRIDE, LENGTHS = json.loads(sys.argv[5])
attention.register()

def states(reader, ids):
    "Last hidden states of a stream, and its cache."
    cache, hidden, at = reader.start(), [], 0
    for length in LENGTHS:
        if cache.held + length > SINKS + 2 * STRIDE:
            cache.slide(STRIDE)
        hidden.append(reader.extend(cache, ids[at : at + length]))
        at += length
    return torch.cat(hidden), cache

def probed(reader, cache):
    probe = Probe([9, 11], queries=4)
    length = cache.held
    reader._run(cache, list(range(20)), probe)
    cache.crop(length)
    return probe.mass_BNK[0]

def answered(reader, ids, heads, group):
    "What is chosen and answered, and the calibrated keys."
    found, voting = [], Heads(((1, 0), (1, heads - 1), (2, heads // 2)), group)
    for kv in (False, True):
        context = Context(reader, voting, Memory("float32", kv))
        context.read(ids)
        chosen = recall.choose(context, ids[90:120], 4)
        found.append([chosen.blocks, answer(context, ids[90:120], chosen.blocks, 4), context.blocks])
    return found, context.keys.gather(range(context.blocks))

def far(one, two):
    pairs = list(zip(one, two, strict=True))
    assert all(a.shape == b.shape for a, b in pairs)
    return max((float((a - b).abs().max()) for a, b in pairs if a.numel()), default=0.0)

with parallel.join(RANK, WORLD, PORT, timeout_s=120) as ranks:
    for folder in sorted(Path(sys.argv[4]).iterdir()):
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention.NAME)
        model.eval().requires_grad_(False)
        alone = Reader.around(model, STRIDE)
        ids = torch.randint(97, (sum(LENGTHS),), generator=torch.Generator().manual_seed(1)).tolist()
        config = model.config
        heads, group = config.num_attention_heads, config.num_attention_heads // config.num_key_value_heads
        right, cache = states(alone, ids)
        right_probe, right_state = probed(alone, cache), cache.state()
        right_answers = answered(alone, ids, heads, group)
        for way in WAYS:
            reader = RanksReader(alone, ranks, way)
            ranks.sent.clear()
            found, cache = states(reader, ids)
            sent = sum(ranks.sent.values())
            held = cache.layers[0].keys.shape[1]
            answers = answered(reader, ids, heads, group)
            state = cache.state()
            back = reader.start()
            back.restore(state, cache.read)
            print(json.dumps({
                "model": folder.name, "way": way, "sent": sent, "held": held,
                "hidden": far([found], [right]),
                "probe": far([probed(reader, cache)], [right_probe]),
                "state": far(state.values(), right_state.values()),
                "restored": far([x.keys for x in back.layers], [x.keys for x in cache.layers]),
                "answers": answers[0] == right_answers[0],
                "keys": far([answers[1]], [right_answers[1]]),
            }))
"""


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


@pytest.mark.heavy
@pytest.mark.parametrize("world", [*slow(1, 2, 4), 3])
def test_ranks_read_probe_and_recall_as_one_process_does(world: int, models: Path) -> None:
    said = run(SPREAD, world, str(models), json.dumps([STRIDE, LENGTHS]))
    for rank, out in enumerate(said):
        rows = [json.loads(line) for line in out.splitlines()]
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


SMOLLM = """
import time
from pathlib import Path
from model.attention import sliding_window as attention
from model.context import heads
from model.context import index
from model.context import retrieve as recall
from model.context.answer import answer
from model.context.context import Context
from model.parallel.layout import WAYS
from model.parallel.sequence import RanksReader
from model.reader import Reader

index.FIRST, index.BATCH, index.DIRECTIONS, index.LIST = 512, 256, 128, 64
folder, stride, ids, question = json.loads(open(sys.argv[4]).read())
alone = Reader(Path(folder), stride, torch.device("cpu"), torch.float32)

def states(reader):
    cache, hidden = reader.start(), []
    for start in range(0, len(ids), stride):
        hidden.append(reader.read(cache, ids[start : start + stride]).clone())
    return torch.cat(hidden)

def answered(reader):
    context = Context(reader, heads.load(Path(folder), reader.config))
    context.read(ids)
    chosen = recall.choose(context, question, 8)
    indexed = recall.choose(context, question, 8, "index")  # queries were heard by whoever had their tokens
    return chosen.blocks, answer(context, question, chosen.blocks, 8), indexed.blocks[0]

with parallel.join(RANK, WORLD, PORT, timeout_s=900) as ranks:
    right = states(alone) if RANK == 0 else None
    right_answer = answered(alone) if RANK == 0 else None
    for way in WAYS:
        reader = RanksReader(alone, ranks, way)
        ranks.barrier()
        started = time.monotonic()
        found = states(reader)
        seconds = time.monotonic() - started
        told = answered(reader)
        if RANK == 0:
            print(json.dumps({
                "way": way, "far": float((found - right).abs().max()), "same": told == right_answer,
                "answer": reader.tokenizer.decode(told[1]), "tokens_per_s": len(ids) / seconds,
                "sent": dict(ranks.sent),
            }))
"""


def smollm(model_dir: Path, folder: Path, world: int, stride: int, tokens: int, timeout: float) -> None:
    """Natural text with a fact in its first third, read by one process and by all, and asked about."""
    tokenizer = AutoTokenizer.from_pretrained(model_dir)

    def encode(text: str) -> list[int]:
        ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    prose = encode("\n\n".join(pydoc_data.topics.topics.values())[: 6 * tokens])[: tokens - len(encode(FACT))]
    ids = [*prose[: tokens // 3], *encode(FACT), *prose[tokens // 3 :]]
    path = folder / "document.json"
    path.write_text(json.dumps([str(model_dir), stride, ids, encode(QUESTION)]))
    out, *_ = run(SMOLLM, world, str(path), timeout=timeout)
    print(out)  # rates and bytes, for who asks for them with -s
    for row in map(json.loads, out.splitlines()):
        assert row["far"] < 1e-4, row
        assert row["same"], row
        assert row["answer"].strip().startswith("48213"), row


def test_smollm_on_two_ranks_reads_and_answers_as_alone(model_dir: Path, tmp_path: Path) -> None:
    smollm(model_dir, tmp_path, world=2, stride=256, tokens=1301, timeout=600)


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_smollm_reads_16k_tokens_on_any_number_of_ranks_as_alone(
    model_dir: Path, tmp_path: Path, world: int
) -> None:
    smollm(model_dir, tmp_path, world, stride=2048, tokens=16_384, timeout=7200)
