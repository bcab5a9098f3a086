"""Stems of words, by snowball's algorithm of their language."""

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


@cache
def _stemmer(language: str) -> "snowballstemmer.stemmer | None":
    return snowballstemmer.stemmer(language) if language in snowballstemmer.algorithms() else None
