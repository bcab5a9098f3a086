"""`generate(..., memory_key=...)` writes as transformers does, with its options, or says what it cannot do.

Run: pytest tests/model/context/test_generate.py
"""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, DynamicCache, GenerationConfig, TextStreamer

from model.attention.sliding_window import NAME
from model.context import named
from tests.model import families


def test_within_the_window_it_writes_what_transformers_writes(smollm: Any, tokenizer: Any) -> None:
    prompt = tokenizer("The capital of France is", return_tensors="pt")["input_ids"]
    smollm.config.attention_type = "sdpa"
    expected = smollm.generate(prompt, max_new_tokens=12, do_sample=False)
    assert "Paris" in tokenizer.decode(expected[0])
    smollm.config.attention_type = NAME
    assert torch.equal(smollm.generate(prompt, max_new_tokens=12, do_sample=False), expected)
    assert torch.equal(smollm.generate(prompt, max_new_tokens=12, memory_key="paris"), expected)
    assert named.context_of(smollm, "paris").ids.tolist() == expected[0].tolist()
    assert smollm.generate(prompt[:, :1], memory_key="one token", max_new_tokens=2).shape == (1, 3)


def test_a_loaded_model_is_configured_before_it_generates(tmp_path: Path) -> None:
    """As transformers' users write it; where the context lies follows from its levels."""
    families.asked("llama", tmp_path)
    ours, prompt = AutoModelForCausalLM.from_pretrained(tmp_path), families.ids_of(5)
    ours.config.attention_type, ours.config.window_size, ours.config.memory_levels = NAME, 256, 3
    ours.config.memory_folder, ours.generation_config.eos_token_id = str(tmp_path), None
    assert ours.generate(prompt, max_length=8, memory_key="session_123", use_cache=True).shape == (1, 8)
    context = named.context_of(ours, "session_123")
    assert (context.reader.stride, context.memory.folder) == (128, tmp_path / "session_123" / "context")
    ours.config.window_size = 512
    with pytest.raises(ValueError, match=r"begun with window_size=256, config\.window_size is now 512"):
        ours.generate(prompt, memory_key="session_123")


def test_options_are_taken_as_transformers_takes_them(tmp_path: Path) -> None:
    theirs, ours = families.asked("llama", tmp_path)
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


def test_a_call_may_only_read_and_a_stream_shows_what_transformers_streams(
    tmp_path: Path, tokenizer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, prompt = families.asked("llama", tmp_path)[1], families.ids_of(20)
    assert torch.equal(ours.generate(prompt, memory_key="read", max_new_tokens=0), prompt)
    assert named.context_of(ours, "read").ids.tolist() == prompt[0].tolist()
    for skip in (True, False):
        streamer = TextStreamer(tokenizer, skip_prompt=skip)
        ours.generate(prompt, max_new_tokens=4, do_sample=False, streamer=streamer)
        expected = capsys.readouterr().out
        ours.generate(prompt, memory_key=f"{skip}", max_new_tokens=4, streamer=streamer)
        assert capsys.readouterr().out == expected


def test_it_samples_as_transformers_does(tmp_path: Path) -> None:
    ours = families.asked("llama", tmp_path)[1]
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
    ours = families.asked("llama", tmp_path)[1]
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


def test_what_cannot_be_done_is_named(tmp_path: Path) -> None:
    (theirs, ours), prompt = families.asked("llama", tmp_path), families.ids_of(1)
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
    with pytest.raises(ValueError, match=r"needs model\.config\.attention_type = 'sparse_sliding_window'"):
        theirs.generate(prompt, memory_key="a")
