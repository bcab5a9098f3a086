"""What full-text search sees of a text that is not in English beside the text: its words, cut and stemmed.

The idea: the index knows words between spaces and the endings of English. What it does not know stands in a
column of its own, cut into words and stemmed here, the same way for what is searched and for what is asked. A
text in English has nothing there, and costs nothing.
"""

import unicodedata
from collections.abc import Iterator

from tasks.text.scripts import han, is_alphabetic, pairs, runs
from tasks.text.stems import bare, stem
from tasks.text.stop_words import BY_LANGUAGE, PAIRS, PARTICLES
from tasks.text.words import UNSPACED, languages_of

RULES = "1"
"""Changes with what these functions make of a text: columns made by other rules are made again."""
_PARTICLES_BEFORE = ("arabic", "hebrew")


def searched(text: str, language: str) -> str:
    """The words of a text beyond those that the index finds by itself, blanks between; "" in English."""
    if language in ("", "english"):
        return "" if text.isascii() else " ".join(_words(text, []))
    return " ".join(_words(text, [language]))


def asked(question: str) -> str:
    """The words of a question as `searched` has them; "" where there are none but English ones.

    A few words do not always tell their language: forms of all that they may be in are looked for.
    """
    languages = languages_of(question)
    words = dict.fromkeys(_words(question, [] if languages[0] == "english" else languages))
    telling = [word for word in words if word not in PAIRS and not PARTICLES & set(word)]
    return " ".join(telling or words)


def _words(text: str, languages: list[str]) -> Iterator[str]:
    """Pairs of characters, and single ones of Chinese; forms of the other words in each of the languages."""
    stop = BY_LANGUAGE.get(languages[0], frozenset()) if languages else frozenset()
    for _, run, unspaced in runs(unicodedata.normalize("NFKC", text).lower()):
        if unspaced:
            yield from (pair for _, pair in pairs(run))
            yield from (triple for _, triple in pairs(run, 3)) if is_alphabetic(run) else han(run)
        elif languages and run not in stop:
            yield from dict.fromkeys(form for name in languages for form in forms(run, name))


def forms(word: str, language: str) -> list[str]:
    """Forms under which a word in lower case is found: its stem without accents; in Hebrew and Arabic, where
    articles and prepositions stand at the beginning of a word, without them too."""
    root = folded(stem(word, "" if language == UNSPACED else language))
    return list(dict.fromkeys((root, bare(folded(word))))) if language in _PARTICLES_BEFORE else [root]


def folded(word: str) -> str:
    """A word without accents and other marks that stand at its letters."""
    if word.isascii():
        return word
    plain = "".join(char for char in unicodedata.normalize("NFKD", word) if not unicodedata.combining(char))
    return unicodedata.normalize("NFC", plain) or word
