"""What a new text of the same source, or a copy of a text, says otherwise: old sentence, new sentence.

The idea: sentences that both hold are the same, wherever they stand. Of the others, each new one is the new
wording of the old one with which it shares most words; what has no such partner was added or taken out.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.recall.terms import stems
from tasks.relate.library import Document, Sentence
from tasks.relate.said import jaccard

REWORDED = 0.5
"""Jaccard similarity of words from which a sentence is another one's new wording."""
COMMON = 200
"""A word that more sentences have says nothing of which one is meant."""


@dataclass(frozen=True)
class Difference:
    """How a text differs from another one: (new, old) wordings, what is only in the new, only in the old."""

    reworded: tuple[tuple[Sentence, Sentence], ...]
    added: tuple[Sentence, ...]
    removed: tuple[Sentence, ...]

    @property
    def count(self) -> int:
        """Sentences that differ."""
        return len(self.reworded) + len(self.added) + len(self.removed)


def difference(new: Document, old: Document) -> Difference:
    """How `new` differs from `old`."""
    return paired(new.lacking(old.hashes), old.lacking(new.hashes))


def paired(new: Sequence[Sentence], old: Sequence[Sentence]) -> Difference:
    """Sentences of two texts matched by their words, the most alike first, each once."""
    ours, theirs = [stems(one.text) for one in new], [stems(one.text) for one in old]
    holding: dict[str, list[int]] = defaultdict(list)
    for number, words in enumerate(theirs):
        for word in words:
            holding[word].append(number)
    found: list[tuple[float, int, int, int]] = []
    for number, words in enumerate(ours):
        shared = Counter(one for word in words if len(holding[word]) <= COMMON for one in holding[word])
        for other, _ in shared.most_common(8):
            alike = jaccard(words, theirs[other])
            if alike >= REWORDED:
                found.append((-alike, abs(number - other), number, other))
    pairs: dict[int, int] = {}
    kept = set[int]()
    for _, _, number, other in sorted(found):
        if number not in pairs and other not in kept:
            pairs[number] = other
            kept.add(other)
    return Difference(
        tuple((new[number], old[other]) for number, other in sorted(pairs.items())),
        tuple(one for number, one in enumerate(new) if number not in pairs),
        tuple(one for number, one in enumerate(old) if number not in kept),
    )
