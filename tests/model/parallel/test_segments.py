"""A document read in segments: the same as in one stream where nothing is lost, nearly so in a real model.

Run: pytest tests/model/test_segments.py
"""

import pydoc_data.topics
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Llama4TextConfig, LlamaConfig

from model.attention import sliding_window as attention
from model.context import heads, retrieve
from model.context.answer import answer
from model.context.context import Context
from model.context.segmented import SegmentedContext
from model.geometry import BLOCK, Segment, cut
from model.parallel import segments
from model.reader import Reader
from tests.marks import slow
from tests.model import families
from tests.model.families import THREE_GROUPS

CPU = torch.device("cpu")


def tiny(layers: int) -> Reader:
    torch.manual_seed(0)
    config = LlamaConfig(**THREE_GROUPS, num_attention_heads=9, num_hidden_layers=layers)
    attention.register()
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME)
    return Reader.around(model.eval().requires_grad_(False), 64)


def ids_of(tokens: int) -> list[int]:
    ids: list[int] = torch.randint(97, (tokens,), generator=torch.Generator().manual_seed(1)).tolist()
    return ids


def hidden(reader: Reader, ids: Sequence[int], plan: Sequence[Segment], rows: int) -> torch.Tensor:
    """Last hidden states of a whole document, (tokens, E)."""
    pieces = {piece.start: piece.hidden_QE.clone() for piece in segments.read(reader, ids, plan, rows)}
    assert sum(map(len, pieces.values())) == len(ids), "every token once"
    return torch.cat([pieces[start] for start in sorted(pieces)])


def sequential(reader: Reader, ids: Sequence[int]) -> torch.Tensor:
    cache = reader.start()
    starts = range(0, len(ids), reader.stride)
    return torch.cat([reader.read(cache, ids[start : start + reader.stride]).clone() for start in starts])


@pytest.mark.parametrize("tokens", [1, 63, 64, 200, 320, 64 * 40, 64 * 40 + 17])
@pytest.mark.parametrize("most", [1, 2, 4, 16, 256])
def test_a_document_is_cut_at_chunks_into_shards_that_take_equally_long(tokens: int, most: int) -> None:
    plan = cut(tokens, 64, most)
    assert [plan[0].start, plan[-1].stop] == [0, tokens]
    assert all(one.stop == two.start for one, two in pairwise(plan))
    assert all(shard.start % 64 == 0 and shard.stop > shard.start for shard in plan)
    assert len(plan) == max(1, min(most, -(-tokens // 64) - 2))
    assert all(shard.start - shard.lead == 2 * 64 for shard in plan[1:])
    steps = [-(-(shard.stop - shard.lead) // 64) for shard in plan]
    assert max(steps) - min(steps) <= 1


@pytest.mark.parametrize(("most", "lead"), [(0, 2), (4, 1)])
def test_a_cut_that_cannot_be_is_named(most: int, lead: int) -> None:
    with pytest.raises(ValueError, match=rf"most={most}, lead={lead}"):
        cut(100, 64, most, lead)


@pytest.mark.parametrize("tokens", [40, 130, 64 * 11, 64 * 11 + 9])
@pytest.mark.parametrize(("layers", "lead"), [(2, 2), (3, 3)])
def test_segments_are_the_stream_where_a_lead_in_reaches_through_all_layers(
    tokens: int, layers: int, lead: int
) -> None:
    """A layer looks one chunk back, so with as many chunks of lead-in as layers nothing is missing."""
    reader, ids = tiny(layers), ids_of(tokens)
    right = sequential(reader, ids)
    for most, rows in ((1, 8), (4, 1), (4, 3), (16, 8)):
        found = hidden(reader, ids, cut(tokens, 64, most, lead), rows)
        assert float((found - right).abs().max()) < 1e-5, (most, rows)


def test_rows_do_not_see_each_other_and_a_short_lead_in_is_not_the_stream() -> None:
    reader, ids = tiny(4), ids_of(64 * 11 + 9)
    plan = cut(len(ids), 64, 5)
    alone, together = (hidden(reader, ids, plan, rows) for rows in (1, 5))
    torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)
    far = (alone - sequential(reader, ids)).abs().amax(1)
    assert float(far[: plan[0].stop].max()) < 1e-5, "the first segment has no lead-in"
    assert float(far[plan[1].start : plan[1].stop].max()) > 1e-5


def test_a_model_that_asks_where_a_text_has_come_to_reads_each_segment_by_itself() -> None:
    attention.register()
    torch.manual_seed(0)
    sizes = families.SIZES | {"num_hidden_layers": 2, "no_rope_layers": [0, 0]}
    config = Llama4TextConfig(**sizes, **families.LLAMA4, **families.PADDED)
    model = AutoModelForCausalLM.from_config(config, attn_implementation=attention.NAME)
    reader, ids = Reader.around(model.eval().requires_grad_(False), 64), ids_of(64 * 11 + 9)
    plan = cut(len(ids), 64, 4)
    for rows in (1, 3):
        assert float((hidden(reader, ids, plan, rows) - sequential(reader, ids)).abs().max()) < 1e-5


FACT = "\n\nThe pass key of the {place} is {key}.\n\n"
QUESTION = "\n\nWhat is the pass key of the {place}? The pass key of the {place} is"
PLACES = {"lighthouse": 48213, "old mill": 70931, "harbour office": 15568}


def vectors(states: torch.Tensor, stride: int) -> torch.Tensor:
    """Mean of the last hidden states over each window, two chunks of which the next has the second."""
    starts = range(0, max(len(states) - stride, 1), stride)
    return torch.stack([states[start : start + 2 * stride].mean(0) for start in starts])


def compare(model_dir: Path, tokens: int, stride: int, counts: Sequence[int]) -> list[bool]:
    """Window vectors and needles of natural text with three facts, in segments beside one stream.

    Returns:
        Of every question, whether the best block is its fact's, and alone is enough to tell it.
    """
    best = []
    reader = Reader(model_dir, stride, CPU, torch.float32)

    def encode(text: str) -> list[int]:
        ids: list[int] = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

    prose = encode("\n\n".join(pydoc_data.topics.topics.values())[: 6 * tokens])
    ids, needles, part = [], {}, tokens // len(PLACES)
    for number, (place, key) in enumerate(PLACES.items()):
        ids += prose[number * part : number * part + part // 2]
        fact = encode(FACT.format(place=place, key=key))
        needles[place] = set(range(len(ids) // BLOCK, (len(ids) + len(fact) - 1) // BLOCK + 1))
        ids += fact + prose[number * part + part // 2 : (number + 1) * part]
    right = vectors(sequential(reader, ids), stride)
    voting = heads.load(model_dir, reader.config)
    context = Context(reader, voting)
    context.read(ids)
    for count in counts:
        plan = cut(len(ids), stride, count)
        assert len(plan) == count
        near, apart, centred = likeness(vectors(hidden(reader, ids, plan, 8), stride), right)
        print(f"{count} segments: cosine {near:.5f}, centred {centred:.5f}; neighbours {apart:.5f}")
        whole = SegmentedContext(reader, voting, ids, most=count)
        whole.read()
        for place, blocks in needles.items():
            question = encode(QUESTION.format(place=place))
            alone, chosen = retrieve.choose(context, question, 4), whole.choose(question, 4)
            print(f"{place}, {sorted(blocks)}: {alone.blocks} alone, {chosen.blocks} in segments")
            assert chosen.blocks[0] == alone.blocks[0]
            assert blocks & set(chosen.blocks)
            written = reader.tokenizer.decode(whole.answer(question, chosen.blocks[:1], 6))
            best.append(chosen.blocks[0] in blocks and written.strip().startswith(str(PLACES[place])))
            shown, room = (sorted(blocks), chosen.blocks), 4 * BLOCK
            told, guessed = (whole.answer(question, which, 6, room) for which in shown)
            assert reader.tokenizer.decode(told).strip().startswith(str(PLACES[place]))
            assert guessed == answer(context, question, alone.blocks, 6, "recompute", room)
        assert near >= 0.99
        assert centred >= 0.9
    return best


def likeness(found: torch.Tensor, right: torch.Tensor) -> tuple[float, float, float]:
    """Least cosine of vectors, greatest of neighbours in one stream, and the least beside the stream's mean.

    Means of hidden states point nearly the same way whatever they are of, so the last one is what tells.
    """
    cosine = torch.nn.functional.cosine_similarity
    middle = right.mean(0)
    near, centred = cosine(found, right), cosine(found - middle, right - middle)
    return float(near.min()), float(cosine(right[1:], right[:-1]).max()), float(centred.min())


@pytest.mark.parametrize("count", slow(4, 16))  # a minute each
def test_smollm_in_segments_has_the_vectors_and_needles_of_one_stream(model_dir: Path, count: int) -> None:
    assert all(compare(model_dir, tokens=1500 if count == 4 else 2400, stride=128, counts=[count]))


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_smollm_reads_64k_tokens_in_segments_as_in_one_stream(model_dir: Path) -> None:
    compare(model_dir, tokens=65_000, stride=2048, counts=[1, 4, 16])
