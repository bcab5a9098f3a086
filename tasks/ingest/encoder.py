"""A tokenizer that is asked for each word once: a text's tokens are those of its words, put together.

The idea: tokenizers of the family of GPT-2 split a text into words before they look at their vocabulary. A
text is cut where each of them splits it, whatever stands around, and most of its words were met before. Ids
and offsets are those of the text at once; a tokenizer that splits otherwise is given whole texts.
"""

import json
import re
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

_LETTER, _MARK = "[A-Za-z]", r"[!-&(-/:-@\[-`{-~]"
"""A mark is any of ASCII but the apostrophe: the letters before that may go on behind it."""
_RUN = rf"(?:[^\sA-Za-z]|{_LETTER}++(?!{_MARK}))*+{_LETTER}*+"
_END = rf"(?<={_LETTER})(?={_MARK})|(?= \S)|\n(?=\w)|\s+(?= {_LETTER})|\s*+\Z"
_WORD = re.compile(rf" ?{_LETTER}++(?={_MARK}| \S)|\s*+(?=\S){_RUN}(?:(?!{_END})\s++{_RUN})*+(?:{_END})|\s++")
"""A word with the white space around it. It ends between a letter and a mark, before a single space, after a
line's end that a letter follows, and before the last of several white spaces where a letter follows; the
first alternative is what most words are, and says nothing that the second does not."""
_APART = re.compile(r" ?[!-~]")
"""Begins a word that, behind a line's end or an "a", is split off as it is."""
_GPT2 = r"\s+(?!\S)"
"""In the patterns of this family: the last white space before a word is no part of what precedes it."""


class Encoder:
    """The tokenizer of a folder.

    Args:
        tokenizer: a folder with `tokenizer.json`.
        kept_chars: characters of words that are remembered; beyond them all are forgotten.
    """

    def __init__(self, tokenizer: Path, kept_chars: int = 1 << 21) -> None:
        path = tokenizer / "tokenizer.json"
        self._tokenizer = Tokenizer.from_file(str(path))
        self._tokenizer.encode_special_tokens = True  # "<|im_end|>" in a document is text, not an order
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._kept_chars = kept_chars
        self._by_word = _splits(json.loads(path.read_bytes()))
        vocabulary = self._tokenizer.get_vocab().items() if self._by_word else ()
        self._bytes: Ints = np.zeros(self._tokenizer.get_vocab_size(), np.int32)
        for token, number in vocabulary:  # of the vocabulary's own alphabet, a letter for each byte
            self._bytes[number] = len(token)
        self._forget()

    def ids(self, text: str) -> list[int]:
        """Ids of a short text."""
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode(self, text: str) -> tuple[Ints, Longs]:
        """Ids of the tokens of a text, and the character each begins in."""
        words = _WORD.findall(text) if self._by_word else [text]
        met = len(self._numbers)
        numbers = np.fromiter(map(self._numbers.__getitem__, words), np.int64, len(words))
        if fresh := list(islice(reversed(self._numbers), len(self._numbers) - met)):
            self._learn(fresh[::-1])
        chars = np.fromiter(map(len, words), np.int64, len(words))
        firsts, counts = self._spans[:, numbers]
        shifts = np.repeat([firsts - np.cumsum(counts) + counts, np.cumsum(chars) - chars], counts, axis=1)
        ids, starts = self._tokens[:, np.arange(shifts.shape[1]) + shifts[0]]
        if self._chars > self._kept_chars:
            self._forget()
        return ids.astype(np.int32), starts + shifts[1]

    def _forget(self) -> None:
        self._numbers, self._chars, self._held = _Numbers(), 0, 0
        self._spans: Longs = np.empty((2, 0), np.int64)
        """First token of each word, by its number, and how many it has; there is room for more."""
        self._tokens: Longs = np.empty((2, 0), np.int64)
        """Ids, and the character of its word that a token begins in; `_held` of them are known."""

    def _learn(self, words: list[str]) -> None:
        """Add the tokens of words that have a number and none yet."""
        self._spans = _with_room(self._spans, len(self._numbers))
        plain = [word for word in words if self._by_word and word.isascii() and _APART.match(word)]
        others = list(set(words).difference(plain))
        for some, tokens, counts in ((plain, *self._together(plain)), (others, *self._alone(others))):
            total, numbers = self._held + tokens.shape[1], [self._numbers[word] for word in some]
            self._spans[:, numbers] = self._held + np.cumsum(counts) - counts, counts
            self._tokens = _with_room(self._tokens, total)
            self._tokens[:, self._held : total] = tokens
            self._held = total
        self._chars += sum(map(len, words))

    def _alone(self, words: list[str]) -> tuple[Longs, Longs]:
        """Ids and first characters of the tokens of words, and how many each word has."""
        encoded = [self._tokenizer.encode(word, add_special_tokens=False) for word in words]
        ids = chain.from_iterable(one.ids for one in encoded)
        starts = (start for one in encoded for start, _ in one.offsets)
        counts = np.array([len(one) for one in encoded], np.int64)
        return np.array([list(ids), list(starts)], np.int64), counts

    def _together(self, words: list[str]) -> tuple[Longs, Longs]:
        """The same of ASCII words, from one text in which they stand apart: a third of the time."""
        parts = [part for word in words for part in (" a" if word[0] == " " else " a\n", word)]
        text, ends = "".join(parts), np.cumsum([len(part) for part in parts], dtype=np.int64)
        (encoded,) = self._tokenizer.encode_batch_fast([text], add_special_tokens=False)
        ids = np.array(encoded.ids, np.int64)
        after = np.cumsum(self._bytes[ids])
        if not np.isin(ends, after).all():  # the vocabulary lacks a byte, and leaves it out
            return self._alone(words)
        starts = after - self._bytes[ids]
        at = np.searchsorted(ends, starts, side="right")
        own = at % 2 == 1
        firsts = starts[own] - ends[at[own] - 1]
        return np.array([ids[own], firsts]), np.bincount(at[own] // 2, minlength=len(words))


def _with_room(table: Longs, columns: int) -> Longs:
    """The same table with at least so many columns, often with more."""
    if columns <= table.shape[1]:
        return table
    return np.hstack([table, np.zeros((2, 2 * columns - table.shape[1]), np.int64)])


class _Numbers(dict[str, int]):
    """Words, each with its number: how many there were when it was first asked for."""

    def __missing__(self, word: str) -> int:
        self[word] = number = len(self)
        return number


def _splits(tokenizer: dict[str, Any]) -> bool:
    """Whether a tokenizer (the content of `tokenizer.json`) splits texts wherever a `_WORD` ends."""
    first, after = tokenizer["pre_tokenizer"] or {}, tokenizer["post_processor"] or {}
    steps = first.get("pretokenizers", [first])
    regex = (step.get("use_regex") or _GPT2 in str(step.get("pattern", {}).get("Regex")) for step in steps)
    return (
        tokenizer["model"]["type"] == "BPE"
        and (tokenizer["normalizer"] or {"type": "NFC"})["type"] == "NFC"
        and all(step.get("type") in ("ByteLevel", "Digits", "Split") for step in steps)
        and any(regex)
        and not any(step.get("add_prefix_space") for step in [*steps, *after.get("processors", [after])])
        and not any(_reaches(token) for token in tokenizer["added_tokens"] if not token["special"])
    )


def _reaches(token: dict[str, Any]) -> bool:
    """Whether a text that is one token by decree may be found across the end of a word."""
    return bool(token["lstrip"] or token["rstrip"] or re.search(rf"\s|{_LETTER}{_MARK}", token["content"]))
