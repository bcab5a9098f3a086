"""Summaries for measuring: of texts as they are, by the extractor of a run, at any length.

The idea: the lead baseline, a text's first words, gets as many words as the summary beside it.
"""

import re
from dataclasses import dataclass

from tasks.infer.journal import WindowNote
from tasks.infer.quotes import Quote
from tasks.reduce.reading import reading
from tasks.reduce.tree import document_tree
from tasks.settings import InferConfig

WINDOW_WORDS = 3000
"""Words of a window, about 4,096 tokens."""


@dataclass(frozen=True)
class Summarised:
    """A document's summary as a run would store it, and the sentences it quotes."""

    text: str
    title: str
    """Its first line; "" for none."""
    quotes: tuple[Quote, ...]

    @property
    def body(self) -> str:
        """The summary without its title line."""
        return self.text.removeprefix(self.title).lstrip("\n")


def summarised(text: str, words: int, name: str = "") -> Summarised:
    """The document summary of a text, its sentences chosen from it.

    Args:
        words: of the summary without its title line.
        name: of the document.
    """
    notes = [WindowNote(start, end) for start, end in windows(text)]
    nodes = document_tree("", reading("", lambda: [(0, text)], notes, name), InferConfig().fan_in, words)
    return Summarised(nodes[-1].text, nodes[-1].title, nodes[-1].quotes)


def windows(text: str) -> list[tuple[int, int]]:
    """Spans of overlapping windows of about 4,096 tokens, the next one beginning in the middle of each."""
    words = [match.start() for match in re.finditer(r"\S+", text)]
    stride = WINDOW_WORDS // 2
    firsts = range(0, max(1, len(words) - stride), stride)
    ends = [
        words[first + WINDOW_WORDS] if first + WINDOW_WORDS < len(words) else len(text) for first in firsts
    ]
    return [(words[first] if first else 0, end) for first, end in zip(firsts, ends, strict=True)]


def first_words(text: str, count: int) -> str:
    """The first `count` words of a text: the lead baseline, and how summaries are cut to one length."""
    return " ".join(text.split(None, count)[:count])
