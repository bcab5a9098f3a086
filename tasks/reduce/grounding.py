"""Grounding: a generated sentence is stored only if one source sentence supports it.

A small model hallucinates by joining true pieces: the subject of one sentence with the year of another.
So support is never collected from several sentences. A generated sentence is kept if a single source
sentence contains its content words in the same order, with every number, every name, and the same negations
and modal verbs, and if the model itself finds the sentence likelier with the source than without. What is
not supported is dropped and counted; what is kept is a compression of something verbatim.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import snowballstemmer

from model.summarizer import Draft
from tasks.settings import GroundConfig
from tasks.text.sentences import is_finished, sentences

_WORD = re.compile(r"\w+(?:[.,'\u2019-]\w+)*")
_FUNCTION = frozenset(
    "a an the of to in on at by for with and or as that this these those it its is are was were be "
    "been being "
    "from which who whom has have had do does did their his her they he she we you i there here also "
    "then".split()
)
_POLARITY = frozenset(
    "not no never without unless except neither nor cannot can't won't don't doesn't didn't isn't "
    "aren't wasn't "
    "may must shall should will would could might can if until before after only".split()
)


@dataclass(frozen=True)
class Grounded:
    """The supported sentences of a draft."""

    summary: str
    support: float
    """Least overlap among the kept sentences, 0 to 1; 0 where none was kept."""
    dropped: int


@cache
def _stemmer() -> "snowballstemmer.stemmer":
    return snowballstemmer.stemmer("english")


def _words(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]


def _content(text: str) -> list[str]:
    """Stems of the words that carry meaning, in order."""
    words = [word for word in _words(text) if word not in _FUNCTION]
    stems: list[str] = _stemmer().stemWords(words)
    return stems


def _exact(text: str) -> set[str]:
    """Numbers and names: what must occur in the source exactly."""
    words = _WORD.findall(text)
    numbers = {word for word in words if any(c.isdigit() for c in word)}
    names = {word for word in words[1:] if word[:1].isupper()}
    return {word.lower() for word in numbers | names}


def common_subsequence(a: Sequence[str], b: Sequence[str]) -> int:
    """Length of the longest common subsequence (dynamic programme, Wagner and Fischer 1974)."""
    row = [0] * (len(b) + 1)
    for x in a:
        diagonal = 0
        for j, y in enumerate(b, 1):
            diagonal, row[j] = row[j], diagonal + 1 if x == y else max(row[j], row[j - 1])
    return row[-1]


def support(sentence: str, span: str) -> float:
    """Share of the sentence's content words that occur in `span` in the same order; 0 if a number, a
    name, a negation or a modality differs."""
    words, content = set(_words(sentence)), _content(sentence)
    source = set(_words(span))
    if not content or not _exact(sentence) <= source:
        return 0.0
    if (words & _POLARITY) != (source & _POLARITY):
        return 0.0
    return common_subsequence(content, _content(span)) / len(content)


def _gain(draft: Draft, start: int, end: int) -> float:
    inside = [index for index, at in enumerate(draft.starts) if start <= at < end]
    if not inside:
        return 0.0
    return sum(draft.logp[index] - draft.logp_alone[index] for index in inside) / len(inside)


def ground(draft: Draft, spans: Sequence[str], config: GroundConfig) -> Grounded:
    """Keep the finished, new, supported sentences of `draft`; `spans` are single source sentences."""
    kept: list[str] = []
    scores: list[float] = []
    dropped = 0
    for start, end in sentences(draft.text):
        sentence = draft.text[start:end]
        score = max((support(sentence, span) for span in spans), default=0.0)
        enough = score >= config.overlap and _gain(draft, start, end) >= config.gain
        if enough and is_finished(sentence) and sentence not in kept:
            kept.append(sentence)
            scores.append(score)
        else:
            dropped += 1
    return Grounded(" ".join(kept), min(scores, default=0.0), dropped)
