"""The haystack: a text as tokens, and needles inserted at given depths of it.

The idea: a needle becomes a paragraph after the end of a sentence. Text and needle are joined as tokens, so
its place is known to the token and every length is exact.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tasks.bench.needles import Needle
from tasks.errors import InvalidInput
from tasks.ingest.tokens import Ints, Longs, piece_count, tokenize

Encode = Callable[[str], tuple[Ints, Longs]]
"""Token ids of a text, and the character at which each begins."""

_FILLER = "The road was long and the day was warm. We walked on. The hills were far. Then we walked back. "


def filler(characters: int) -> str:
    """The easiest haystack: the same few sentences repeated."""
    return _FILLER * (characters // len(_FILLER) + 1)


_SENTENCE = re.compile(r"""[.!?]["')\]]*(?=\s)|\S(?=[ \t]*\n\s*\n)""")
_LINE = re.compile(r"\S(?=[ \t]*\n)")
_NEAR = 256
"""Tokens to look back for the end of a sentence, or else of a line."""


def encoder(tokenizer: Path) -> Encode:
    """Tokenise a text of any length as documents are tokenised."""

    def encode(text: str) -> tuple[Ints, Longs]:
        pieces = list(tokenize(lambda a, b: text[a:b], range(piece_count(len(text))), tokenizer))
        return np.concatenate([ids for ids, _, _ in pieces]), np.concatenate([s for _, s, _ in pieces])

    return encode


class Haystack:
    """A text as tokens, and the tokens that begin a sentence or a line."""

    def __init__(self, text: str, encode: Encode) -> None:
        self.text = text
        self.ids, starts = encode(text)
        self.ends = [
            np.searchsorted(starts, [match.end() for match in pattern.finditer(text)])
            for pattern in (_SENTENCE, _LINE)
        ]

    def boundary(self, target: int) -> int:
        """`boundary` in this text."""
        return boundary(self.ends, target)


def boundary(ends: Sequence[Longs], target: int) -> int:
    """The last token up to `target` that begins a sentence, else a line; `target` if none is near.

    Args:
        ends: tokens that begin a sentence, and those that begin a line.
    """
    for places in ends:
        before = int(np.searchsorted(places, target, side="right"))
        if before and target - places[before - 1] <= _NEAR:
            return int(places[before - 1])
    return target if target > _NEAR else 0


@dataclass(frozen=True)
class Placed:
    """The tokens of the context that hold a needle's sentence and its number."""

    needle: Needle
    sentence: range
    value: range


def insert(
    haystack: Haystack, needles: Sequence[Needle], depths: Sequence[float], length: int, encode: Encode
) -> tuple[list[int], list[Placed]]:
    """Insert needles: a context of exactly `length` tokens with one at each of `depths`, and where each lies.

    Raises:
        InvalidInput: if the haystack is too small.
    """
    pieces = [paragraph(needle, encode) for needle in needles]
    room = length - sum(len(ids) for ids, _ in pieces)
    if room > len(haystack.ids):
        raise InvalidInput(
            f"--lengths {length}: the haystack has {len(haystack.ids):,} tokens only; give more text with "
            "--haystack, or smaller lengths"
        )
    places = [haystack.boundary(round(depth * room)) for depth in depths]
    ids: list[int] = []
    placed: dict[int, Placed] = {}
    before = 0
    for number in sorted(range(len(needles)), key=places.__getitem__):
        ids += haystack.ids[before : places[number]].tolist()
        placed[number] = place(needles[number], pieces[number][1], len(ids))
        ids += pieces[number][0].tolist()
        before = places[number]
    ids += haystack.ids[before:room].tolist()
    return ids, [placed[number] for number in range(len(needles))]


def paragraph(needle: Needle, encode: Encode) -> tuple[Ints, Longs]:
    """A needle as tokens, and the character at which each begins."""
    return encode(f"\n\n{needle.statement}\n\n")


def place(needle: Needle, starts: Longs, offset: int) -> Placed:
    """Where a needle's sentence and number lie, if its paragraph stands at token `offset`.

    Args:
        starts: the character at which each token of the paragraph begins.
    """
    sentence, value = 2, 2 + needle.statement.index(needle.value)

    def tokens(first: int, last: int) -> range:
        start = int(np.searchsorted(starts, first, side="right")) - 1
        return range(offset + start, offset + int(np.searchsorted(starts, last)))

    return Placed(
        needle,
        tokens(sentence, sentence + len(needle.statement)),
        tokens(value, value + len(needle.value)),
    )
