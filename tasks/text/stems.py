"""Stems of words, by snowball's algorithm of their language, and words without the particles before them."""

import re
from functools import cache, lru_cache

import snowballstemmer


@lru_cache(maxsize=1 << 16)
def stem(word: str, language: str) -> str:
    """Stem of a word in lower case; the word itself in a language that snowball does not know.

    Args:
        language: the algorithm's name, such as "english" or "porter"; "" for none.
    """
    stemmer = _stemmer(language)
    return word if stemmer is None else str(stemmer.stemWord(word))


_ARABIC = re.compile(r"^[وف]?(?:[بك]?ال|لل)(?=\w{3})")
_ARABIC_END = re.compile(r"(?<=\w{2})[ةه]$")
_HEBREW = re.compile(r"^[והבלכש](?=[\u05d0-\u05ea]{3})")


def bare(word: str) -> str:
    """A word of Arabic or Hebrew without the article and the prepositions that are written as one with it."""
    if (plain := _ARABIC_END.sub("", _ARABIC.sub("", word))) != word:
        return plain
    while (plain := _HEBREW.sub("", word)) != word:
        word = plain
    return word


@cache
def _stemmer(language: str) -> "snowballstemmer.stemmer | None":
    return snowballstemmer.stemmer(language) if language in snowballstemmer.algorithms() else None
