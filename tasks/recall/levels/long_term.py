"""Long-term memory of a session: what was said before the last 100 rounds, in a table.

The idea: it is searched exactly as the records of documents are, by the same searches, sums and walk.
"""

from datetime import datetime

import numpy as np

from tasks.memory.reader import Memory, quoted
from tasks.memory.sessions.store import Store
from tasks.recall.candidates import fuse, nominate
from tasks.recall.levels.level import LONG_ITEMS, Found, Name, Place, Question, item
from tasks.recall.walk import walk
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig
from tasks.text.periods import resolve

COLUMNS = ("id", "round", "char_start", "char_end", "context", "vector")


class LongTerm:
    """Spans of older rounds. `memory` is None where nothing is old enough."""

    name: Name = "long"

    def __init__(self, memory: Memory | None, store: Store, config: RecallConfig) -> None:
        self.memory, self.store, self.config = memory, store, config

    def find(self, question: Question) -> Found:
        if self.memory is None:
            return Found(self.name, ())
        nominated = nominate(self.memory, question.text, lambda: question.vector, self.config, None)
        best = walk(fuse(nominated, self.config, resolve(question.text, datetime.now().date())))[:LONG_ITEMS]
        rows = self._rows([str(one.position) for one in best])
        rounds = self.store.of_numbers(row["round"] for row in rows.values())
        items = []
        for one in best:
            if row := rows.get(str(one.position)):
                place = Place(one.position, row["char_start"], row["char_end"], row["context"])
                vector = np.asarray(row["vector"], dtype=np.float32)
                items.append(item(question, rounds[row["round"]], place, one.score / best[0].score, vector))
        return Found(self.name, tuple(items))

    def _rows(self, idents: list[str]) -> dict[str, Row]:
        if self.memory is None or not idents:
            return {}
        found = self.memory.table.search().where(f"id IN ({quoted(idents)})").select(list(COLUMNS))
        return {row["id"]: row for row in found.limit(len(idents)).to_list()}
