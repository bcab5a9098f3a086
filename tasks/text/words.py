"""Words of a text in any language, as summaries compare and count them, and the languages of a text.

The idea: what stands between spaces is a word, stemmed by the language's own stemmer and without its most
frequent words; where words do not stand apart (Chinese, Japanese, Thai), pairs of characters serve as words.
The language is told by script and frequent words, and a language without a list loses nothing but those.
"""

import re
from functools import cache
from itertools import islice

from tasks.text.scripts import HANGUL, pairs, runs
from tasks.text.scripts import UNSPACED as _UNSPACED_CHARS
from tasks.text.stems import stem
from tasks.text.stop_words import BY_LANGUAGE

_UNSPACED = re.compile(f"[{_UNSPACED_CHARS}]+")
_LETTER = re.compile(r"[^\W\d_]")
_BY_SCRIPT = {
    "korean": f"[{HANGUL}]",
    "greek": "[\u0370-\u03ff\u1f00-\u1fff]",
    "hebrew": "[\u0590-\u05ff\ufb1d-\ufb4f]",
    "armenian": "[\u0530-\u058f]",
    "tamil": "[\u0b80-\u0bff]",
}
"""Scripts of one language each that has a stemmer, or endings of its own."""
_SCRIPTS = {name: re.compile(pattern) for name, pattern in _BY_SCRIPT.items()}
_MOSTLY = {
    "arabic": re.compile("[\u0620-\u06ff]"),
    "russian": re.compile("[\u0400-\u04ff]"),
    "hindi": re.compile("[\u0900-\u097f]"),
}
"""Scripts of several languages, with the one that most texts are in."""
_CHARS_TOLD_BY = 12_000
_CHARS_A_WORD = 2
"""Characters of an unspaced script that say as much as a word."""
_SHARE = 0.3
"""Of the letters of a text that are of the script that tells its language, at least."""

TOLD_BY = 2000
"""Words of a text by which its language is told."""
UNSPACED = "unspaced"
"""What a language is called whose words do not stand apart: Chinese, Japanese, Thai."""


def language_of(text: str) -> str:
    """The language of a text, as snowball calls it, or UNSPACED; "" where no frequent words tell it."""
    head = text[:_CHARS_TOLD_BY]
    letters = len(_LETTER.findall(head))
    if sum(map(len, _UNSPACED.findall(head))) > _SHARE * letters:
        return UNSPACED
    if not head.isascii():
        for name, script in _SCRIPTS.items():
            if len(script.findall(head)) > _SHARE * letters:
                return name
    words, counts = _counts(text)
    best = max(counts, key=lambda name: counts[name])
    return best if 10 * counts[best] > len(words) else ""


def likely_language(text: str) -> str:
    """As `language_of`; where no frequent words tell it, that which most texts of its script are in."""
    if (found := language_of(text)) or text.isascii():
        return found
    head = text[:_CHARS_TOLD_BY]
    letters = len(_LETTER.findall(head))
    some = (name for name, script in _MOSTLY.items() if len(script.findall(head)) > _SHARE * letters)
    return next(some, "")


def languages_of(text: str) -> list[str]:
    """Languages that a few words may be in, likeliest first: those whose frequent words are half as many as
    those of the likeliest one, every one that has a stemmer where none of its words is frequent anywhere."""
    if (one := language_of(text)) in (UNSPACED, *_SCRIPTS):
        return [one]
    _, counts = _counts(text)
    most = max(counts.values())
    likely = [name for name, count in counts.items() if count and 2 * count >= most]
    return sorted(likely, key=lambda name: -counts[name]) or [name for name in counts if name != "english"]


def _counts(text: str) -> tuple[list[str], dict[str, int]]:
    """The first words of a text, and how many of them are frequent words of each language."""
    words = [run for _, run, _ in islice(runs(text[: TOLD_BY * 40].lower()), TOLD_BY)]
    counts, known = dict.fromkeys(BY_LANGUAGE, 0), _languages()
    for word in words:
        for name in known.get(word, ()):
            counts[name] += 1
    return words, counts


@cache
def _languages() -> dict[str, list[str]]:
    """Frequent words, and the languages that each is frequent in."""
    found: dict[str, list[str]] = {}
    for name, stop in BY_LANGUAGE.items():
        for word in stop:
            found.setdefault(word, []).append(name)
    return found


def terms(text: str, language: str) -> list[str]:
    """Stems of the words that carry meaning, in order; pairs of characters of unspaced scripts."""
    stop = BY_LANGUAGE.get(language, frozenset())
    found: list[str] = []
    for _, run, unspaced in runs(text.lower()):
        if unspaced:
            found += [pair for _, pair in pairs(run)]
        elif run not in stop and (len(run) > 1 or run.isdigit()):
            found.append(stem(run, language))
    return found


def length(text: str) -> int:
    """Words of a text; an unspaced script counts by its characters."""
    unspaced = sum(len(run) for run in _UNSPACED.findall(text))
    return len(_UNSPACED.sub(" ", text).split()) + -(-unspaced // _CHARS_A_WORD)
