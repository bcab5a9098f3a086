"""What memory recalls for new passages: those nearest in meaning, those that share a statement's words."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from tasks.memory.reader import Memory, Row, quoted
from tasks.recall.candidates import by_words, vector_query
from tasks.relate.library import Sentence
from tasks.text.sentences import sentences

NEAREST = 8
"""Passages recalled for each."""
BEGINNINGS = 24
"""Documents recalled by how they begin."""
_COLUMNS = ["id", "document", "char_start", "text"]
_BATCH = 64


@dataclass(frozen=True)
class Earlier:
    """The memory as it was before the run, without the documents that the run takes out of it."""

    memory: Memory
    without: Collection[str]

    def _where(self) -> str:
        passages = "level = 'passage'"
        return f"{passages} AND document NOT IN ({quoted(self.without)})" if self.without else passages

    def nearest(self, vectors: Sequence[np.ndarray]) -> Iterator[list[Row]]:
        """For each vector, (256,), the passages nearest in meaning."""
        for at in range(0, len(vectors), _BATCH):
            some = [np.asarray(one, np.float32) for one in vectors[at : at + _BATCH]]
            query = vector_query(self.memory.table, "vector", some)
            query = query.where(self._where(), prefilter=True).select([*_COLUMNS, "_distance"])
            found: list[list[Row]] = [[] for _ in some]
            for row in query.limit(NEAREST).to_list():
                found[row.get("query_index", 0)].append(row)
            yield from found

    def of_words(self, text: str) -> list[Row]:
        """The passages that share most words with a statement."""
        return self._worded("text", text, self._where(), NEAREST)

    def beginnings(self, text: str) -> list[Row]:
        """The first passages of those documents that, with their titles, share most words with a text."""
        if not {"context", "position"} <= self.memory.columns:
            return []
        return self._worded("context", text, f"{self._where()} AND position = 0", BEGINNINGS)

    def _worded(self, column: str, text: str, where: str, most: int) -> list[Row]:
        rows: list[Row] = by_words(self.memory, column, text, most, where, _COLUMNS).to_pylist()
        return rows


def sentences_of(row: Row) -> list[Sentence]:
    """The sentences of a passage, each where it stands in its document."""
    at = row["char_start"]
    return [
        Sentence(row["document"], at + start, at + end, row["text"][start:end])
        for start, end in sentences(row["text"])
    ]
