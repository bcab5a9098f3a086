"""Needles in a haystack of millions of tokens: where they lie, and the tokens of the whole context.

The idea: needles stand at even distances, three to each tenth of the text, kinds in turn. Their places follow
from the seed and the length alone, so nothing of them is kept.
"""

from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np

from model.files import replacing
from tasks.bench.haystack import Encode, Placed, boundary, paragraph, place
from tasks.bench.million.text import Text
from tasks.bench.needles import FAMILIES, Needle, make_needles

DEPTHS, EACH = 10, 3
"""Depths at which needles lie, and needles of each."""


@dataclass(frozen=True)
class Hidden:
    """A needle, its place, and the one question that is asked for it."""

    number: int
    placed: Placed
    question: str

    @property
    def depth(self) -> float:
        """The middle of the tenth of the text in which it lies."""
        return (self.number // EACH + 0.5) / DEPTHS


def hide(text: Text, length: int, seed: int, encode: Encode, path: Path) -> list[Hidden]:
    """Needles of a context of exactly `length` tokens, whose ids are written to `path` if need be.

    Args:
        text: with at least so many tokens.
    """
    needles = _needles(text, seed)
    pieces = [paragraph(needle, encode) for needle in needles]
    room = length - sum(len(ids) for ids, _ in pieces)
    targets = [round((number + 0.5) / len(needles) * room) for number in range(len(needles))]
    places = [boundary(text.ends, target) for target in targets]
    hidden, shift = [], 0
    for number, (needle, (ids, starts), at) in enumerate(zip(needles, pieces, places, strict=True)):
        wording = (number // EACH + number) % len(needle.questions)
        hidden.append(Hidden(number, place(needle, starts, at + shift), needle.questions[wording]))
        shift += len(ids)
    if not path.exists():
        with replacing(path) as fresh, fresh.open("wb") as file:
            for (ids, _), before, at in zip(pieces, [0, *places], places, strict=False):
                text.ids[before:at].tofile(file)
                ids.astype(np.int32).tofile(file)
            text.ids[places[-1] : room].tofile(file)
    return hidden


def tokens(path: Path, first: int, count: int) -> list[int]:
    """Some of the ids that `hide` wrote. Mapped ones would count as memory in use."""
    found: list[int] = np.fromfile(path, np.int32, count, offset=first * np.dtype(np.int32).itemsize).tolist()
    return found


def _needles(text: Text, seed: int) -> list[Needle]:
    """As many of each kind as of any other, or one more."""
    count = DEPTHS * EACH
    kinds, values = range(len(FAMILIES)), set(text.taken)
    by_kind = []
    for kind in kinds:
        fresh = make_needles(kind, len(range(kind, count, len(FAMILIES))), Random(f"{seed} {kind}"), values)
        values |= {needle.value for needle in fresh}
        by_kind.append(fresh)
    return [by_kind[number % len(FAMILIES)][number // len(FAMILIES)] for number in range(count)]
