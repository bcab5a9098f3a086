"""A model of any name is asked at once: what was never calibrated is, where it is first used.

Run: pytest tests/model/context/test_voting.py
"""

import pydoc_data.topics
import shutil
from pathlib import Path
from typing import Any

import pytest
from transformers import (
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoTokenizer,
    Llama4Config,
    Llama4ForConditionalGeneration,
)

from model import register
from model.context import heads, named
from model.files import CACHE_VARIABLE
from model.weights import HEADS
from tests.model import families
from tests.models import TOKENIZER_FILES

TEXT = "\n\n".join(pydoc_data.topics.topics.values())[:19_000] + "\n\nWhat does a lambda return?"
PICTURES = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
PICTURES |= {"image_size": 28, "patch_size": 14, "projector_input_dim": 32, "projector_output_dim": 32}


@pytest.fixture(scope="module")
def published(tokenizer_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama 4 of random weights as the real one is published: with its model of images."""
    folder = tmp_path_factory.mktemp("published") / "llama-4"
    text = {**families.SIZES, **families.PADDED, **families.LLAMA4, "vocab_size": 49152, "eos_token_id": 2}
    images = {**PICTURES, "vision_output_dim": 32}
    config = Llama4Config(text_config=text, vision_config=images)
    Llama4ForConditionalGeneration(config).save_pretrained(folder)
    for name in TOKENIZER_FILES:
        shutil.copy(tokenizer_dir / name, folder / name)
    return folder


def asked(kind: Any, name: Path) -> tuple[Any, Any]:
    """A model that is used as the example of model/README.md uses it, and the tokens behind the prompt."""
    assert register.__doc__
    tokenizer = AutoTokenizer.from_pretrained(name)
    model = kind.from_pretrained(name)
    model.config.attention_type = "sparse_sliding_window"
    model.config.window_size = 4096
    model.config.memory_levels = 3
    inputs = tokenizer(TEXT, return_tensors="pt", truncation=False)
    output = model.generate(inputs["input_ids"], max_length=6, memory_key="session_123", use_cache=True)
    assert inputs["input_ids"].shape[1] > 4096
    return model, output[0, inputs["input_ids"].shape[1] :]


def test_a_model_that_is_new_is_calibrated_once_and_says_so(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A random model finds nothing, which is said as well. Its folder stays as it was."""
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    files = sorted(published.iterdir())
    model, written = asked(AutoModelForCausalLM, published)
    assert 1 <= len(written) <= 6
    assert "used for the first time, so the heads that find things again are looked for" in caplog.text
    assert "of 36 hidden facts first: what has left the window will often not be found" in caplog.text
    assert sorted(published.iterdir()) == files
    (place,) = (tmp_path / "cache" / "heads").iterdir()
    context = named.context_of(model, "session_123")
    assert (place.name, heads.load(place, context.reader.config)) == (context.reader.weights, context.heads)
    caplog.clear()
    model.generate(families.ids_of(9), memory_key="another", max_new_tokens=1)
    assert named.context_of(model, "another").heads == context.heads
    assert not caplog.text


def test_a_model_of_text_and_images_reads_a_text_and_keeps_its_attention_to_images(
    published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = Path(shutil.copytree(published, tmp_path / "mine"))
    config = Llama4Config.from_pretrained(folder).get_text_config()
    heads.save(families.HEADS, config, folder / HEADS, {})
    model, written = asked(AutoModelForImageTextToText, folder)
    assert isinstance(model, Llama4ForConditionalGeneration)
    assert 1 <= len(written) <= 6
    assert model.config.attention_type == model.config.text_config._attn_implementation
    assert model.config.vision_config._attn_implementation == "sdpa"
    with pytest.raises(ValueError, match=r"pixel_values: not with memory_key: .* token ids alone"):
        model.generate(families.ids_of(9), pixel_values=families.ids_of(9), memory_key="session_123")


def test_a_new_model_without_its_words_is_refused_by_name(tmp_path: Path) -> None:
    _, ours = families.build(families.CONFIGS["llama"], tmp_path / "wordless")
    with pytest.raises(ValueError, match=r"wordless: this model was never calibrated.*tokenizer="):
        ours.generate(families.ids_of(9), memory_key="night")
