"""What a prompt is: a question that is answered, or a text that goes on.

Run: pytest tests/model/context/test_write.py  (how a question is told by its form: test_asked.py)
"""

import pydoc_data.topics
from pathlib import Path
from typing import Any

import pytest
import torch

from model.context import named, retrieve, write
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.context.options import Options, Picker
from model.reader import Reader
from tests.model import families
from tests.model.facts import FACT, QUESTION, ids_of


def test_a_question_is_told_from_what_goes_on_at_the_end_of_a_long_prompt(
    reader: Reader, voting: Heads
) -> None:
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:20_000])[:700]
    text = prose[:213] + ids_of(reader, FACT) + prose[213:]
    ids, more = text[:-64], text[-64:]
    context = Context(reader, voting, Memory(kv=True))
    context.read(ids)
    asks = more[:40] + ids_of(reader, QUESTION)
    for asked, looked_up in ((more, False), (asks[-64:], True)):
        blocks = retrieve.choose(context, asked).blocks
        assert write.asks(context, asked, blocks, whole=False) is looked_up
    context.close()


def test_a_fact_that_leaves_the_window_while_its_question_is_read_is_told(
    smollm: Any, tokenizer: Any
) -> None:
    """A window of 256 tokens is exactly full, so that the question pushes half of it out.

    An answer keeps what was retrieved for it, however long it is: nothing is written behind the window.
    """
    smollm.config.window_size, smollm.config.memory_levels = 256, 2
    prose = "\n\n".join(pydoc_data.topics.topics.values())
    text = tokenizer(f"{prose[:300]}{FACT}{prose[300:2000]}", return_tensors="pt")["input_ids"][:, :256]
    question = tokenizer(QUESTION)["input_ids"]
    smollm.generate(text, memory_key="night", max_new_tokens=0)
    smollm.generate(text, memory_key="day", max_new_tokens=0)
    night, day = (named.context_of(smollm, key) for key in ("night", "day"))
    options = Options(6, smollm.generation_config, frozenset({tokenizer.eos_token_id}))
    written = write.write(night, question, Picker(options, text), retrieve_every=2)
    assert "48213" in tokenizer.decode(written.tokens)
    assert write.write(day, question, Picker(options, text)) == written


@pytest.mark.slow  # a quarter of a minute
def test_a_long_text_with_its_question_behind_it_is_answered_in_one_call(smollm: Any, tokenizer: Any) -> None:
    smollm.config.window_size, smollm.config.memory_levels = 256, 2
    prose = "\n\n".join(pydoc_data.topics.topics.values())[:4000]
    prompt = tokenizer(f"{prose[:300]}\n\n{FACT}\n\n{prose}{QUESTION}", return_tensors="pt")["input_ids"]
    written = smollm.generate(prompt, memory_key="at once", max_new_tokens=6)[0, prompt.shape[1] :]
    assert "48213" in tokenizer.decode(written)


def test_a_caller_says_where_the_question_begins_and_is_told_how_it_was_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind the inputs, as their end, or alone: the same prompt, answered in the same way."""
    ours = families.asked("llama", tmp_path, window_size=256)[1]
    document, question = families.ids_of(600), families.ids_of(9, 2)
    whole = torch.cat([document, question], dim=1)
    options: dict[str, Any] = {"max_new_tokens": 5, "eos_token_id": None, "return_dict_in_generate": True}
    caplog.set_level("INFO")
    one, two = (
        ours.generate(inputs, question_ids=question, memory_key=key, **options)
        for key, inputs in (("one", document), ("two", whole))
    )
    assert torch.equal(one.sequences, two.sequences)
    assert torch.equal(one.sequences[:, :609], whole)
    assert (one.way, one.told, one.question_start, one.sequences.shape[1]) == (
        "answered",
        "question_ids",
        600,
        614,
    )
    assert "memory_key='one': answered (question_ids, from token 600), 5 tokens written" in caplog.text
    assert ours.generate(question_ids=question, memory_key="one", **options).question_start == 0
    assert ours.generate(document, memory_key="read", **options | {"max_new_tokens": 0}).way == "read"
    with pytest.raises(ValueError, match="question_ids: only with memory_key"):
        ours.generate(document, question_ids=question)
