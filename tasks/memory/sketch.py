"""Near-duplicates by their sketches: a document's smallest sentence hashes, which nearly equal texts share.

The idea: of the sentences of two documents the smallest hashes are a random sample, the same for both, so the
share of them that both have estimates how many of their sentences are the same (Broder 1997, bottom-k).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tasks.memory.keys import text_hash
from tasks.memory.reader import Memory
from tasks.text.passages import Placed, stream_passages
from tasks.text.sentences import SENTENCE_CHARS

SIZE = 16
"""Hashes of a sketch."""
LEAST_CHARS = 25
"""Characters of a sentence that counts: a heading is in many documents."""
NOMINATED = 0.3
"""Share of a sketch that another document must share to be looked at."""
MOST = 5
"""Documents that are looked at, those that share most."""


def placed_sentences(pieces: Iterable[Placed]) -> Iterator[tuple[int, int, str]]:
    """(start, end, text) of every sentence of a document given as consecutive pieces (char_start, text)."""
    return stream_passages(pieces, 1, SENTENCE_CHARS)


def sketch(texts: Iterable[str]) -> list[int]:
    """The smallest hashes of a document's sentences."""
    return sorted({text_hash(text) for text in texts if len(text) >= LEAST_CHARS})[:SIZE]


class Sketches:
    """Which documents may be nearly the same: those of a memory, and those of a run so far."""

    def __init__(self, memory: Memory | None) -> None:
        self.memory = memory if memory and "sketch" in memory.columns else None
        self._ours: dict[int, list[str]] = defaultdict(list)

    def alike(self, document: str, own: Sequence[int]) -> list[str]:
        """Other documents that share enough of a sketch, those that share most first."""
        counts = Counter(one for hash_ in own for one in self._ours.get(hash_, ()))
        if self.memory and own:
            some = ", ".join(map(str, own))
            where = f"level = 'document' AND array_has_any(sketch, [{some}])"
            for row in self.memory.rows(where, ["document", "sketch"]):
                counts[row["document"]] = len(set(own) & set(row["sketch"]))
        least = max(1.0, NOMINATED * len(own))
        del counts[document]
        return [one for one, count in counts.most_common(MOST) if count >= least]

    def add(self, document: str, own: Sequence[int]) -> None:
        """A document of the run, for those that come after it."""
        for hash_ in own:
            self._ours[hash_].append(document)
