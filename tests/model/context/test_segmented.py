"""A question to all shards is a question to the document, whoever keeps them: one process, ranks, or a disk.

Run: pytest tests/model/test_sharded.py
"""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from model.attention import sliding_window as attention
from model.context import retrieve as recall
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.disk import TornContext
from model.context.heads import Heads
from model.context.segmented import Sharded, open_sharded, read_sharded
from model.reader import Reader
from tests.model.families import THREE_GROUPS
from tests.model.ranks import run

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
        [(chosen := recall.choose(context, question, 6)).blocks, chosen.votes, answered(context, question)]
        for question in questions
    ]


def answered(context: Context, question: list[int]) -> list[int]:
    return answer(context, question, recall.choose(context, question, 6).blocks, 5)


def check(found: list[list[object]], expected: list[list[object]]) -> None:
    for one, two in zip(found, expected, strict=True):
        assert one[0] == two[0]
        assert one[1] == pytest.approx(two[1], rel=1e-3)
        assert one[2] == two[2]


def asked(whole: Sharded, questions: list[list[int]]) -> list[list[object]]:
    found: list[list[object]] = []
    for question in questions:
        chosen = whole.choose(question, 6)
        found.append([chosen.blocks, chosen.votes, whole.answer(question, chosen.blocks, 5)])
    return found


@pytest.mark.parametrize(("most", "rows"), [(1, 8), (4, 8), (4, 1), (256, 5)])
def test_shards_choose_and_answer_as_one_context(
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
    whole = read_sharded(reader, HEADS, ids, None, memory, most, rows, told.append)
    assert sum(told) == TOKENS
    check(asked(whole, questions), expected)
    assert whole.choose(questions[0]).visited == -(-TOKENS // 64) - 1
    windows = [part.cache.held for part in whole.parts]
    assert windows[:-1] == [0] * (len(windows) - 1), "what only lead-ins of others need is not kept"
    assert not whole.recompute.kept, "no room was given"
    whole.close()


RANKS = """
from pathlib import Path
from transformers import AutoModelForCausalLM
from model.attention import sliding_window as attention
from model.context.context import Memory
from model.context.heads import Heads
from model.context.segmented import read_sharded
from model.reader import Reader

folder, ids, questions, heads, out = json.loads(open(sys.argv[4]).read())
attention.register()
model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation=attention.NAME)
reader = Reader.around(model.eval().requires_grad_(False), 64)
with parallel.join(RANK, WORLD, PORT, timeout_s=120) as ranks:
    for most in (1, 5):
        told = []
        heads_of = Heads(tuple(map(tuple, heads)), 3)
        whole = read_sharded(reader, heads_of, ids, ranks, Memory("float32"), most, 2, told.append)
        found = []
        for question in questions:
            chosen = whole.choose(question, 6)
            found.append([chosen.blocks, chosen.votes, whole.answer(question, chosen.blocks, 5)])
        print(json.dumps([most, list(whole.own), sum(told), found]))
        whole.save(Path(out) / str(most))
"""


@pytest.mark.heavy
@pytest.mark.parametrize("world", [1, 3])
def test_ranks_choose_as_one_context_and_once_they_are_gone_the_disk_does(
    reader: Reader,
    folder: Path,
    ids: list[int],
    questions: list[list[int]],
    expected: list[list[object]],
    world: int,
    tmp_path: Path,
) -> None:
    task = tmp_path / "task.json"
    task.write_text(json.dumps([str(folder), ids, questions, HEADS.heads, str(tmp_path / "saved")]))
    said = [[json.loads(line) for line in out.splitlines()] for out in run(RANKS, world, str(task))]
    for rows in zip(*said, strict=True):
        for _, _, _, found in rows:
            check(found, expected)
        most = rows[0][0]
        assert [number for _, own, _, _ in rows for number in own] == list(range(most))
        assert sum(told for _, _, told, _ in rows) == TOKENS
    for most in (1, 5):
        whole = open_sharded(reader, tmp_path / "saved" / str(most))
        assert whole.ids.tolist() == ids
        check(asked(whole, questions), expected)
        whole.close()
    plan = tmp_path / "saved" / "5" / "shards.json"
    plan.write_text((tmp_path / "saved" / "1" / "shards.json").read_text())
    with pytest.raises(TornContext, match="tokens of Segment"):
        open_sharded(reader, plan.parent)


def test_what_cannot_be_is_named(reader: Reader, ids: list[int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="an empty document"):
        read_sharded(reader, HEADS, [])
    with pytest.raises(ValueError, match="kv=True"):
        read_sharded(reader, HEADS, ids, memory=Memory(kv=True))
    with pytest.raises(ValueError, match="no shards were saved here"):
        open_sharded(reader, tmp_path)
    with pytest.raises(ValueError, match="an empty question"):
        read_sharded(reader, HEADS, ids[:70]).choose([])


def test_a_document_without_blocks_to_choose_has_none(reader: Reader, ids: list[int]) -> None:
    for tokens in (1, 64, 100):
        whole = read_sharded(reader, HEADS, ids[:tokens])
        assert whole.choose(ids[:5]).blocks == []
        assert len(whole.answer(ids[:5], [], 3)) <= 3
