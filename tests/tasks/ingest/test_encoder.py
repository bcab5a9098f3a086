"""Ids and offsets put together from remembered words are those of the whole text, for each way to split.

Run: pytest tests/tasks/ingest/test_encoder.py
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from tasks.ingest.encoder import Encoder

MOST = 3000
"""Tokens of the vocabulary."""
LLAMA = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def split(pattern: str) -> dict[str, Any]:
    """The steps of a tokenizer that splits by a pattern."""
    cut = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return {"type": "Sequence", "pretokenizers": [cut, BYTES]}


DIGITS = {"type": "Digits", "individual_digits": True}
WAYS: dict[str, dict[str, Any]] = {
    "gpt2": {**BYTES, "use_regex": True},
    "digits": {"type": "Sequence", "pretokenizers": [DIGITS, {**BYTES, "use_regex": True}]},
    "llama": split(LLAMA),
    "cased": split(CASED),
}
TEXTS = st.lists(
    st.sampled_from(["the", "Fox", "it's", "don't", "é", "日本", "x", "USA", "12", "½", "3", "_", "."])
    | st.sampled_from([",", "'", "(", ")", "/", "-", '"', "{", "\u0301", "🙂", ":", "...", "don'", "'s"])
    | st.sampled_from([" ", " ", " ", "\n", "\n", "  ", "    ", "\t", "\r\n", "\n\n", "\u3000", "\xa0"]),
    max_size=60,
).map("".join)


@pytest.fixture(scope="module")
def known(model_dir: Path) -> dict[str, Any]:
    """The tokenizer of the model with its first merges alone, which are soon loaded."""
    whole: dict[str, Any] = json.loads((model_dir / "tokenizer.json").read_text())
    vocabulary = {token: number for token, number in whole["model"]["vocab"].items() if number < MOST}
    merges = [pair for pair in whole["model"]["merges"] if "".join(pair).replace(" ", "") in vocabulary]
    return {**whole, "model": {**whole["model"], "vocab": vocabulary, "merges": merges}}


@pytest.fixture(scope="module")
def ways(known: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Encoder]]:
    """By each way to split: a tokenizer, and an encoder that remembers between texts."""
    made = {}
    for name, way in WAYS.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "tokenizer.json").write_text(json.dumps({**known, "pre_tokenizer": way}))
        whole = Tokenizer.from_file(str(folder / "tokenizer.json"))
        whole.encode_special_tokens = True
        made[name] = whole, Encoder(folder)
    return made


def tokens(whole: Any, text: str) -> tuple[list[int], list[int]]:
    encoded = whole.encode(text, add_special_tokens=False)
    return encoded.ids, [start for start, _ in encoded.offsets]


@pytest.mark.parametrize("way", WAYS)
@given(text=TEXTS)
def test_words_give_the_tokens_of_the_text(ways: dict[str, Any], way: str, text: str) -> None:
    whole, words = ways[way]
    assert words._by_word
    ids, starts = words.encode(text)
    assert (ids.tolist(), starts.tolist()) == tokens(whole, text)


def test_a_byte_that_the_vocabulary_lacks_moves_no_other_word(ways: dict[str, Any]) -> None:
    whole, words = ways["gpt2"]
    ids, starts = words.encode("before ab\x04cd after, and more")
    assert (ids.tolist(), starts.tolist()) == tokens(whole, "before ab\x04cd after, and more")


def test_what_is_forgotten_is_learned_again(known: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text(json.dumps(known))
    forgetful, mindful = Encoder(tmp_path, kept_chars=10), Encoder(tmp_path)
    for text in ("The fox is quick.", "The fox, it is said, is quick."):
        (ids, starts), (same_ids, same_starts) = forgetful.encode(text), mindful.encode(text)
        assert (ids.tolist(), starts.tolist()) == (same_ids.tolist(), same_starts.tolist())


def prefixed(one: dict[str, Any]) -> None:
    one["pre_tokenizer"] = {**BYTES, "use_regex": True, "add_prefix_space": True}


def unsplit(one: dict[str, Any]) -> None:
    one["pre_tokenizer"] = BYTES


def greedy(one: dict[str, Any]) -> None:
    token = {"content": "<b>", "lstrip": True, "rstrip": False, "single_word": False, "special": False}
    one["added_tokens"] = [*one["added_tokens"], {"id": MOST, "normalized": False, **token}]


@pytest.mark.parametrize("change", [prefixed, unsplit, greedy])
def test_a_tokenizer_that_splits_otherwise_is_given_the_whole_text(
    known: dict[str, Any], tmp_path: Path, change: Callable[[dict[str, Any]], None]
) -> None:
    other = dict(known)
    change(other)
    (tmp_path / "tokenizer.json").write_text(json.dumps(other))
    whole = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    whole.encode_special_tokens = True
    ids, starts = Encoder(tmp_path).encode("The fox <b> is quick, the fox is quick.")
    assert (ids.tolist(), starts.tolist()) == tokens(whole, "The fox <b> is quick, the fox is quick.")
