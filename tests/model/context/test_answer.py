"""Answers come from the chosen blocks, whichever way those come back and wherever they lay.

Run: pytest tests/model/context/test_answer.py
"""

import pydoc_data.topics
import threading
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.context import checkpoint, retrieve
from model.context.answer import answer, assembled, candidates, fetched_kv, rerank, select
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.recompute import SINK, RecomputeCache
from model.geometry import BLOCK
from model.reader import Reader
from tests.marks import slow
from tests.model import families
from tests.model.facts import FACT, QUESTION, ids_of

FAMILIES = ("llama", "qwen3", "mistral-narrow", "gemma3", "llama4", "llama4-chunked")


@pytest.mark.parametrize("way", ["recompute", "kv"])
def test_the_answer_is_given_from_the_chosen_blocks(context: Context, reader: Reader, way: str) -> None:
    question = ids_of(reader, QUESTION)
    before = context.cache.held
    chosen = retrieve.choose(context, question, k=4)
    written = answer(context, question, chosen.blocks, 8, way)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    assert context.cache.held == before, "a question leaves no trace"


def test_a_context_that_is_recomputed_runs_no_deeper_than_its_heads(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], context: Context
) -> None:
    shallow = Context(reader, voting)
    shallow.read(document[0])
    assert len(shallow.cache.layers) == voting.depth < reader.config.num_hidden_layers
    question = ids_of(reader, QUESTION)
    one, two = (retrieve.choose(which, question, 8) for which in (shallow, context))
    assert one.blocks == two.blocks
    written = answer(shallow, question, one.blocks, 8)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    with pytest.raises(ValueError, match="keeps no keys and values"):
        answer(shallow, question, one.blocks, 8, "kv")


@pytest.mark.parametrize("storage", ["bfloat16", "float8", *slow("float32")])  # a quarter of a minute
def test_block_and_answer_survive_every_format_and_the_disk(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], storage: str, tmp_path: Path
) -> None:
    tight = Memory(storage=storage, kv=True, host_bytes=10_000_000, folder=tmp_path)
    context = Context(reader, voting, tight)
    context.read(document[0])
    assert context.kv is not None
    assert context.kv.bytes()["disk"] > 0, "the budget is too small to hold it all"
    question = ids_of(reader, QUESTION)
    chosen = retrieve.choose(context, question, 4)
    assert chosen.blocks[0] in document[1]
    written = answer(context, question, chosen.blocks, 8, "kv")
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    context.close()


def bytes_read() -> dict[str, int]:
    """What Linux says that this thread and those that prefetch have read from files."""

    def of(thread: threading.Thread) -> int:
        return int(Path(f"/proc/self/task/{thread.native_id}/io").read_text().split()[1])

    fetching = [of(thread) for thread in threading.enumerate() if thread.name.startswith("prefetch")]
    return {"here": of(threading.current_thread()), "prefetch": sum(fetching)}


def test_candidates_come_up_from_disk_in_a_thread(
    reader: Reader,
    voting: Heads,
    document: tuple[list[int], set[int]],
    tmp_path: Path,
) -> None:
    context = Context(reader, voting, Memory(kv=True, host_bytes=30_000_000, folder=tmp_path))
    context.read(document[0] * 2)  # what is asked for fits into half of the memory, all of it does not
    tiers = context.kv
    assert tiers is not None
    assert tiers.disk is not None
    row, before = tiers.disk.row_bytes, bytes_read()
    low = np.flatnonzero(tiers.slot[0][: context.blocks] < 0)
    question, blocks = ids_of(reader, QUESTION), [min(document[1]), int(low[-2])]
    written = answer(context, question, blocks, 8, "kv", budget=5 * BLOCK)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    after = bytes_read()
    assert after["prefetch"] >= row
    assert after["here"] - before["here"] < row
    assert tiers.topic_V is not None
    seen = select(reader, partial(fetched_kv, context), context.ids, question, blocks, 5 * BLOCK)
    assert np.allclose(tiers.topic_V, tiers.topic([0, 1, *candidates(len(context), blocks, 5 * BLOCK)]))
    fetched_kv(context, [seen])
    assert np.allclose(tiers.topic_V, tiers.topic(seen))
    context.close()


@pytest.mark.parametrize("way", ["recompute", *slow("kv")])  # half a minute
def test_of_facts_that_are_alike_the_one_asked_for_is_attended(
    reader: Reader, voting: Heads, way: str
) -> None:
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:20_000])
    values = {"lighthouse": 48213, "harbour": 90417, "quarry": 13376, "museum": 72905, "tavern": 55681}
    ids, placed = prose[:200], {}
    for number, (name, value) in enumerate(values.items()):
        placed[name] = len(ids) // BLOCK
        ids += ids_of(reader, f"\n\nThe pass key of the {name} is {value}.\n\n")
        ids += prose[200 * (number + 1) : 200 * (number + 2)]
    context = Context(reader, voting, Memory(kv=way == "kv"))
    context.read(ids)
    fetch = partial(fetched_kv, context) if way == "kv" else context.recompute
    for name in ("lighthouse", "tavern"):
        question = ids_of(reader, f"\n\nWhat is the pass key of the {name}? The pass key of the {name} is")
        chosen = retrieve.choose(context, question)
        assert {placed[other] for other in values} <= set(candidates(len(ids), chosen.blocks))
        best = rerank(reader, fetch, ids, question, chosen.blocks)
        assert abs(best[0] - placed[name]) <= 1
        assert len(best) < 5
        told = reader.tokenizer.decode(answer(context, question, chosen.blocks, 8))
        assert told.strip().startswith(str(values[name]))


def test_without_room_for_all_the_likeliest_are_attended_and_neighbours_are_not_tried_twice(
    reader: Reader, document: tuple[list[int], set[int]]
) -> None:
    ids, facts = document[0], sorted(document[1])
    question, others = ids_of(reader, QUESTION), [2, 9, 12, 15]
    assert candidates(len(ids), others) == [1, 2, 3, *range(8, 16)]
    fetch = RecomputeCache(reader, ids)
    seen = select(reader, fetch, ids, question, [*others, *facts, facts[-1] + 1], budget=5 * BLOCK)
    assert set(facts) <= set(seen)
    assert len(seen) == 3
    few = [others[0], *facts, facts[-1] + 1]
    assert rerank(reader, fetch, ids, question, few) == [facts[0]]
    assert set(rerank(reader, fetch, ids, question, few, min_ratio=0.0)) == {facts[0], others[0], 0}
    assert rerank(reader, fetch, ids, question, []) == [0]
    assert rerank(reader, fetch, ids, question[:1], others) == [*others, 0]


def test_an_empty_and_a_short_context_answer_too(reader: Reader, voting: Heads) -> None:
    context = Context(reader, voting)
    question = ids_of(reader, QUESTION)
    assert retrieve.choose(context, question).blocks == []
    context.read(ids_of(reader, FACT))
    assert retrieve.choose(context, question).blocks == []
    assert reader.tokenizer.decode(answer(context, question, [], 8)).strip().startswith("48213")


@pytest.mark.parametrize("name", FAMILIES)
@torch.inference_mode()
def test_every_block_recalled_gives_the_logits_of_dense_attention(name: str, tmp_path: Path) -> None:
    """From the disk tier, and read again from its tokens."""
    theirs, ours = families.build(families.CONFIGS[name], tmp_path / "model")
    reader, ids = Reader.around(ours, 512), families.ids_of(460)
    tokens: list[int] = ids[0].tolist()
    memory = Memory("float32", kv=True, host_bytes=80_000, folder=tmp_path / "context")
    context = Context(reader, families.HEADS, memory)
    for start in range(0, 450, 170):
        context.read(tokens[start : min(start + 170, 450)])
    assert context.kv is not None
    assert context.kv.bytes()["disk"] > 0
    expected = theirs(ids).logits[0, 450:]
    recomputed = RecomputeCache(reader, tokens)([[2], range(7)])[1]
    recomputed.read = 7 * BLOCK
    reader.extend(recomputed, tokens[7 * BLOCK : 450])
    for cache in (assembled(context, list(range(1, 5)), 450 - 5 * BLOCK), recomputed):
        hidden = reader.extend(cache, tokens[450:])
        assert float((ours.get_output_embeddings()(hidden) - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral-narrow", "gemma3"])
@torch.inference_mode()
def test_likelihoods_are_those_of_a_text_of_its_own(name: str, tmp_path: Path) -> None:
    theirs, ours = families.build(families.CONFIGS[name], tmp_path / "model")
    reader, text = Reader.around(ours, 128), families.ids_of(700)[0].tolist()
    question, nats = families.ids_of(9, seed=1)[0].tolist(), {}
    for block in (8, 1, 4, 6, 10):
        near = text[max((block - 1) * BLOCK, SINK) : (block + 2) * BLOCK]
        ids = torch.tensor([text[:SINK] + near + question])
        logits_QV = theirs(ids).logits[0, -9:-1].double()
        nats[block] = logits_QV.log_softmax(-1)[range(8), question[1:]].numpy()
    nats_NQ = np.stack(list(nats.values()))
    texts = {block: text[(block - 1) * BLOCK : (block + 2) * BLOCK] for block in nats}
    shares = [[own.count(token) / len(own) for token in question[1:]] for own in texts.values()]
    mixed_NQ = np.log(np.exp(nats_NQ) + np.array(shares))
    scores = np.clip(mixed_NQ - mixed_NQ.mean(0), 0, None).sum(1)
    best = sorted(nats, key=lambda block: -scores[list(nats).index(block)])
    given = [8, 1, 4, 9, 6, 10]  # 9 is a neighbour of the first, and the text's first block of the second
    fetch = RecomputeCache(reader, text)
    assert rerank(reader, fetch, text, question, given, min_ratio=0.0) == best
    kept = [block for block in best if scores[list(nats).index(block)] >= 0.85 * scores.max()]
    assert rerank(reader, fetch, text, question, given) == kept


def masked(model: Any, ids: list[int], seen_QK: torch.Tensor) -> int:
    """The token that dense attention under a mask finds rerank next."""
    hidden = torch.zeros(seen_QK.shape).masked_fill(~seen_QK, -torch.inf)[None, None]
    output = model(
        torch.tensor([ids]), attention_mask={"full_attention": hidden, "chunked_attention": hidden}
    )
    return int(output.logits[0, -1].argmax())


@pytest.mark.parametrize("way", ["kv", "recompute"])
@torch.inference_mode()
def test_beyond_the_window_every_token_knows_its_true_position(way: str, tmp_path: Path) -> None:
    """Temperature (Llama 4): the whole text, under a mask of what is selected, is the rule."""
    theirs, ours = families.build(families.NOPE, tmp_path / "model")
    reader, text = Reader.around(ours, 128), families.ids_of(600)[0].tolist()
    context = Context(reader, families.HEADS, Memory("float32", kv=True))
    context.read(text)
    checkpoint.save(context, tmp_path / "context")
    context = checkpoint.open_context(reader, tmp_path / "context")
    assert context.cache.read == 600
    place = torch.arange(610)
    selected = [*range(SINK), *range(3 * BLOCK, 6 * BLOCK), *range(8 * BLOCK, 610)]
    seen_QK = (place[:, None] // 128 - place // 128 <= 1) | (place < BLOCK)
    if way == "recompute":
        seen_QK[:] = torch.isin(place, torch.tensor(selected))
    seen_QK[600:] = torch.isin(place, torch.tensor(selected))
    seen_QK &= place <= place[:, None]
    seen_QK |= torch.eye(610, dtype=torch.bool)
    for seed in range(6):
        ids = [*text, *families.ids_of(7, seed)[0].tolist()]
        found = answer(context, ids[600:], [4, 9], 3, way, budget=5 * BLOCK)
        for length in (607, 608, 609):
            ids.append(masked(theirs, ids, seen_QK[:length, :length]))
        assert found == ids[607:]
