"""Names in a text, by their capital letters: people, places, organisations, products.

The idea: a run of words with capitals is a name, but for the one word that begins a sentence, which says
nothing by its capital. Scripts without capitals yield none.
"""

import re
from collections.abc import Iterator

from tasks.text.sentences import sentences
from tasks.text.stop_words import STOP_WORDS

MOST = 12
"""Names kept of a text, its first."""

_WORD = re.compile(r"[^\W_](?:[\w.&'\u2019-]*[^\W_])?")
_INSIDE = frozenset("of de del der den di du la le van von".split())
_BEGINS = re.compile(r"[:\n\u201c\"(]\s*$")
_COMMON = STOP_WORDS | set(
    "hi i'd i'll i'm i've its it's let may oh ok please yes monday tuesday wednesday thursday friday "
    "saturday sunday january february march april june july august september october november "
    "december".split()
)


def names(text: str) -> list[str]:
    """At most `MOST` distinct names of `text`, in the order of their first place."""
    found: dict[str, str] = {}
    for start, end in sentences(text):
        for name in _of_sentence(text[start:end]):
            found.setdefault(name.casefold(), name)
            if len(found) == MOST:
                return list(found.values())
    return list(found.values())


def _of_sentence(sentence: str) -> Iterator[str]:
    run: list[str] = []
    begins, at = True, 0
    for match in _WORD.finditer(sentence):
        word, gap = match[0], sentence[at : match.start()]
        joined = bool(run) and not gap.strip()
        if not (joined and (word[0].isupper() or word in _INSIDE)):
            yield from _name(run, begins)
            run, begins = [], not at or _BEGINS.search(gap) is not None
            if word[0].isupper():
                run = [word]
        else:
            run.append(word)
        at = match.end()
    yield from _name(run, begins)


def _name(run: list[str], begins: bool) -> Iterator[str]:
    """The name that a run of words is, if it is one."""
    while run and run[-1] in _INSIDE:
        run = run[:-1]
    while run and run[0].casefold() in _COMMON:
        run, begins = run[1:], False
    if run and len(run[0]) > 1 and not (begins and len(run) == 1 and not run[0].isupper()):
        yield " ".join(run)
