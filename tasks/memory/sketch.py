"""Near-duplicates by their sketches: a document's smallest sentence hashes, which nearly equal texts share.

The idea: of the sentences of two documents the smallest hashes are a random sample, the same for both, so the
share of them that both have estimates how many of their sentences are the same (Broder 1997, bottom-k).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence

from tasks.memory.keys import text_hash
from tasks.memory.reader import Memory
from tasks.runs.ledger import Row
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
HOLDERS = 64
"""Documents of a run that are kept for one sentence, its first: what more have nominates none of them."""
MANY = 256
"""Documents of a memory from which a sentence nominates none: a licence's, or one of a form."""


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
        self._common = set[int]()
        """Sentences of which memory is known to hold too many documents."""

    def alike(self, document: str, own: Sequence[int]) -> list[str]:
        """Other documents that share enough of a sketch, those that share most first."""
        counts = self._of_run(own)
        for row in self._remembered(own):
            counts[row["document"]] = len(set(own) & set(row["sketch"])) / len(own)
        counts.pop(document, None)
        ranked = sorted(counts.items(), key=lambda found: -found[1])
        return [one for one, share in ranked[:MOST] if share >= NOMINATED]

    def _of_run(self, own: Sequence[int]) -> dict[str, float]:
        """Documents of the run with the share that they have of the sentences which few have; of all, where
        none shares one of those."""
        few = [one for one in own if len(self._ours.get(one, ())) < HOLDERS]
        for some in (few, own):
            if counts := Counter(name for one in some for name in self._ours.get(one, ())):
                return {name: count / len(some) for name, count in counts.items()}
        return {}

    def _remembered(self, own: Sequence[int]) -> list[Row]:
        """Documents of the memory that share a sentence which few have; some of those that share one, where
        every sentence is one that many have."""
        if not self.memory or not own:
            return []
        rare = [one for one in own if one not in self._common] or list(own[:1])
        while True:
            where = f"level = 'document' AND array_has_any(sketch, [{', '.join(map(str, rare))}])"
            rows = self.memory.rows(where, ["document", "sketch"], MANY)
            if len(rows) < MANY or len(rare) == 1:
                return rows
            held = Counter(one for row in rows for one in row["sketch"] if one in rare)
            commonest = max(rare, key=lambda one: held[one])
            self._common.add(commonest)
            rare.remove(commonest)

    def add(self, document: str, own: Sequence[int]) -> None:
        """A document of the run, for those that come after it."""
        for hash_ in own:
            if len(self._ours[hash_]) < HOLDERS:
                self._ours[hash_].append(document)
