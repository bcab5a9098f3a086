"""Passages as the reader reads them: with what stands around them, and the request for a question behind.

The idea: a turn or a clause is understood from its neighbours, so they are read too, and only what is paid to
the passage's own tokens counts for it. The request is the same for every question, and read once too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

BESIDE_TOKENS, OWN_TOKENS = 96, 320
"""Tokens of the text that stands before a passage and after it, and of the passage itself, that are read."""
QUESTION_TOKENS = 128
REQUEST = "\n\nPlease write a question based on this text.\nQuestion:"
"""After Sachan et al. 2022, "Improving passage retrieval with zero-shot question generation"."""


@dataclass(frozen=True)
class Passage:
    """A candidate and what stands around it in its document."""

    before: str
    """The text before it, its heading first, with what stands between it and `text`."""
    text: str
    after: str


@dataclass(frozen=True)
class Tokens:
    """A passage as token ids, up to the request's last token, which a question continues."""

    ids: tuple[int, ...]
    start: int
    """The first of the passage's own tokens."""
    stop: int


class Encoder:
    """Passages and questions as token ids. Text is data: what looks like a control token is spelt out."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.lead: list[int] = [*tokenizer("")["input_ids"], *self._ids("Text:\n")]
        self.request = self._ids(REQUEST)

    def _ids(self, text: str) -> list[int]:
        tokenizer = self.tokenizer
        ids: list[int] = tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def passage(self, passage: Passage) -> Tokens:
        """Of what stands before it the end is read, of the passage and of what stands behind it the start."""
        before = self._ids(passage.before)[-BESIDE_TOKENS:]
        own = self._ids(passage.text)[:OWN_TOKENS]
        after = self._ids(passage.after)[:BESIDE_TOKENS]
        start = len(self.lead) + len(before)
        ids = (*self.lead, *before, *own, *after, *self.request[:-1])
        return Tokens(ids, start, start + len(own))

    def question(self, question: str) -> list[int]:
        """The request's last token and the question; of a long one the last `QUESTION_TOKENS`.

        Raises:
            ValueError: if the question is empty.
        """
        asked = self._ids(f" {question.strip()}")[-QUESTION_TOKENS:]
        if not question.strip():
            raise ValueError("the question is empty: ask one")
        return [self.request[-1], *asked]


def alike(lengths: Sequence[int], fill: int) -> list[list[int]]:
    """Places of texts in batches of like length, of one text or at most `fill` tokens, padding included."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        if batches and (len(batches[-1]) + 1) * lengths[place] <= fill:
            batches[-1].append(place)
        else:
            batches.append([place])
    return batches
