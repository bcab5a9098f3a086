"""Answers that are written together are those that each context gives alone, whoever joins and leaves.

Run: pytest tests/model/context/test_continuous.py
"""

import pydoc_data.topics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from model.attention import ragged
from model.attention.ragged import RaggedLayer
from model.context import retrieve
from model.context.answer import answer, selected_cache
from model.context.context import Context
from model.context.continuous import Answer, Batch
from model.context.heads import Heads
from model.context.prepared import answering
from model.context.question import given
from model.context.wording import Wording
from model.hardware import is_out_of_memory
from model.reader import Reader
from tests.marks import slow
from tests.model import families
from tests.model.facts import ids_of

LENGTHS = (700, 130, 40, 1000, 520)
FAMILIES = ("llama", "gemma3", *slow("llama-yarn", "qwen3", "mistral-narrow", "llama4", "llama4-chunked"))


def contexts_of(reader: Reader) -> list[Context]:
    contexts = []
    for seed, length in enumerate(LENGTHS):
        contexts.append(Context(reader, families.HEADS))
        contexts[-1].read(families.ids_of(length, seed)[0].tolist())
    return contexts


def begun(context: Context, question: Sequence[int], most: int) -> Answer:
    """An answer that `model.context.answer.answer` would write in one go."""
    blocks = retrieve.choose(context, question).blocks
    cache = selected_cache(context.reader, context.recompute, context.ids, question, blocks)
    return Answer(cache, question, most, stops=frozenset(context.reader.stops))


def alone(context: Context, question: list[int], most: int) -> list[int]:
    return answer(context, question, retrieve.choose(context, question).blocks, most)


@pytest.fixture(params=FAMILIES)
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> Reader:
    ours = families.build(families.CONFIGS[request.param], tmp_path)[1]
    ours.generation_config.eos_token_id = 5
    return Reader.around(ours, 128)


def test_rows_of_any_length_come_and_go_and_write_what_each_writes_alone(reader: Reader) -> None:
    """Random weights leave no two tokens nearly as likely, so rounding changes none."""
    contexts = contexts_of(reader)
    questions = [families.ids_of(length, 50 + length)[0].tolist() for length in (9, 4, 13, 2, 20)]
    most = [12, 30, 5, 40, 1]
    expected = [alone(*one) for one in zip(contexts, questions, most, strict=True)]
    batch, waiting, written = Batch(reader, 3), list(range(5)), dict[int, Answer]()
    for _ in range(100):
        while waiting and batch.room:
            number = waiting.pop(0)
            written[number] = begun(contexts[number], questions[number], most[number])
            batch.join(written[number])
        if not batch.answers:
            break
        assert all(one.complete for one in batch.step())
    assert [written[number].tokens for number in range(5)] == expected
    assert [one.ended for _, one in sorted(written.items())] == [
        len(tokens) < room for tokens, room in zip(expected, most, strict=True)
    ]


def test_one_that_is_cancelled_leaves_and_the_others_go_on(tmp_path: Path) -> None:
    reader = Reader.around(families.build(families.CONFIGS["llama"], tmp_path)[1], 128)
    reader.model.generation_config.eos_token_id = None
    one, two, *_ = contexts_of(reader)
    question = families.ids_of(7)[0].tolist()
    batch, answers = Batch(reader, 2), [begun(context, question, 20) for context in (one, two)]
    for row in answers:
        batch.join(row)
    batch.step()
    batch.leave(answers[0])
    batch.leave(answers[0])
    assert batch.room == 1
    while batch.answers:
        batch.step()
    assert len(answers[0].tokens) == 2
    assert batch.cache.held == 0, "no memory is held for nobody"
    assert answers[1].tokens == alone(two, question, 20)
    assert batch.step() == []


class Memory:
    """Lets layers have memory for so many more of their calls, and then none for one of them."""

    def __init__(self, patch: pytest.MonkeyPatch, place: object, method: str) -> None:
        self.left, self.whole = -1, getattr(place, method)
        patch.setattr(place, method, lambda *given: self.of(*given))

    def of(self, *given: Any) -> Any:
        self.left -= 1
        if self.left == -1:
            self.whole(*given)  # half of it is done
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return self.whole(*given)


@pytest.mark.parametrize(
    ("place", "method", "behind"),
    [
        (RaggedLayer, "update", 2),
        (RaggedLayer, "reserve", 1),
        (Batch, "_logits", 0),
        (Answer, "take", 0),
    ],
)
def test_without_memory_for_a_step_one_answer_fails_and_the_others_are_those_of_each_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: type, method: str, behind: int
) -> None:
    """In the middle of the layers, where memory grows, behind them, and in what is done for one answer."""
    reader = Reader.around(families.build(families.CONFIGS["llama"], tmp_path)[1], 128)
    reader.model.generation_config.eos_token_id = None
    monkeypatch.setattr(ragged, "ROOM", 4)
    contexts, question, most = contexts_of(reader)[:4], families.ids_of(7)[0].tolist(), 9
    expected = [alone(context, question, most) for context in contexts]
    batch = Batch(reader, 3)
    answers = [begun(context, question, most) for context in contexts]
    for one in answers[:3]:
        batch.join(one)
    memory, gone = Memory(monkeypatch, place, method), list[Answer]()
    memory.left = behind
    while not gone:
        gone = batch.step()
    assert [one.failed is not None for one in answers[:3]] == [one is gone[0] for one in answers[:3]]
    assert is_out_of_memory(gone[0].failed or ValueError())
    assert gone[0] is answers[0 if place is Answer else 2]
    batch.join(answers[3])
    while batch.answers:
        batch.step()
    for one, tokens in zip(answers, expected, strict=True):
        assert one is gone[0] or one.tokens == tokens
    assert batch.cache.held == 0


@pytest.mark.parametrize("behind", [0, 2])
def test_without_memory_to_join_an_answer_is_no_row_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behind: int
) -> None:
    reader = Reader.around(families.build(families.CONFIGS["llama"], tmp_path)[1], 128)
    reader.model.generation_config.eos_token_id = None
    contexts, question = contexts_of(reader)[:3], families.ids_of(7)[0].tolist()
    batch, answers = Batch(reader, 3), [begun(context, question, 9) for context in contexts]
    for one in (answers[1], answers[2]):
        batch.join(one)
    batch.step()
    with monkeypatch.context() as patch:
        Memory(patch, RaggedLayer, "reserve").left = behind
        with pytest.raises(torch.OutOfMemoryError):
            batch.join(answers[0])  # the longest: all rows would move
    assert batch.answers == answers[1:]
    batch.step()
    batch.join(again := begun(contexts[0], question, 9))
    while batch.answers:
        batch.step()
    tokens = [one.tokens for one in (again, answers[1], answers[2])]
    assert tokens == [alone(context, question, 9) for context in contexts]


@pytest.mark.parametrize(("method", "behind"), [("reserve", 2), ("add", 1)])
def test_who_fails_to_join_as_the_first_leaves_no_memory_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, method: str, behind: int
) -> None:
    reader = Reader.around(families.build(families.CONFIGS["llama"], tmp_path)[1], 128)
    reader.model.generation_config.eos_token_id = None
    context, question = contexts_of(reader)[1], families.ids_of(7)[0].tolist()
    batch = Batch(reader, 2)
    with monkeypatch.context() as patch:
        Memory(patch, RaggedLayer, method).left = behind
        with pytest.raises(torch.OutOfMemoryError):
            batch.join(begun(context, question, 9))
    assert [(layer.wide, layer.held) for layer in batch.cache.layers] == [([], 0)] * reader.layers
    batch.join(again := begun(context, question, 9))
    while batch.answers:
        batch.step()
    assert again.tokens == alone(context, question, 9)


def test_an_answer_gets_no_more_tokens_than_there_are_positions(tmp_path: Path) -> None:
    reader = Reader.around(families.build(families.CONFIGS["llama"], tmp_path)[1], 128)
    reader.model.generation_config.eos_token_id = None
    context = contexts_of(reader)[1]
    batch, row = Batch(reader, 1), begun(context, [3, 4], 10**6)
    held = row.cache.held
    batch.join(row)
    assert row.most == reader.positions - held - 2
    batch.leave(row)
    long = Answer(reader.start(), families.ids_of(reader.positions + 1)[0].tolist(), 5)
    with pytest.raises(ValueError, match="ask a shorter question"):
        batch.join(long)
    assert batch.room == 1


@pytest.fixture(scope="module")
def smol(reader_of: Any) -> Reader:
    reader: Reader = reader_of(512)
    return reader


def test_the_default_model_answers_three_texts_at_once(smol: Reader, model_dir: Path) -> None:
    """Against `answer` of the same blocks; the three are written in one batch, of different lengths."""
    from model.context import heads

    voting: Heads = heads.load(model_dir, smol.config)
    wording, prose = Wording(smol.tokenizer), ids_of(smol, pydoc_data.topics.topics["with"])
    facts = {"harbour": "48213", "quarry": "90417", "old museum of ships": "13376"}
    batch, answers, expected = Batch(smol, 4), [], []
    for number, (name, value) in enumerate(facts.items()):
        context = Context(smol, voting)
        context.read(prose[: 90 * number + 50])
        context.read(ids_of(smol, f"\n\nThe pass key of the {name} is {value}.\n\n"))
        context.read(prose[500 : 600 + 120 * number])
        asked = ids_of(smol, f"\n\nWhat is the pass key of the {name}? The pass key of the {name} is")
        question = given(asked, len(asked), None)
        steps = answering(context, question, asked, None, 6, 4)
        while True:
            try:
                next(steps)
            except StopIteration as done:
                answers.append(done.value)
                break
        batch.join(answers[-1])
        chosen = retrieve.choose(context, asked, 4).blocks
        expected.append(answer(context, asked, chosen, 6))
    while batch.answers:
        batch.step()
    assert [one.tokens for one in answers] == expected
    told = [wording.decode(one.tokens).strip()[:5] for one in answers]
    assert told == list(facts.values())
