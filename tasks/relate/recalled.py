"""What memory recalls for new passages: those nearest in meaning, those that share a statement's words."""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from tasks.memory.reader import Memory
from tasks.recall.candidates import by_words, vector_query
from tasks.relate.library import Sentence
from tasks.runs.ledger import Row
from tasks.text.sentences import sentences

NEAREST = 8
"""Passages recalled for each."""
BEGINNINGS = 24
"""Documents recalled by how they begin."""
DEEPEST = 512
"""Passages that are looked at for each, where most are of documents that go."""
PASSAGES = "level = 'passage'"
_COLUMNS = ["id", "document", "char_start", "text"]
_BATCH = 64


@dataclass(frozen=True)
class Earlier:
    """The memory as it was before the run, without the documents that the run takes out of it."""

    memory: Memory
    without: Collection[str]

    def nearest(self, vectors: Sequence[np.ndarray]) -> Iterator[list[Row]]:
        """For each vector, (256,), the passages nearest in meaning."""
        for at in range(0, len(vectors), _BATCH):
            some = [np.asarray(one, np.float32) for one in vectors[at : at + _BATCH]]

            def search(limit: int, some: list[np.ndarray] = some) -> list[Row]:
                query = vector_query(self.memory.table, "vector", some)
                query = query.where(PASSAGES, prefilter=True).select([*_COLUMNS, "_distance"])
                rows: list[Row] = query.limit(limit).to_list()
                return rows

            yield from self._kept(search, len(some))

    def of_words(self, text: str) -> list[Row]:
        """The passages that share most words with a statement."""
        return self._kept(partial(self._worded, "text", text, PASSAGES))[0]

    def beginnings(self, text: str) -> list[Row]:
        """The first passages of those documents that, with their titles, share most words with a text."""
        if not {"context", "position"} <= self.memory.columns:
            return []
        search = partial(self._worded, "context", text, f"{PASSAGES} AND position = 0")
        return self._kept(search, most=BEGINNINGS)[0]

    def _worded(self, column: str, text: str, where: str, limit: int) -> list[Row]:
        rows: list[Row] = by_words(self.memory, column, text, limit, where, _COLUMNS).to_pylist()
        return rows

    def _kept(
        self, search: Callable[[int], list[Row]], count: int = 1, most: int = NEAREST
    ) -> list[list[Row]]:
        """The best `most` rows of each of `count` questions, but for documents that the run takes out.

        Those may be any number, so they are left out here and not by the condition; where they take up the
        answer, more is asked for.
        """
        limit = 2 * most if self.without else most
        while True:
            found: list[list[Row]] = [[] for _ in range(count)]
            asked = Counter[int]()
            for row in search(limit):
                number = row.get("query_index", 0)
                asked[number] += 1
                if row["document"] not in self.without:
                    found[number].append(row)
            short = any(len(one) < most and asked[number] == limit for number, one in enumerate(found))
            if not short or limit >= DEEPEST:
                return [one[:most] for one in found]
            limit *= 4


def sentences_of(row: Row) -> list[Sentence]:
    """The sentences of a passage, each where it stands in its document."""
    at = row["char_start"]
    return [
        Sentence(row["document"], at + start, at + end, row["text"][start:end])
        for start, end in sentences(row["text"])
    ]
