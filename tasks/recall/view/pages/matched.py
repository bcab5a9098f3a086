"""Where the words of a parsed page stand in the text layer of the same page.

The idea: parsing closes up hyphens, spells out ligatures and orders lines, so the two texts differ in spaces
and marks, and hardly in letters. Letters are compared; where lines were read in another order, one by one.
"""

import unicodedata
from collections.abc import Iterator

LEAST = 8
"""Letters of a line that is looked for by itself."""
_HYPHENS = frozenset("-\u00ad\u2010\u2011\ufffe\x02")


def matched(shown: str, before: str, words: str) -> list[tuple[int, int]]:
    """First character and count of each stretch of `shown` that holds the words.

    Args:
        before: what stands before the words: of equal ones, those are meant that have as many before them.
    """
    letters, places = _letters(shown)
    wanted = _letters(words)[0]
    at = _nth(letters, wanted, _letters(before)[0].count(wanted)) if wanted else -1
    if at >= 0:
        return [_stretch(places, at, len(wanted))]
    return list(_by_lines(letters, places, words))


def _by_lines(letters: str, places: list[int], words: str) -> Iterator[tuple[int, int]]:
    for line in words.splitlines():
        wanted = _letters(line)[0]
        if len(wanted) >= LEAST and (at := letters.find(wanted)) >= 0:
            yield _stretch(places, at, len(wanted))


def _stretch(places: list[int], at: int, count: int) -> tuple[int, int]:
    first, last = places[at], places[at + count - 1]
    return first, last - first + 1


def _nth(letters: str, wanted: str, number: int) -> int:
    """Where the words stand for the time of this number, from 0; else for the last time; -1 if nowhere."""
    found = at = letters.find(wanted)
    for _ in range(number):
        if (at := letters.find(wanted, at + 1)) < 0:
            break
        found = at
    return found


def _letters(text: str) -> tuple[str, list[int]]:
    """A text without spaces, hyphens and case, its compositions taken apart; of each letter, its place."""
    letters, places = list[str](), list[int]()
    for at, char in enumerate(text):
        if char.isspace() or char in _HYPHENS or not char.isprintable():
            continue
        for letter in unicodedata.normalize("NFKC", char).casefold():
            letters.append(letter)
            places.append(at)
    return "".join(letters), places
