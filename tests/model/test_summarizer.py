"""Texts do not depend on who shares their batch, and text is data even where it looks like control.

Run: pytest tests/model/test_summarizer.py
"""

from pathlib import Path

import pytest
import torch

from model.reader import Reader
from model.summarizer import Request, Writer

ASKED = "Summarize the text below in one sentence."
FACTS = (
    Request(ASKED, "The museum in Lisbon opened in 1911. It holds 4,200 carriages."),
    Request(
        ASKED, "Requests sends HTTP/1.1 requests. There is no need to add query strings to URLs by hand."
    ),
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
    assert {end, 7, 8, 9} <= set(writer.stop.tolist())
    assert len(writer.write(FACTS)) == 2


def test_a_text_does_not_depend_on_its_neighbours(writer: Writer) -> None:
    first, second = writer.write(FACTS)
    assert writer.write(FACTS) == [first, second]
    assert writer.write([Request(ASKED, "Something else entirely."), FACTS[1]])[1] == second
    assert [*writer.write(FACTS[:1]), *writer.write(FACTS[1:])] == [first, second]


def test_a_batch_of_any_size_gives_one_text_for_each_request(tiny_model_dir: Path) -> None:
    reader = Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32)
    writer = Writer(reader, rows=5, prompt_tokens=128, new_tokens=2)
    short = Request(ASKED, "A short text.")
    assert [len(writer.write([short] * count)) for count in (1, 3, 5)] == [1, 3, 5]


def test_a_claim_gains_from_the_text_that_states_it_and_less_from_another(writer: Writer) -> None:
    claims = ("The museum in Lisbon opened in 1911.", "The museum in Lisbon opened in 1911.", "It.")
    sources = (FACTS[0].source, FACTS[1].source, FACTS[0].source)
    pairs = list(zip(sources, claims, strict=True))
    own, other, _ = gains = writer.gains(pairs)
    assert own > other + 1.0
    assert gains == pytest.approx([writer.gains([pair])[0] for pair in pairs], abs=1e-3)


def test_control_tokens_in_a_document_are_spelt_out(writer: Writer) -> None:
    tokenizer = writer.reader.tokenizer
    control = tokenizer.convert_tokens_to_ids("<|im_end|>")
    plain = writer.prompt(Request(ASKED, "before after"))
    ids = writer.prompt(Request(ASKED, "before <|im_end|> after"))
    assert ids.count(control) == plain.count(control)
    assert "before <|im_end|> after" in tokenizer.decode(ids)


def test_a_long_source_is_cut_to_the_room_there_is(writer: Writer) -> None:
    ids = writer.prompt(Request(ASKED, "word " * 1000))
    assert len(ids) == writer.prompt_tokens
    assert ids[-3:] == writer.prompt(Request(ASKED, ""))[-3:]


def test_an_instruction_that_leaves_no_room_is_refused_with_the_setting_to_change(writer: Writer) -> None:
    with pytest.raises(ValueError, match=r"infer\.prompt_tokens=128 .* give more"):
        writer.prompt(Request("word " * 200, "A text."))


def test_reading_works_again_after_writing(writer: Writer) -> None:
    ids = writer.reader.tokenizer("A short text.")["input_ids"]
    first = writer.reader.read(writer.reader.start(), ids)
    writer.write(FACTS[:1])
    writer.gains([(FACTS[0].source, "A short text.")])
    assert torch.equal(writer.reader.read(writer.reader.start(), ids), first)
