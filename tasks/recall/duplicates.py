"""Duplicates: passages that say the same are one hit that cites every source.

The idea: two texts are nearly equal when most runs of three words are shared (Broder 1997), but never when
they differ in a number or in a negation: "rent 100" and "rent 200" are two facts in one sentence. Only the
few records that are about to be shown are compared, so the comparison is exact and takes no index.
"""

import re
from collections.abc import Sequence, Set
from dataclasses import dataclass

from tasks.recall.text_cache import text_cache

SHINGLE = 3
NEAR = 0.7
"""Jaccard similarity from which two texts are nearly equal."""
WORDS = 12
"""Shorter texts are never equal to others: what "yes, please" says depends on what stands before it."""

_WORD = re.compile(r"\w+")
_NEGATIONS = frozenset("no not nor never none neither without cannot".split())


@dataclass(frozen=True)
class Print:
    """What of a text decides whether it is nearly equal to another."""

    shingles: frozenset[tuple[str, ...]]
    facts: tuple[str, ...]
    """Its numbers and negations, in order: who pays 100 and who 200 is a fact too."""

    def equals(self, other: "Print") -> bool:
        """Whether both texts say the same, if not letter by letter."""
        if self.facts != other.facts or min(len(self.shingles), len(other.shingles)) <= WORDS - SHINGLE:
            return False
        return len(self.shingles & other.shingles) >= NEAR * len(self.shingles | other.shingles)


@text_cache(512)
def fingerprint(text: str) -> Print:
    """The print of a text. One without white space between its words is compared by its characters."""
    folded = text.casefold()
    words = _WORD.findall(folded)
    parts = words if len(folded) < 12 * (len(words) + 1) else list("".join(words))
    runs = zip(*(parts[at:] for at in range(SHINGLE)), strict=False)
    shingles = frozenset(runs if len(parts) >= SHINGLE else [tuple(parts)])
    facts = [word for word in words if word in _NEGATIONS or (not word.isalpha() and _holds_digit(word))]
    return Print(shingles, tuple(facts))


def _holds_digit(word: str) -> bool:
    return any(map(str.isdigit, word))


def words(text: str) -> str:
    """A text by its words alone: without case, marks, markup of lists and line ends."""
    return " ".join(_WORD.findall(text.casefold()))


def groups(texts: Sequence[str], keys: Sequence[Set[object]]) -> list[list[int]]:
    """Numbers of texts that are one hit together, each group in order, the groups by their first.

    Args:
        keys: of each, such as what it covers; texts that share a key are one hit, whatever they say.
    """
    found: list[list[int]] = []
    prints = [fingerprint(text) for text in texts]
    for number, (text, own) in enumerate(zip(prints, keys, strict=True)):
        for group in found:
            first = group[0]
            if own & keys[first] or prints[first].equals(text):
                group.append(number)
                break
        else:
            found.append([number])
    return found
