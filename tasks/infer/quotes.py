"""Verbatim quotes: the sentences of a window that the network's own attention marks as important.

A sentence is scored by how much more attention its tokens draw from a question that asks for the
important facts than from one that asks nothing. The ratio takes out what position and token shape
attract by themselves, so quotes are chosen by content and not by place.
"""

import bisect
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from tasks.text.sentences import sentences

_LETTERS = re.compile(r"[^\W\d_]{2,}")
MIN_WORDS, MAX_CHARS = 5, 400
SHORT_WORDS = 12
"""Capital letters alone make a heading of fewer words than this; a disclaimer is longer."""


@dataclass(frozen=True)
class Quote:
    """Characters [start, end) of a document's parsed text."""

    text: str
    document: str
    start: int
    end: int
    salience: float

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def similar(a: str, b: str) -> bool:
    """Whether two quotes say the same (word overlap above a half)."""
    first, second = set(a.lower().split()), set(b.lower().split())
    return 2 * len(first & second) > len(first | second)


def select(candidates: Sequence[Quote], most: int) -> list[Quote]:
    """The `most` salient quotes that do not repeat each other, in document order.

    Should every candidate repeat another (or there be few), fewer come back. Ties go to the earlier one.
    """
    chosen: list[Quote] = []
    for quote in sorted(candidates, key=lambda q: (-q.salience, q.document, q.start)):
        if len(chosen) == most:
            break
        if not any(similar(quote.text, other.text) for other in chosen):
            chosen.append(quote)
    return sorted(chosen, key=lambda q: (q.document, q.start))


def window_quotes(
    document: str,
    text: str,
    char_start: int,
    starts: npt.NDArray[np.int32],
    log_ratio: npt.NDArray[np.float32],
    most: int,
    inner: tuple[bool, bool],
) -> list[Quote]:
    """Quotes of one window.

    Args:
        text: the window's characters, beginning at `char_start` of the document.
        starts: first character of each of its tokens, relative to `char_start`.
        log_ratio: log(asked / neutral attention) of each token.
        inner: whether text goes on before and after the window; a sentence cut there is whole in a
            neighbour, and is not quoted here.
    """
    spans = sentences(text)
    whole = spans[int(inner[0]) : len(spans) - int(inner[1])] or spans
    usable = [span for span in whole if _quotable(text[slice(*span)])] or whole
    found = []
    for start, end in usable:
        first = bisect.bisect_left(starts, start)
        last = max(bisect.bisect_left(starts, end), first + 1)
        salience = float(log_ratio[first:last].mean()) if first < len(log_ratio) else -np.inf
        if np.isfinite(salience):
            found.append(Quote(text[start:end], document, char_start + start, char_start + end, salience))
    return select(found, most)


def _quotable(sentence: str) -> bool:
    """Prose or a clause: some words, not a table row, a heading, a lead-in to a list or a wall of text."""
    words = _LETTERS.findall(sentence)
    heading = sentence.endswith(":") or (len(words) < SHORT_WORDS and all(word.isupper() for word in words))
    return len(words) >= MIN_WORDS and len(sentence) <= MAX_CHARS and not heading
