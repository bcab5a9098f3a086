"""Words of a text in any language, as summaries compare and count them.

The idea: what stands between spaces is a word, stemmed by the language's own stemmer and without its most
frequent words; where words do not stand apart (Chinese, Japanese, Thai), pairs of characters serve as words.
The language is told by script and frequent words, and a language without a list loses nothing but those.
"""

import re

from tasks.text.stems import stem
from tasks.text.stop_words import BY_LANGUAGE

_RUN = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]{1,3})?")
_UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
_LETTER = re.compile(r"[^\W\d_]")
_CHARS_TOLD_BY = 12_000
_CHARS_A_WORD = 2
"""Characters of an unspaced script that say as much as a word."""

TOLD_BY = 2000
"""Words of a text by which its language is told."""
UNSPACED = "unspaced"
"""What a language is called whose words do not stand apart: Chinese, Japanese, Thai."""


def language_of(text: str) -> str:
    """The language of a text, as snowball calls it, or UNSPACED; "" where no frequent words tell it."""
    head = text[:_CHARS_TOLD_BY]
    if sum(map(len, _UNSPACED.findall(head))) > 0.3 * len(_LETTER.findall(head)):
        return UNSPACED
    words: list[str] = _RUN.findall(text.lower())[:TOLD_BY]
    counts = {name: sum(word in stop for word in words) for name, stop in BY_LANGUAGE.items()}
    best = max(counts, key=lambda name: counts[name])
    return best if 10 * counts[best] > len(words) else ""


def terms(text: str, language: str) -> list[str]:
    """Stems of the words that carry meaning, in order; pairs of characters of unspaced scripts."""
    stop = BY_LANGUAGE.get(language, frozenset())
    found: list[str] = []
    for run in _RUN.findall(text.lower()):
        if _UNSPACED.match(run):
            found += [run[at : at + 2] for at in range(max(1, len(run) - 1))]
        elif run not in stop and (len(run) > 1 or run.isdigit()):
            found.append(stem(run, language))
    return found


def length(text: str) -> int:
    """Words of a text; an unspaced script counts by its characters."""
    unspaced = sum(len(run) for run in _UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + -(-unspaced // _CHARS_A_WORD)
