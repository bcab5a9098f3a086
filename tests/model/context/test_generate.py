"""`generate(..., memory_key=...)` continues a context: across calls, beyond the window, in another process.

Run: pytest tests/model/context/test_generate.py
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
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache, GenerationConfig, TextStreamer
from transformers.generation import BaseStreamer

from model import register
from model.attention import fields
from model.attention.sliding_window import NAME
from model.context import checkpoint, heads, named, retrieve, write
from model.context.context import Context, Memory
from model.context.disk import StaleContext
from model.context.heads import Heads
from model.context.options import Options, Picker
from model.reader import Reader
from model.weights import HEADS
from tests.model import families
from tests.model.facts import FACT, QUESTION, ids_of
from tests.model.rows import files_of_at_most


@pytest.fixture(scope="module")
def tokenizer(model_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(model_dir)


def load(model_dir: Path, **fields: Any) -> Any:
    assert register.__doc__
    return AutoModelForCausalLM.from_pretrained(
        model_dir, attn_implementation=NAME, dtype=torch.float32, **fields
    )


WINDOW = {"window_size": 256, "memory_levels": 3}


def tokens(tokenizer: Any, text: str) -> torch.Tensor:
    ids: torch.Tensor = tokenizer(text, return_tensors="pt")["input_ids"]
    return ids


def test_within_the_window_it_writes_what_transformers_writes(model_dir: Path, tokenizer: Any) -> None:
    dense = AutoModelForCausalLM.from_pretrained(model_dir, attn_implementation="sdpa", dtype=torch.float32)
    ours = load(model_dir)
    prompt = tokens(tokenizer, "The capital of France is")
    expected = dense.generate(prompt, max_new_tokens=12, do_sample=False)
    assert torch.equal(ours.generate(prompt, max_new_tokens=12, do_sample=False), expected)
    assert torch.equal(ours.generate(prompt, max_new_tokens=12, memory_key="paris"), expected)
    assert named.context_of(ours, "paris").ids.tolist() == expected[0].tolist()
    assert ours.generate(prompt[:, :1], memory_key="one token", max_new_tokens=2).shape == (1, 3)


def test_a_loaded_model_is_configured_before_it_generates(
    model_dir: Path, tokenizer: Any, tmp_path: Path
) -> None:
    """As transformers' users write it; where the context lies follows from its levels."""
    ours, prompt = (
        AutoModelForCausalLM.from_pretrained(model_dir),
        tokens(tokenizer, "The capital of France is"),
    )
    ours.config.attention_type, ours.config.window_size, ours.config.memory_levels = NAME, 256, 3
    ours.config.memory_folder = str(tmp_path)
    output = ours.generate(prompt, max_length=8, memory_key="session_123", use_cache=True)
    assert tokenizer.decode(output[0]) == "The capital of France is Paris.\n"  # 8 tokens
    context = named.context_of(ours, "session_123")
    assert (context.reader.stride, context.memory.folder) == (128, tmp_path / "session_123" / "context")
    ours.config.window_size = 512
    with pytest.raises(ValueError, match=r"begun with window_size=256, config\.window_size is now 512"):
        ours.generate(prompt, memory_key="session_123")


def test_options_are_taken_as_transformers_takes_them(tmp_path: Path) -> None:
    theirs, ours = families.build(families.CONFIGS["llama"], tmp_path)
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
    prompt, long = families.ids_of(20), families.ids_of(70)
    told = GenerationConfig(max_length=29, do_sample=True, top_k=3, temperature=0.7, eos_token_id=None)
    several: list[dict[str, Any]] = [
        {"max_length": 30, "pad_token_id": 0, "past_key_values": None, "use_cache": True},
        {"generation_config": told},
        {"max_new_tokens": 40, "eos_token_id": list(range(0, 97, 7)), "attention_mask": torch.ones(1, 20)},
        {"max_new_tokens": 40, "stopping_criteria": [lambda ids, scores: ids.shape[1] >= 26]},
        {
            "min_new_tokens": 9,
            "max_new_tokens": 12,
            "bad_words_ids": [[5], [6]],
            "do_sample": True,
            "top_p": 0.5,
        },
    ]
    for number, options in enumerate(several):
        written = []
        for model, extra in ((theirs, {}), (ours, {"memory_key": f"{number}"})):
            torch.manual_seed(7)
            kept = model.generate(
                prompt,
                return_dict_in_generate=True,
                output_scores=True,
                output_logits=True,
                **options,
                **extra,
            )
            written.append(kept)
        assert torch.equal(written[0].sequences, written[1].sequences)
        for name in ("scores", "logits"):
            torch.testing.assert_close(torch.cat(written[0][name]), torch.cat(written[1][name]))
        assert written[1].way == "continued"
    drawn = ours.generate(prompt, memory_key="seed", seed=7, generation_config=told)
    torch.manual_seed(7)
    assert torch.equal(drawn, ours.generate(prompt, memory_key="no seed", generation_config=told))
    assert ours.generate(long, memory_key="long", max_length=30, eos_token_id=None).shape == (1, 70 + 30)


def test_a_later_call_knows_what_an_earlier_one_read_and_keys_do_not_mix(
    model_dir: Path, tokenizer: Any
) -> None:
    ours = load(model_dir)
    ours.generate(
        tokens(tokenizer, "The pass key of the lighthouse is 48213.\n"), memory_key="a", max_new_tokens=1
    )
    ours.generate(
        tokens(tokenizer, "The pass key of the lighthouse is 90157.\n"), memory_key="b", max_new_tokens=1
    )
    for key, value in (("a", "48213"), ("b", "90157")):
        written = ours.generate(tokens(tokenizer, QUESTION), memory_key=key, max_new_tokens=6)
        assert value in tokenizer.decode(written[0])


def test_a_context_on_disk_is_continued_by_another_model_object(
    model_dir: Path, tokenizer: Any, tmp_path: Path
) -> None:
    """What left a window of 256 tokens is recalled from disk and told; what goes on, goes on."""
    fields = WINDOW
    ours = load(model_dir, **fields)
    ours.config.memory_folder = str(tmp_path)
    prose = "\n\n".join(pydoc_data.topics.topics.values())[:4000]
    text = tokens(tokenizer, f"{prose[:300]}\n\n{FACT}\n\n{prose}")
    text, rest = text[:, :-12], text[0, -12:].tolist()
    ours.generate(text, memory_key="night", max_new_tokens=0)
    again = load(model_dir, **fields)
    again.config.memory_folder = str(tmp_path)
    context = named.context_of(again, "night")
    assert context.ids == named.context_of(ours, "night").ids
    question = tokens(tokenizer, QUESTION)
    chosen = retrieve.choose(context, question[0].tolist())
    start = tokens(tokenizer, prose[:300] + "\n\n").shape[1]
    assert set(chosen.blocks[:2]) & set(range(start // 64, start // 64 + 2))
    assert not write.asks(context, rest, retrieve.choose(context, rest).blocks, whole=True)
    written = again.generate(question, memory_key="night", max_new_tokens=6)[0, question.shape[1] :]
    assert "48213" in tokenizer.decode(written)


@pytest.mark.slow  # a quarter of a minute
def test_a_long_text_with_its_question_behind_it_is_answered_in_one_call(
    model_dir: Path, tokenizer: Any
) -> None:
    ours, prose = load(model_dir, **WINDOW), "\n\n".join(pydoc_data.topics.topics.values())[:4000]
    prompt = tokens(tokenizer, f"{prose[:300]}\n\n{FACT}\n\n{prose}{QUESTION}")
    written = ours.generate(prompt, memory_key="at once", max_new_tokens=6)[0, prompt.shape[1] :]
    assert "48213" in tokenizer.decode(written)


def test_a_question_is_told_from_what_goes_on_at_the_end_of_a_long_prompt(
    reader: Reader, voting: Heads
) -> None:
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:40_000])[:1400]
    text = prose[:426] + ids_of(reader, FACT) + prose[426:]
    ids, more = text[:-64], text[-64:]
    context = Context(reader, voting, Memory(kv=True))
    context.read(ids)
    asks = more[:40] + ids_of(reader, QUESTION)
    for asked, looked_up in ((more, False), (asks[-64:], True)):
        blocks = retrieve.choose(context, asked).blocks
        assert write.asks(context, asked, blocks, whole=False) is looked_up
    context.close()


def test_a_fact_that_leaves_the_window_while_its_question_is_read_is_told(
    model_dir: Path, tokenizer: Any
) -> None:
    """A window of 256 tokens is exactly full, so that the question pushes half of it out.

    An answer keeps what was retrieved for it, however long it is: nothing is written behind the window.
    """
    ours = load(model_dir, window_size=256)
    prose = "\n\n".join(pydoc_data.topics.topics.values())
    text = tokens(tokenizer, f"{prose[:300]}{FACT}{prose[300:2000]}")[:, :256]
    question = tokens(tokenizer, QUESTION)[0].tolist()
    ours.generate(text, memory_key="night", max_new_tokens=0)
    ours.generate(text, memory_key="day", max_new_tokens=0)
    night, day = (named.context_of(ours, key) for key in ("night", "day"))
    options = Options(6, ours.generation_config, frozenset({tokenizer.eos_token_id}))
    written = write.write(night, question, Picker(options, text), retrieve_every=2)
    assert "48213" in tokenizer.decode(written.tokens)
    assert write.write(day, question, Picker(options, text)) == written


@pytest.mark.parametrize("name", ["gemma3", "llama4-chunked", "phi3"])
def test_a_context_of_every_family_is_written_behind_and_continued(name: str, tmp_path: Path) -> None:
    """As transformers writes within the window; beyond it, the same whether closed in between or not."""
    theirs, ours = families.build(families.CONFIGS[name], tmp_path, window_size=256)
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
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
    most = write.RETRIEVE_EVERY + 8  # so that blocks are chosen again
    one, two = (model.generate(question, memory_key="night", max_new_tokens=most) for model in (ours, again))
    assert torch.equal(one, two)
    assert named.context_of(again, "night").ids[-one.shape[1] :].tolist() == one[0].tolist()


def test_a_call_may_only_read_and_a_stream_shows_what_transformers_streams(
    model_dir: Path, tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, prompt = load(model_dir), tokens(tokenizer, "The capital of France is")
    assert torch.equal(ours.generate(prompt, memory_key="read", max_new_tokens=0), prompt)
    assert named.context_of(ours, "read").ids.tolist() == prompt[0].tolist()
    for skip in (True, False):
        streamer = TextStreamer(tokenizer, skip_prompt=skip)
        ours.generate(prompt, max_new_tokens=4, do_sample=False, streamer=streamer)
        expected = capsys.readouterr().out
        ours.generate(prompt, memory_key=f"{skip}", max_new_tokens=4, streamer=streamer)
        assert capsys.readouterr().out == expected


def test_it_samples_as_transformers_does(tmp_path: Path) -> None:
    ours = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
    prompt, options = families.ids_of(20), {"max_new_tokens": 30, "do_sample": True, "eos_token_id": None}
    ours.generation_config.eos_token_id = None
    for number, temperature in enumerate((0.3, 1.5)):
        torch.manual_seed(number)
        expected = ours.generate(prompt, **options, pad_token_id=0, temperature=temperature)
        torch.manual_seed(number)
        written = ours.generate(prompt, memory_key=f"{number}", **options, temperature=temperature)
        assert torch.equal(written, expected)
    ours.generate(prompt, memory_key="whole", max_new_tokens=2, do_sample=True, temperature=1)
    with pytest.raises(ValueError, match="temperature"):
        ours.generate(prompt, memory_key="cold", max_new_tokens=2, do_sample=True, temperature=0.0)
    assert len(named.context_of(ours, "cold")) == 0


@pytest.mark.parametrize("samples", [False, True])
def test_what_a_model_is_published_with_is_applied(samples: bool, tmp_path: Path) -> None:
    """Across rounds, and to the prompt as well; what a caller gives goes before it."""
    ours = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
    ours.generation_config.eos_token_id, ours.generation_config.pad_token_id = None, 0
    prompt, plain = families.ids_of(20), dict[str, Any](max_new_tokens=40, do_sample=samples)
    published: dict[str, Any] = {"repetition_penalty": 1.4, "no_repeat_ngram_size": 2}
    published |= {"min_p": 0.02} if samples else {}
    written = []
    for number, extra in enumerate(({}, published, published, published | {"repetition_penalty": 1.0})):
        options, key = plain | extra, f"{number}"
        torch.manual_seed(5)
        expected = ours.generate(prompt, **options)
        if number == 2:
            ours.generation_config.update(**published)
            options = plain
        torch.manual_seed(5)
        written.append(ours.generate(prompt, memory_key=key, **options))
        assert torch.equal(written[-1], expected)
    assert torch.equal(written[1], written[2])
    assert not torch.equal(written[0], written[1])
    assert not torch.equal(written[2], written[3])
    with pytest.raises(ValueError, match="penalty"):
        ours.generate(prompt, memory_key="0", repetition_penalty=-1.0)


def test_a_caller_says_where_the_question_begins_and_is_told_how_it_was_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Behind the inputs, as their end, or alone: the same prompt, answered in the same way."""
    ours = families.build(families.CONFIGS["llama"], tmp_path, window_size=256)[1]
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
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


def test_contexts_go_with_their_model_and_are_not_copied(tmp_path: Path) -> None:
    ours = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, ours.config, tmp_path / HEADS, {})
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
    one = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, one.config, tmp_path / HEADS, {})
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
    one = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, one.config, tmp_path / HEADS, {})
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
    two = families.build(families.CONFIGS["llama"], tmp_path, window_size=256)[1]
    heads.save(families.HEADS, two.config, tmp_path / HEADS, {})
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
    one = families.build(families.CONFIGS["llama"], tmp_path)[1]
    heads.save(families.HEADS, one.config, tmp_path / HEADS, {})
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


def test_what_cannot_be_done_is_named(model_dir: Path, tokenizer: Any) -> None:
    ours, prompt = load(model_dir), tokens(tokenizer, "Hello")
    refused: dict[str, Any] = {
        "beam search: with memory_key one row": {"num_beams": 4},
        "num_return_sequences=2: with memory_key one row": {"num_return_sequences": 2, "do_sample": True},
        "use_cache=False: not with memory_key": {"use_cache": False},
        "past_key_values: not with memory_key": {"past_key_values": DynamicCache()},
        "not used by the model: .*windw": {"windw": 1},
        "max_new_tokens.*-1": {"max_new_tokens": -1},
        "stop strings.*tokenizer": {"stop_strings": ["."]},
    }
    for message, given in refused.items():
        with pytest.raises(ValueError, match=message):
            ours.generate(prompt, memory_key="a", **given)
    with pytest.raises(ValueError, match=r"one row of tokens, not of shape \(2, 1\)"):
        ours.generate(prompt.repeat(2, 1), memory_key="a")
    for wrong, message in ((None, "not NoneType"), ([[1]], "not list"), (prompt * 0.5, "not torch.float32")):
        with pytest.raises(ValueError, match=message):
            ours.generate(wrong, memory_key="a")
    with pytest.raises(ValueError, match=r"not of shape \(1,\)"):
        ours.generate(prompt[0, :1], memory_key="a")
    ours.generate(prompt, memory_key="a", max_new_tokens=0)
    ours.config.memory_folder = "contexts"
    with pytest.raises(ValueError, match=r"was begun in memory, .* now puts it in contexts/a"):
        ours.generate(prompt, memory_key="a")
    for key in ("..", 7):
        with pytest.raises(ValueError, match="a plain name"):
            ours.generate(prompt, memory_key=key)
    ours.config.memory_levels = 7
    with pytest.raises(ValueError, match="memory_levels=7"):
        ours.generate(prompt, memory_key="a")
    dense = AutoModelForCausalLM.from_pretrained(model_dir)
    with pytest.raises(ValueError, match=r"needs model\.config\.attention_type = 'sparse_sliding_window'"):
        dense.generate(prompt, memory_key="a")
