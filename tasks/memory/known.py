"""Vectors that need not be computed again: a passage of the same words has them in memory already.

The idea: a nearly equal document, or a new version of one, differs in a few sentences. Its other passages are
found by the hash of their words and take over the vectors; the one with context only where the same section
and the same passage stand before, whatever title and date stand above.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tasks.memory.cut import RECUT_CHARS
from tasks.memory.keys import own_context
from tasks.memory.reader import Memory, quoted

RECENT = 4096
"""Passages of the run itself whose vectors are kept at hand."""
_COLUMNS = ("text_hash", "text", "title", "section", "context", "vector", "context_vector")


@dataclass(frozen=True, slots=True)
class Vectors:
    """A passage's words, what stands around them, and the vectors of both."""

    text: str
    around: str
    vector: np.ndarray
    context_vector: np.ndarray


@dataclass
class Known:
    """What memory and the run so far hold of passages, by the hash of their words.

    Args:
        memory: as it was before the run; None before the first.
        key: cache key, which names the embedder: vectors of another one are of no use.
    """

    memory: Memory | None
    key: str
    recent: dict[int, list[Vectors]] = field(default_factory=dict)
    reused: int = 0
    """Texts that took over a vector."""
    embedded: int = 0
    """Texts that had to be embedded."""

    def alike(self, rows: Sequence[dict[str, Any]]) -> list[list[Vectors]]:
        """For each row of schema.RECORDS, without its vectors, those of the same words."""
        wanted = {row["text_hash"] for row in rows} - {0}
        held = {one: list(self.recent.get(one, ())) for one in wanted}
        missing = [one for one in wanted if not held[one]]
        if missing and self.memory and {"text_hash", "context_vector"} <= self.memory.columns:
            where = f"text_hash IN ({', '.join(map(str, missing))}) AND skip_key = {quoted([self.key])}"
            for row in self.memory.rows(where, _COLUMNS):
                held[row["text_hash"]].append(_vectors(row))
        return [
            [one for one in held.get(row["text_hash"], ()) if one.text == row["text"]]
            if row["text_hash"]
            else []
            for row in rows
        ]

    def texts(self, document: str) -> list[str]:
        """The passages of a document that memory holds, in order."""
        if not self.memory or "position" not in self.memory.columns:
            return []
        where = f"level = 'passage' AND document = {quoted([document])}"
        if sum(row["chars"] for row in self.memory.sources_of(document)[:1]) > RECUT_CHARS:
            return []
        rows = self.memory.rows(where, ["position", "text"])
        return [row["text"] for row in sorted(rows, key=lambda row: row["position"])]

    def keep(self, rows: Sequence[dict[str, Any]]) -> None:
        """Remember the vectors of these passages for those to come."""
        for row in rows:
            if row["text_hash"]:
                self.recent.setdefault(row["text_hash"], []).append(_vectors(row))
        while len(self.recent) > RECENT:
            del self.recent[next(iter(self.recent))]


def _vectors(row: dict[str, Any]) -> Vectors:
    return Vectors(
        row["text"],
        own_context(row["context"], row["title"], row["section"]),
        np.asarray(row["vector"], np.float32),
        np.asarray(row["context_vector"], np.float32),
    )
