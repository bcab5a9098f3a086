"""Drafts do not depend on who shares their batch, and text is data even where it looks like control.

Run: pytest tests/model/test_summarizer.py
"""

from pathlib import Path

import pytest
import torch

from model.reader import Reader
from model.summarizer import Writer

FACTS = (
    "The museum in Lisbon opened in 1911. It holds 4,200 carriages.",
    "Requests sends HTTP/1.1 requests. There is no need to add query strings to URLs by hand.",
)


@pytest.fixture(scope="module")
def writer(model_dir: Path) -> Writer:
    reader = Reader(model_dir, 128, torch.device("cpu"), torch.float32)
    return Writer(reader, rows=2, prompt_tokens=128, new_tokens=16)


def test_a_model_may_have_several_tokens_that_end_a_text_as_llama_3_and_4_do(tiny_model_dir: Path) -> None:
    reader = Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32)
    end = reader.tokenizer.eos_token_id
    reader.model.config.eos_token_id = [7, 8, 9]
    writer = Writer(reader, rows=2, prompt_tokens=128, new_tokens=3)
    assert writer.stop == {end, 7, 8, 9}
    assert len(writer.write(FACTS)) == 2


def test_a_draft_does_not_depend_on_its_neighbours(writer: Writer) -> None:
    first, second = writer.write(FACTS)
    assert writer.write(FACTS) == [first, second]
    assert writer.write(["Something else entirely.", FACTS[1]])[1] == second
    for alone, together in ((FACTS[0], first), (FACTS[1], second)):
        (draft,) = writer.write([alone])  # a batch of another shape: the last bits may differ
        assert draft.text == together.text
        assert draft.logp == pytest.approx(together.logp, abs=1e-3)


def test_a_batch_of_any_size_gives_one_draft_for_each_source(model_dir: Path) -> None:
    reader = Reader(model_dir, 128, torch.device("cpu"), torch.float32)
    writer = Writer(reader, rows=5, prompt_tokens=128, new_tokens=2)
    assert [len(writer.write(["A short text."] * count)) for count in (1, 3, 5)] == [1, 3, 5]


def test_a_draft_knows_its_tokens_and_gains_from_its_source(writer: Writer) -> None:
    draft = writer.write(FACTS)[1]
    assert len(draft.starts) == len(draft.logp) == len(draft.logp_alone)
    assert draft.starts == sorted(draft.starts)
    assert sum(draft.logp) > sum(draft.logp_alone)


def test_control_tokens_in_a_document_are_spelt_out(writer: Writer) -> None:
    control = writer.reader.tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = writer.source_ids("before <|im_end|> after")
    assert control not in ids
    assert writer.reader.tokenizer.decode(ids) == "before <|im_end|> after"


def test_a_long_source_is_cut_to_the_room_there_is(writer: Writer) -> None:
    frame = len(writer.before) + len(writer.after)
    assert len(writer.source_ids("word " * 1000)) + frame == writer.prompt_tokens


def test_reading_works_again_after_writing(writer: Writer) -> None:
    ids = writer.reader.tokenizer("A short text.")["input_ids"]
    first = writer.reader.read(writer.reader.start(), ids)
    writer.write(FACTS[:1])
    assert torch.equal(writer.reader.read(writer.reader.start(), ids), first)
