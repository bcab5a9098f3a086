"""Contexts by key: across calls, another model object or process, and what an interruption leaves.

Run: pytest tests/model/context/test_named.py
"""

import copy
import gc
import pydoc_data.topics
import shutil
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GenerationConfig
from transformers.generation import BaseStreamer

from model.attention import fields
from model.attention.sliding_window import NAME
from model.context import checkpoint, named, retrieve, write
from model.context.context import Context, Memory
from model.context.disk import StaleContext
from model.context.options import Options, Picker
from model.reader import Reader
from tests.model import families
from tests.model.facts import FACT, QUESTION
from tests.model.rows import files_of_at_most

GREEDY = GenerationConfig()


def test_a_later_call_knows_what_an_earlier_one_read_and_keys_do_not_mix(smollm: Any, tokenizer: Any) -> None:
    values = {"a": "48213", "b": "90157"}
    for key, value in values.items():
        told = tokenizer(f"The pass key of the lighthouse is {value}.\n", return_tensors="pt")["input_ids"]
        smollm.generate(told, memory_key=key, max_new_tokens=1)
    question = tokenizer(QUESTION, return_tensors="pt")["input_ids"]
    for key, value in values.items():
        written = smollm.generate(question, memory_key=key, max_new_tokens=6)
        assert value in tokenizer.decode(written[0])


def test_a_context_on_disk_is_continued_by_another_model_object(
    smollm: Any, tokenizer: Any, tmp_path: Path
) -> None:
    """What left a window of 256 tokens is recalled from disk and told; what goes on, goes on."""
    smollm.config.window_size, smollm.config.memory_folder = 256, str(tmp_path)
    prose = "\n\n".join(pydoc_data.topics.topics.values())[:2400]
    text = tokenizer(f"{prose[:300]}\n\n{FACT}\n\n{prose}", return_tensors="pt")["input_ids"]
    text, rest = text[:, :-12], text[0, -12:].tolist()
    smollm.generate(text, memory_key="night", max_new_tokens=0)
    again = copy.copy(smollm)
    del again.__dict__[named.HELD]
    context = named.context_of(again, "night")
    assert context is not named.context_of(smollm, "night")
    assert context.ids == named.context_of(smollm, "night").ids
    question = tokenizer(QUESTION, return_tensors="pt")["input_ids"]
    chosen = retrieve.choose(context, question[0].tolist())
    start = len(tokenizer(prose[:300] + "\n\n")["input_ids"])
    assert set(chosen.blocks[:2]) & set(range(start // 64, start // 64 + 2))
    assert not write.asks(context, rest, retrieve.choose(context, rest).blocks, whole=True)
    written = again.generate(question, memory_key="night", max_new_tokens=6)[0, question.shape[1] :]
    assert "48213" in tokenizer.decode(written)


@pytest.mark.parametrize("name", ["gemma3", "llama4-chunked", "phi3"])
def test_a_context_of_every_family_is_written_behind_and_continued(name: str, tmp_path: Path) -> None:
    """As transformers writes within the window; beyond it, the same whether closed in between or not."""
    theirs, ours = families.asked(name, tmp_path, window_size=256)
    options = {"max_new_tokens": 6, "eos_token_id": None, "pad_token_id": 0}
    for model in (theirs, ours):
        model.generation_config.eos_token_id = None
    prompt, more, question = (families.ids_of(length, seed) for seed, length in enumerate((200, 700, 9)))
    expected = theirs.generate(prompt, **options, do_sample=False)
    ours.config.memory_folder = str(tmp_path)
    assert torch.equal(ours.generate(prompt, memory_key="night", max_new_tokens=6), expected)
    ours.generate(more, memory_key="night", max_new_tokens=1)
    again = AutoModelForCausalLM.from_pretrained(
        tmp_path, attn_implementation=NAME, dtype=torch.float32, window_size=256
    )
    assert checkpoint.exists(tmp_path / "night" / "context")  # beside what else a session of this key holds
    shutil.copytree(tmp_path / "night", tmp_path / "again" / "night")  # each has one that nobody else saves
    again.config.memory_folder, again.generation_config.eos_token_id = str(tmp_path / "again"), None
    assert named.context_of(again, "night").cache.read == 200 + 6 + 700 + 1
    contexts, most = [named.context_of(model, "night") for model in (ours, again)], Options(20, GREEDY)
    one, two = (
        write.write(context, question[0].tolist(), Picker(most, question), retrieve_every=8)
        for context in contexts
    )
    assert one == two
    assert contexts[1].ids[-20:].tolist() == one.tokens


def test_contexts_go_with_their_model_and_are_not_copied(tmp_path: Path) -> None:
    ours = families.asked("llama", tmp_path)[1]
    ours.generate(families.ids_of(20), memory_key="night", max_new_tokens=2)
    assert len(named.context_of(copy.deepcopy(ours), "night")) == 0
    gone = weakref.ref(named.context_of(ours, "night"))
    del ours
    gc.collect()
    assert gone() is None


def test_a_context_without_keys_and_values_is_refused(tmp_path: Path) -> None:
    ours = families.build(families.CONFIGS["llama"], tmp_path)[1]
    reader = Reader.around(ours, fields.stride_of(ours.config))
    context = Context(reader, families.HEADS, Memory(folder=tmp_path / "night"))
    context.read(families.ids_of(20)[0].tolist())
    checkpoint.save(context, tmp_path / "night")
    ours.config.memory_folder = str(tmp_path)
    with pytest.raises(ValueError, match="keeps no keys and values"):
        ours.generate(families.ids_of(20), memory_key="night")


def test_a_context_that_another_saved_is_opened_anew(tmp_path: Path) -> None:
    one = families.asked("llama", tmp_path)[1]
    two = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation=NAME, dtype=torch.float32)
    for model in (one, two):
        model.config.memory_folder = str(tmp_path)
    prompt = families.ids_of(20)
    one.generate(prompt, memory_key="night", max_new_tokens=0)
    assert len(named.context_of(two, "night")) == 20
    one.generate(prompt, memory_key="night", max_new_tokens=0)
    with pytest.raises(StaleContext, match="open it again"):
        two.generate(prompt, memory_key="night", max_new_tokens=0)
    two.generate(prompt, memory_key="night", max_new_tokens=0)
    assert len(named.context_of(two, "night")) == 60


def test_a_call_that_failed_says_what_the_context_holds_and_the_next_goes_on(tmp_path: Path) -> None:
    one = families.asked("llama", tmp_path)[1]
    one.config.memory_folder, one.generation_config.eos_token_id = str(tmp_path), None
    prompt, more = families.ids_of(300), families.ids_of(20, 1)
    with files_of_at_most(1000), pytest.raises(OSError, match="no room") as error:
        one.generate(prompt, memory_key="night", max_new_tokens=0)
    assert "holds 300 tokens of this prompt and 0 written" in error.value.__notes__[0]
    written = one.generate(more, memory_key="night", max_new_tokens=2)
    two = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation=NAME, dtype=torch.float32)
    two.config.memory_folder = str(tmp_path)
    assert named.context_of(two, "night").ids.tolist() == [*prompt[0].tolist(), *written[0].tolist()]


def test_a_call_that_is_interrupted_leaves_whole_tokens(
    tmp_path: Path,
) -> None:
    """The third of four layers stops the second piece; what follows is as if it had never been begun."""
    two = families.asked("llama", tmp_path, window_size=256)[1]
    one = copy.deepcopy(two)
    pieces = [families.ids_of(length, length) for length in (100, 150, 200)]
    for model in (one, two):
        model.generate(pieces[0], memory_key="night", max_new_tokens=0)
    with families.interrupted(one.get_decoder().layers[2]), pytest.raises(KeyboardInterrupt):
        one.generate(pieces[1], memory_key="night", max_new_tokens=2)
    assert named.context_of(one, "night").ids.tolist() == pieces[0][0].tolist()
    written = [model.generate(pieces[2], memory_key="night", max_new_tokens=9) for model in (one, two)]
    assert torch.equal(*written)


def test_what_was_shown_before_an_interruption_was_said(tmp_path: Path) -> None:
    one = families.asked("llama", tmp_path)[1]
    one.generation_config.eos_token_id = None

    class Torn(BaseStreamer):
        """A connection that ends with the third token."""

        def __init__(self) -> None:
            self.got: list[int] = []

        def put(self, value: torch.Tensor) -> None:
            self.got += value.flatten().tolist()
            if len(self.got) == 20 + 3:
                raise BrokenPipeError("gone")

        def end(self) -> None:
            raise AssertionError

    streamer = Torn()
    with pytest.raises(BrokenPipeError) as error:
        one.generate(families.ids_of(20), memory_key="night", max_new_tokens=9, streamer=streamer)
    assert "holds 20 tokens of this prompt and 3 written" in error.value.__notes__[0]
    assert named.context_of(one, "night").ids.tolist() == streamer.got
