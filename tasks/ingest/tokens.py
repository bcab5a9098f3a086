"""Tokens of a text that is never held whole, in pieces that can be tokenised anywhere, in any order.

A piece is cut only where the tokenizer itself shows a seam, so the ids are those of the whole text at
once; and where it is cut depends on the text around the cut alone, so every process finds the same cuts.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from tasks.ingest.encoder import Encoder
from tasks.ingest.encoder import Ints as Ints
from tasks.ingest.encoder import Longs as Longs

ReadText = Callable[[int, int], str]
"""Characters [start, end) of a document, fewer where it ends."""
Tokens = tuple[Ints, Longs, int]
"""Ids, the character each begins in, and the character after the last."""

PIECE_CHARS = 1 << 19
"""Characters tokenised at once."""

_SEAMS = (
    re.compile(r"(?<=\S)\n(?=\S)"),  # after a line's end, where neither side has more white space
    re.compile(r"\S(?=\s)"),  # after a word; the space leads what follows
    re.compile(r"[^\W_](?=[^\w\s])"),  # between a letter and a mark, for scripts without spaces
)
CONTEXT_CHARS, _TRIES = 256, 8


@lru_cache(maxsize=2)
def _encoder(tokenizer: Path) -> Encoder:
    return Encoder(tokenizer)


def piece_count(chars: int, size: int = PIECE_CHARS) -> int:
    return -(-chars // size)


def tokenize(
    read: ReadText, numbers: Iterable[int], tokenizer: Path, size: int = PIECE_CHARS
) -> Iterator[Tokens]:
    """Tokens of the pieces of these numbers; piece n lies between the cuts at about n and n + 1 sizes."""
    encoder = _encoder(tokenizer)
    for number in numbers:
        base = max(0, number * size - CONTEXT_CHARS)
        text = read(base, (number + 2) * size + CONTEXT_CHARS)
        start, end = (_cut(text, base, at * size, size, encoder) for at in (number, number + 1))
        ids, starts = encoder.encode(text[start - base : end - base])
        yield ids, starts + start, end


def _cut(text: str, base: int, at: int, size: int, encoder: Encoder) -> int:
    """The first seam in [at, at + size) of the document; `text` is all there is around it, from `base`.

    A rest without a seam stays with what precedes it. Longer text without one (white space, or one word, of
    half a million characters) is cut at `at` itself.
    """
    first, last = at - base, min(at - base + size, len(text))
    if at == 0:
        return 0
    for seam in _SEAMS:
        for match, _ in zip(seam.finditer(text, first, last), range(_TRIES), strict=False):
            if match.end() < last and _is_seam(text, match.end(), encoder):
                return base + match.end()
    return base + len(text) if first + size >= len(text) else at


def _is_seam(text: str, at: int, encoder: Encoder) -> bool:
    """Whether the tokens around a place are the same when the text is cut there."""
    left, right = text[max(0, at - CONTEXT_CHARS) : at], text[at : at + CONTEXT_CHARS]
    whole, *parts = (encoder.ids(some) for some in (left + right, left, right))
    return whole == parts[0] + parts[1]
