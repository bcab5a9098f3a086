"""A fact is found among thousands of tokens and answered from, whatever tier its block lies in.

Run: pytest tests/model/test_recall.py
"""

import copy
import pydoc_data.topics
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from model import heads, recall, saved
from model.context import Context, Memory
from model.disk import TornContext
from model.heads import Heads
from model.index import BLOCK
from model.stream import Reader
from model.vote import USUAL
from tests.model import families

FACT = "\n\nThe pass key of the lighthouse is 48213.\n\n"
QUESTION = "\n\nWhat is the pass key of the lighthouse? The pass key of the lighthouse is"
TOKENS = 2000
FAMILIES = ("llama", "qwen3", "mistral-narrow", "gemma3", "llama4", "llama4-chunked")


@pytest.fixture(scope="module")
def reader(model_dir: Path) -> Reader:
    return Reader(model_dir, 512, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def voting(model_dir: Path, reader: Reader) -> Heads:
    return heads.load(model_dir, reader.config)


def ids_of(reader: Reader, text: str) -> list[int]:
    ids: list[int] = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids


@pytest.fixture(scope="module")
def document(reader: Reader) -> tuple[list[int], set[int]]:
    """Token ids of natural text with one fact in its middle, and the blocks of the fact."""
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:20_000])[:TOKENS]
    fact = ids_of(reader, FACT)
    middle = TOKENS // 3
    blocks = range(middle // BLOCK, (middle + len(fact) - 1) // BLOCK + 1)
    return prose[:middle] + fact + prose[middle:], set(blocks)


@pytest.fixture(scope="module")
def context(reader: Reader, voting: Heads, document: tuple[list[int], set[int]]) -> Context:
    context = Context(reader, voting, Memory(kv=True))
    context.read(document[0])
    return context


def test_the_block_of_a_fact_gets_the_most_votes(
    context: Context, reader: Reader, document: tuple[list[int], set[int]]
) -> None:
    chosen = recall.choose(context, ids_of(reader, QUESTION), k=8)
    assert chosen.blocks[0] in document[1]
    assert chosen.votes == sorted(chosen.votes, reverse=True)
    assert chosen.visited == len(context) // BLOCK  # every block but the sinks, and the tail


@pytest.mark.parametrize("way", ["replay", "kv"])
def test_the_answer_is_given_from_the_chosen_blocks(context: Context, reader: Reader, way: str) -> None:
    question = ids_of(reader, QUESTION)
    before = context.cache.held
    chosen = recall.choose(context, question, k=4)
    written = recall.answer(context, question, chosen.blocks, 8, way)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    assert context.cache.held == before, "a question leaves no trace"


def test_a_question_about_the_tail_finds_it(context: Context, reader: Reader) -> None:
    assert len(context) % BLOCK, "the document ends within a block"
    last = reader.tokenizer.decode(list(context.ids[-12:]))
    assert context.blocks in recall.choose(context, ids_of(reader, last), k=8).blocks


def test_reading_in_any_pieces_is_the_same(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], context: Context
) -> None:
    again = Context(reader, voting, Memory(kv=True))
    for start in range(0, len(document[0]), 700):
        again.read(document[0][start : start + 700])
    assert again.ids == context.ids
    for one, two in zip(again.cache.layers, context.cache.layers, strict=True):
        torch.testing.assert_close(one.keys, two.keys, atol=2e-3, rtol=1e-3)
    question = ids_of(reader, QUESTION)
    assert recall.choose(again, question, 4).blocks == recall.choose(context, question, 4).blocks


def test_a_context_that_is_replayed_runs_no_deeper_than_its_heads(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], context: Context
) -> None:
    shallow = Context(reader, voting)
    shallow.read(document[0])
    assert len(shallow.cache.layers) == voting.depth < reader.config.num_hidden_layers
    question = ids_of(reader, QUESTION)
    one, two = (recall.choose(which, question, 8) for which in (shallow, context))
    assert one.blocks == two.blocks
    written = recall.answer(shallow, question, one.blocks, 8)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    with pytest.raises(ValueError, match="keeps no keys and values"):
        recall.answer(shallow, question, one.blocks, 8, "kv")


@pytest.mark.parametrize("storage", ["float32", "bfloat16", "float8"])
def test_block_and_answer_survive_every_format_and_the_disk(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], storage: str, tmp_path: Path
) -> None:
    tight = Memory(storage=storage, kv=True, host_bytes=20_000_000, folder=tmp_path)
    context = Context(reader, voting, tight)
    context.read(document[0])
    assert context.kv is not None
    assert context.kv.bytes()["disk"] > 0, "the budget is too small to hold it all"
    question = ids_of(reader, QUESTION)
    chosen = recall.choose(context, question, 4)
    assert chosen.blocks[0] in document[1]
    written = recall.answer(context, question, chosen.blocks, 8, "kv")
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    context.close()


def test_candidates_come_up_from_disk_while_they_are_ranked(
    reader: Reader,
    voting: Heads,
    document: tuple[list[int], set[int]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context = Context(reader, voting, Memory(kv=True, host_bytes=30_000_000, folder=tmp_path))
    context.read(document[0])
    tiers, readers = context.kv, list[str]()
    assert tiers is not None
    assert tiers.disk is not None
    read = tiers.disk.read

    def noted(rows: np.ndarray) -> np.ndarray:
        readers.append(threading.current_thread().name)
        return read(rows)

    monkeypatch.setattr(tiers.disk, "read", noted)
    low = np.flatnonzero(tiers.slot[0][: context.blocks] < 0)
    question, blocks = ids_of(reader, QUESTION), [min(document[1]), int(low[len(low) // 2])]
    written = recall.answer(context, question, blocks, 8, room=5 * BLOCK)
    assert reader.tokenizer.decode(written).strip().startswith("48213")
    assert readers
    assert all(name.startswith("prefetch") for name in readers)
    assert tiers.topic_V is not None
    assert np.allclose(tiers.topic_V, tiers.topic(recall.candidates(len(context), blocks, 5 * BLOCK)))
    context.close()


ASK = """
import sys
from pathlib import Path
import torch
from model import recall, saved
from model.stream import Reader
from tests.model import families
reader = Reader(Path(sys.argv[1]), 512, torch.device("cpu"), torch.float32)
context = saved.open_context(reader, Path(sys.argv[2]))
question = reader.tokenizer(sys.argv[3], add_special_tokens=False)["input_ids"]
chosen = recall.choose(context, question, 4)
print(chosen.blocks, recall.answer(context, question, chosen.blocks, 8, "kv"), flush=True)
"""


def test_a_saved_context_answers_the_same_in_another_process(
    context: Context, reader: Reader, model_dir: Path, tmp_path: Path
) -> None:
    saved.save(context, tmp_path)
    saved.save(context, tmp_path)  # again, into the same place
    question = ids_of(reader, QUESTION)
    chosen = recall.choose(context, question, 4)
    expected = f"{chosen.blocks} {recall.answer(context, question, chosen.blocks, 8, 'kv')}\n"
    command = [sys.executable, "-c", ASK, str(model_dir), str(tmp_path), QUESTION]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == expected


def test_a_saved_context_is_continued_as_if_it_had_never_been_closed(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    one = Context(reader, voting, Memory(folder=tmp_path))
    one.read(document[0][:1100])
    saved.save(one, tmp_path)
    two = saved.open_context(reader, tmp_path)
    for context in (one, two):
        context.read(document[0][1100:])
    question = ids_of(reader, QUESTION)
    assert recall.choose(one, question, 8).blocks == recall.choose(two, question, 8).blocks
    assert one.ids == two.ids


@pytest.mark.usefixtures("small_index")
def test_an_index_learns_while_reading_and_is_saved_with_its_context(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    ids, question = document[0], ids_of(reader, QUESTION)
    one = Context(reader, voting, Memory(folder=tmp_path))
    for until in (300, 1100):  # before it has learned, and after
        one.read(ids[len(one) : until])
        saved.save(one, tmp_path)
        two = saved.open_context(reader, tmp_path)
        for context in (one, two):
            assert context.index.ready == (until > 512)
            context.read(ids[until : until + 400])
        assert all(torch.equal(x, two.index.state()[name]) for name, x in one.index.state().items())
    one.read(ids[len(one) :])
    exact = recall.choose(one, question, 8)
    for path in ("codes", "index"):
        chosen = recall.choose(one, question, 8, path)
        assert chosen.blocks[0] == exact.blocks[0] in document[1]
    without = Context(reader, voting, Memory(index=False))
    without.read(ids)
    assert not without.index.ready
    scanned = recall.choose(without, question, 8, "index")
    assert scanned.blocks == recall.choose(without, question, 8).blocks
    assert scanned.blocks[0] == exact.blocks[0]


def test_what_is_torn_or_of_another_model_is_refused(
    reader: Reader, context: Context, model_dir: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no context was saved here"):
        saved.open_context(reader, tmp_path)
    saved.save(context, tmp_path)
    other = copy.copy(reader)
    other.stride = 256
    with pytest.raises(ValueError, match="saved with stride 512, this reader has 256"):
        saved.open_context(other, tmp_path)
    manifest = tmp_path / "context.json"
    kept = manifest.read_text()
    manifest.write_text(kept.replace(f'"format": {saved.FORMAT}', '"format": 2'))
    with pytest.raises(ValueError, match=r"format 2, this version reads .* read the document again"):
        saved.open_context(reader, tmp_path)
    manifest.write_text(kept)
    window = next(tmp_path.glob("*window*"))
    content = bytearray(window.read_bytes())
    content[-5] ^= 1
    window.write_bytes(content)
    with pytest.raises(TornContext, match="damaged"):
        saved.open_context(reader, tmp_path)


def test_a_save_that_fails_leaves_the_one_before_it(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], tmp_path: Path
) -> None:
    context = Context(reader, voting, Memory(folder=tmp_path))
    context.read(document[0][:200])
    saved.save(context, tmp_path)
    (tmp_path / "2-index.safetensors").mkdir()  # where the next save will want to write a file
    for _ in range(2):  # the same tokens, then more of them
        with pytest.raises((OSError, SafetensorError)):
            saved.save(context, tmp_path)
        context.read(document[0][200:300])
    again = saved.open_context(reader, tmp_path)
    assert again.ids.tolist() == document[0][:200]
    assert again.blocks == 200 // BLOCK


def test_of_facts_that_are_alike_the_one_asked_for_is_attended(reader: Reader, voting: Heads) -> None:
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:20_000])
    values = {"lighthouse": 48213, "harbour": 90417, "quarry": 13376, "museum": 72905, "tavern": 55681}
    ids, placed = prose[:200], {}
    for number, (name, value) in enumerate(values.items()):
        placed[name] = len(ids) // BLOCK
        ids += ids_of(reader, f"\n\nThe pass key of the {name} is {value}.\n\n")
        ids += prose[300 * (number + 1) : 300 * (number + 2)]
    context = Context(reader, voting)
    context.read(ids)
    for name in ("lighthouse", "quarry", "tavern"):
        question = ids_of(reader, f"\n\nWhat is the pass key of the {name}? The pass key of the {name} is")
        chosen = recall.choose(context, question)
        assert {placed[other] for other in values} <= set(recall.candidates(len(ids), chosen.blocks))
        best = recall.likeliest(reader, ids, question, chosen.blocks)
        assert abs(best[0] - placed[name]) <= 1
        assert len(best) < 5
        told = reader.tokenizer.decode(recall.answer(context, question, chosen.blocks, 8))
        assert told.strip().startswith(str(values[name]))


def test_without_room_for_all_the_likeliest_are_attended_and_neighbours_are_not_tried_twice(
    reader: Reader, document: tuple[list[int], set[int]]
) -> None:
    ids, facts = document[0], sorted(document[1])
    question, others = ids_of(reader, QUESTION), [2, 20, 25, 31]
    assert recall.candidates(len(ids), others) == [1, 2, 3, 19, 20, 21, 24, 25, 26, 30, 31]
    seen = recall.attended(reader, ids, question, [*others, *facts, facts[-1] + 1], room=5 * BLOCK)
    assert set(facts) <= set(seen)
    assert len(seen) == 3
    few = [others[0], *facts, facts[-1] + 1]
    assert recall.likeliest(reader, ids, question, few) == [facts[0], others[0]]
    assert recall.likeliest(reader, ids, question, []) == []
    assert recall.likeliest(reader, ids, question[:1], others)


@pytest.mark.parametrize(("path", "question"), [("nearest", [1]), ("exact", [])])
def test_bad_questions_are_named(context: Context, path: str, question: list[int]) -> None:
    with pytest.raises(ValueError, match=r"nearest|empty question"):
        recall.choose(context, question, 4, path)


def test_an_empty_and_a_short_context_answer_too(reader: Reader, voting: Heads) -> None:
    context = Context(reader, voting)
    question = ids_of(reader, QUESTION)
    assert recall.choose(context, question).blocks == []
    context.read(ids_of(reader, FACT))
    assert recall.choose(context, question).blocks == []
    assert reader.tokenizer.decode(recall.answer(context, question, [], 8)).strip().startswith("48213")


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
    replayed = recall.replayed(reader, tokens, [*range(4), *range(4, 7)])
    reader.extend(replayed, tokens[7 * BLOCK : 450])
    for cache in (recall.assembled(context, list(range(1, 5)), 450 - 5 * BLOCK), replayed):
        hidden = reader.extend(cache, tokens[450:])
        assert float((ours.get_output_embeddings()(hidden) - expected).abs().max()) < 1e-4


@pytest.mark.parametrize("name", ["llama", "qwen3", "mistral-narrow", "gemma3"])
@torch.inference_mode()
def test_likelihoods_are_those_of_a_text_of_its_own(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recall, "SHARE", 0.0)
    theirs, ours = families.build(families.CONFIGS[name], tmp_path / "model")
    reader, text = Reader.around(ours, 128), families.ids_of(700)[0].tolist()
    question, nats = families.ids_of(9, seed=1)[0].tolist(), {}
    for block in (8, 1, 4, 6, 10):
        near = text[max(block - 1, 1) * BLOCK : (block + 2) * BLOCK]
        ids = torch.tensor([text[:BLOCK] + near + question])
        logits_QV = theirs(ids).logits[0, -10:-1].double()
        nats[block] = logits_QV.log_softmax(-1)[range(9), question].numpy()
    nats_NQ = np.stack(list(nats.values()))
    z_NQ = (nats_NQ - nats_NQ.mean(0)) / nats_NQ.std(0, ddof=1)
    votes = dict(zip(nats, (np.clip(z_NQ - USUAL, 0, None) ** 2).sum(1), strict=True))
    given = [8, 1, 4, 9, 6, 10]  # 9 is a neighbour of the first one
    assert recall.likeliest(reader, text, question, given) == sorted(votes, key=lambda b: -votes[b])
    few = sorted(given[:4], key=lambda b: -nats[b].sum() if b in nats else np.inf)[:3]
    assert recall.likeliest(reader, text, question, given[:4]) == few


def masked(model: Any, ids: list[int], seen_QK: torch.Tensor) -> int:
    """The token that dense attention under a mask finds likeliest next."""
    hidden = torch.zeros(seen_QK.shape).masked_fill(~seen_QK, -torch.inf)[None, None]
    output = model(
        torch.tensor([ids]), attention_mask={"full_attention": hidden, "chunked_attention": hidden}
    )
    return int(output.logits[0, -1].argmax())


@pytest.mark.parametrize("way", ["kv", "replay"])
@torch.inference_mode()
def test_beyond_the_window_every_token_knows_its_true_position(way: str, tmp_path: Path) -> None:
    """Temperature (Llama 4): the whole text, under a mask of what is attended, is the rule."""
    theirs, ours = families.build(families.NOPE, tmp_path / "model")
    reader, text = Reader.around(ours, 128), families.ids_of(600)[0].tolist()
    context = Context(reader, families.HEADS, Memory("float32", kv=True))
    context.read(text)
    saved.save(context, tmp_path / "context")
    context = saved.open_context(reader, tmp_path / "context")
    assert context.cache.read == 600
    place = torch.arange(610)
    attended = [*range(BLOCK), *range(3 * BLOCK, 6 * BLOCK), *range(8 * BLOCK, 610)]
    seen_QK = (place[:, None] // 128 - place // 128 <= 1) | (place < BLOCK)
    if way == "replay":
        seen_QK[:] = torch.isin(place, torch.tensor(attended))
    seen_QK[600:] = torch.isin(place, torch.tensor(attended))
    seen_QK &= place <= place[:, None]
    seen_QK |= torch.eye(610, dtype=torch.bool)
    for seed in range(6):
        ids = [*text, *families.ids_of(7, seed)[0].tolist()]
        found = recall.answer(context, ids[600:], [4, 9], 3, way, room=5 * BLOCK)
        for length in (607, 608, 609):
            ids.append(masked(theirs, ids, seen_QK[:length, :length]))
        assert found == ids[607:]
