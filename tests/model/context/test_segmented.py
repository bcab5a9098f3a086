"""A question to all segments is a question to the document.

Run: pytest tests/model/context/test_segmented.py
"""

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from model.attention import sliding_window as attention
from model.context import retrieve
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.segmented import SegmentedContext
from model.reader import Reader
from tests.model.families import THREE_GROUPS

STRIDE, TOKENS = 64, 64 * 13 + 21
HEADS = Heads(((0, 1), (1, 4), (1, 8), (1, 3)), 3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers: a lead-in of a window reaches through both, so keys are those of one stream."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model")
    config = LlamaConfig(**THREE_GROUPS, num_attention_heads=9, num_hidden_layers=2)
    AutoModelForCausalLM.from_config(config).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def reader(folder: Path) -> Reader:
    attention.register()
    model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention.NAME)
    return Reader.around(model.eval().requires_grad_(False), STRIDE)


@pytest.fixture(scope="module")
def ids() -> list[int]:
    drawn: list[int] = torch.randint(97, (TOKENS,), generator=torch.Generator().manual_seed(1)).tolist()
    return drawn


@pytest.fixture(scope="module")
def questions(ids: list[int]) -> list[list[int]]:
    return [ids[start : start + length] for start, length in ((90, 20), (400, 70), (TOKENS - 30, 9), (7, 1))]


@pytest.fixture(scope="module")
def expected(reader: Reader, ids: list[int], questions: list[list[int]]) -> list[list[object]]:
    """Blocks, votes and answers of one context."""
    context = Context(reader, HEADS, Memory("float32"))
    context.read(ids)
    return [
        [(chosen := retrieve.choose(context, question, 6)).blocks, chosen.votes, answered(context, question)]
        for question in questions
    ]


def answered(context: Context, question: list[int]) -> list[int]:
    return answer(context, question, retrieve.choose(context, question, 6).blocks, 5)


def check(found: list[list[object]], expected: list[list[object]]) -> None:
    for one, two in zip(found, expected, strict=True):
        assert one[0] == two[0]
        assert one[1] == pytest.approx(two[1], rel=1e-3)
        assert one[2] == two[2]


def asked(whole: SegmentedContext, questions: list[list[int]]) -> list[list[object]]:
    found: list[list[object]] = []
    for question in questions:
        chosen = whole.choose(question, 6)
        found.append([chosen.blocks, chosen.votes, whole.answer(question, chosen.blocks, 5)])
    return found


@pytest.mark.parametrize(("most", "rows"), [(1, 8), (4, 8), (4, 1), (256, 5)])
def test_segments_choose_and_answer_as_one_context(
    reader: Reader,
    ids: list[int],
    questions: list[list[int]],
    expected: list[list[object]],
    most: int,
    rows: int,
    tmp_path: Path,
) -> None:
    told: list[int] = []
    memory = Memory("float32", host_bytes=1 << 20, folder=tmp_path, recompute_cache_bytes=0)
    whole = SegmentedContext(reader, HEADS, ids, memory, most)
    whole.read(rows, told.append)
    assert sum(told) == TOKENS
    check(asked(whole, questions), expected)
    assert whole.choose(questions[0]).visited == -(-TOKENS // 64) - 1
    windows = [part.cache.held for part in whole.parts]
    assert windows[:-1] == [0] * (len(windows) - 1), "what only lead-ins of others need is not kept"
    assert not whole.recompute.kept, "no room was given"
    whole.close()


def test_what_cannot_be_is_named(reader: Reader, ids: list[int]) -> None:
    with pytest.raises(ValueError, match="an empty document"):
        SegmentedContext(reader, HEADS, [])
    with pytest.raises(ValueError, match="kv=True"):
        SegmentedContext(reader, HEADS, ids, Memory(kv=True))
    with pytest.raises(ValueError, match="an empty question"):
        SegmentedContext(reader, HEADS, ids[:70]).choose([])


def test_a_document_without_blocks_to_choose_has_none(reader: Reader, ids: list[int]) -> None:
    for tokens in (1, 64, 100):
        whole = SegmentedContext(reader, HEADS, ids[:tokens])
        whole.read()
        assert whole.choose(ids[:5]).blocks == []
        assert len(whole.answer(ids[:5], [], 3)) <= 3
