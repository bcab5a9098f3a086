"""Questions about passages of natural text, written by the model that is calibrated with them.

The idea: a question is the continuation of what re-ranking puts before it, behind one passage alone. It is
then put behind that passage and behind those around it in their document, which are about the same things. A
small model also writes questions about nothing: only those are kept that are likeliest behind their own
passage (a round trip, as in Dai et al. 2022, "Promptagator: Few-shot dense retrieval from 8 examples").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from model.reader import Reader
from model.rerank.choose import Trial
from model.rerank.passages import Encoder, Passage
from model.rerank.reading import Rereader
from tasks.bench.natural_text import natural_text
from tasks.bench.progress import Progress
from tasks.text.passages import stream_passages

GROUP = 12
"""Passages in a row."""
_ABOUT = (1, 4, 7, 10)
"""Of them, those that are asked about."""
_CHARS = 300
_SEED = 5
_NEW_TOKENS = 24
_OPENERS = (" What", " How", " When", " Why", " Which", " Who", " Where")
"""Questions are made to begin with these in turn: a small model by itself asks "What is the purpose of"."""
_LEAST_WORDS = 5
_SPACING = 2
"""Passages of text for every one that is used: questions come from many documents."""
_LETTERS = 0.8
"""Share of letters and spaces from which a passage is prose."""


@dataclass(frozen=True)
class Asked:
    """A question and passages in a row, one of which it was made from."""

    question: str
    passages: list[Passage]
    right: int


def questions(reader: Reader, count: int) -> Iterator[Asked]:
    """Questions about at most `count` passages of text that this machine has, in so far as any is written."""
    encoder, tried = Encoder(reader.tokenizer), 0
    text = natural_text(None, count * GROUP * _CHARS * _SPACING // 2, _SEED)
    spans = [(start, end) for start, end, _ in stream_passages([(0, text)], _CHARS)]
    for first in range(0, len(spans) - GROUP, GROUP * _SPACING):
        group = spans[first : first + GROUP]
        passages = [_beside(text, group, at) for at in range(GROUP)]
        for right in _ABOUT:
            own = passages[right].text
            if tried == count or not _is_prose(own):
                continue
            opener, tried = _OPENERS[tried % len(_OPENERS)], tried + 1
            if question := _written(reader, encoder, Passage("", own, ""), opener):
                yield Asked(question, passages, right)


def _is_prose(text: str) -> bool:
    return sum(char.isalpha() or char == " " for char in text) >= _LETTERS * len(text)


def _beside(text: str, spans: list[tuple[int, int]], at: int) -> Passage:
    """A passage with the ones before and after it."""
    start, end = spans[at]
    before = spans[at - 1][0] if at else start
    after = spans[at + 1][1] if at + 1 < len(spans) else end
    return Passage(text[before:start], text[start:end], text[end:after])


def _written(reader: Reader, encoder: Encoder, passage: Passage, opener: str) -> str:
    """A question that the model writes behind a passage; "" if it writes none."""
    cache = reader.start()
    reader.extend(cache, encoder.passage(passage).ids)
    begun = encoder.question(opener)
    written = opener + reader.tokenizer.decode(reader.continue_from(cache, begun, _NEW_TOKENS))
    match = re.match(r"\s*([^\n?]+\?)", written)
    question = match[1] if match else ""
    return question if len(question.split()) >= _LEAST_WORDS else ""


def trials(reader: Reader, count: int, progress: Progress) -> list[Trial]:
    """What every head of the model pays to passages with each of at most `count` questions behind them."""
    layers, heads = reader.config.num_hidden_layers, reader.config.num_attention_heads
    rereader, found = Rereader(reader, list(product(range(layers), range(heads)))), list[Trial]()
    for asked in questions(reader, count):
        watched = rereader.watch(asked.question, asked.passages)
        assert watched.logp_CQ is not None
        if int(watched.logp_CQ.sum(1).argmax()) == asked.right:
            found.append(Trial(watched.mass_CN, asked.right))
        progress("questions behind passages", len(found), count)
    return found
