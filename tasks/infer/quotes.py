"""Verbatim quotes, and how salient the network's own attention finds the sentences of a window.

A sentence is scored by how much more attention its tokens draw from a question that asks for the
important facts than from one that asks nothing. The ratio takes out what position and token shape
attract by themselves, so sentences are told apart by content and not by place.
"""

import bisect
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from tasks.text.sentences import sentences


@dataclass(frozen=True)
class Quote:
    """Characters [start, end) of a document's parsed text."""

    text: str
    document: str
    start: int
    end: int
    salience: float = 0.0

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True)
class Salient:
    """The salience of characters [start, end) of a document."""

    start: int
    end: int
    salience: float


def salient_sentences(
    text: str,
    char_start: int,
    starts: npt.NDArray[np.int32],
    log_ratio: npt.NDArray[np.float32],
    inner: tuple[bool, bool],
) -> list[Salient]:
    """Salience of the sentences of one window.

    Args:
        text: the window's characters, beginning at `char_start` of the document.
        starts: first character of each of its tokens, relative to `char_start`.
        log_ratio: log(asked / neutral attention) of each token.
        inner: whether text goes on before and after the window; a sentence cut there is whole in a
            neighbour, and has no salience here.
    """
    spans = sentences(text)
    found = []
    for start, end in spans[int(inner[0]) : len(spans) - int(inner[1])] or spans:
        first = bisect.bisect_left(starts, start)
        last = max(bisect.bisect_left(starts, end), first + 1)
        salience = float(log_ratio[first:last].mean()) if first < len(log_ratio) else -np.inf
        if np.isfinite(salience):
            found.append(Salient(char_start + start, char_start + end, salience))
    return found
