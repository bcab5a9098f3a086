"""Questions about passages of natural text, written by the model that is calibrated with them.

The idea: a question is the continuation of what re-ranking puts before it, behind one passage alone. It is
then put behind that passage and behind those around it in their document, which are about the same things. A
small model also writes questions about nothing: only those are kept that are likeliest behind their own
passage (a round trip, as in Dai et al. 2022, "Promptagator: Few-shot dense retrieval from 8 examples").
"""

import re
from collections.abc import Iterator
from itertools import chain, product

from model.reader import Reader
from model.rerank.choose import Trial
from model.rerank.passages import Passage
from model.rerank.reading import Rereader
from tasks.bench.conversations import Asked, conversations
from tasks.bench.natural_text import natural_text
from tasks.bench.progress import Progress
from tasks.text.passages import stream_passages

GROUP = 12
"""Passages in a row."""
_ABOUT = (1, 3, 5, 7, 9)
"""Of them, those that are asked about."""
_CHARS = 240
_SEED = 5
_NEW_TOKENS = 24
_OPENERS = (" What", " How", " When", " Why", " Which", " Who", " Where")
"""Questions are made to begin with these in turn: a small model by itself asks "What is the purpose of"."""
_LEAST_WORDS = 5
_SPACING = 2
"""Passages of text for every one that is used: questions come from many documents."""
_LETTERS = 0.8
"""Share of letters and spaces from which a passage is prose."""


def questions(rereader: Rereader, count: int) -> Iterator[Asked]:
    """Questions about at most `count` passages of text that this machine has, in so far as any is written."""
    text, asked = natural_text(None, count * GROUP * _CHARS * _SPACING, _SEED), 0
    spans = [(start, end) for start, end, _ in stream_passages([(0, text)], _CHARS)]
    for number, first in enumerate(range(0, len(spans) - GROUP, GROUP * _SPACING)):
        group = spans[first : first + GROUP]
        passages = [_beside(text, group, at) for at in range(GROUP)]
        about = [at for at in _ABOUT if _is_prose(passages[at].text)][: count - asked]
        if not about:
            continue
        asked += len(about)
        alone = [Passage("", passages[at].text, "") for at in about]
        written = rereader.write(_OPENERS[number % len(_OPENERS)], alone, _NEW_TOKENS)
        for right, question in zip(about, map(_question, written), strict=True):
            if question:
                yield Asked(question, passages, right)


def _is_prose(text: str) -> bool:
    return sum(char.isalpha() or char == " " for char in text) >= _LETTERS * len(text)


def _beside(text: str, spans: list[tuple[int, int]], at: int) -> Passage:
    """A passage with the ones before and after it."""
    start, end = spans[at]
    before = spans[at - 1][0] if at else start
    after = spans[at + 1][1] if at + 1 < len(spans) else end
    return Passage(text[before:start], text[start:end], text[end:after])


def _question(written: str) -> str:
    """The first sentence, if it is a question of some words; else ""."""
    match = re.match(r"\s*([^\n?]+\?)", written)
    return match[1] if match and len(match[1].split()) >= _LEAST_WORDS else ""


def trials(reader: Reader, count: int, progress: Progress) -> list[Trial]:
    """What every head of the model pays to passages with each of at most `count` questions behind them.

    Half of the questions are about conversations, the other half, as far as they are any good, about text.
    """
    layers, heads = reader.config.num_hidden_layers, reader.config.num_attention_heads
    rereader, found = Rereader(reader, list(product(range(layers), range(heads)))), list[Trial]()
    told = [*conversations(count // 2)]
    for asked in chain(told, questions(rereader, count - len(told))):
        watched = rereader.watch(asked.question, asked.passages)
        assert watched.logp_CQ is not None
        best = int(watched.logp_CQ.sum(1).argmax())
        if asked in told or abs(best - asked.right) <= 1:  # the passages beside it were read with it
            found.append(Trial(watched.mass_CN, asked.right))
        progress("questions behind passages", len(found), count)
    return found
