"""The rounds of one session and its mid-term memory, in one SQLite file.

The idea: a round is acknowledged when it is on the disk (WAL, synchronous=FULL), with its spans and what they
changed of the mid-term memory in the same transaction: a process killed at any instruction loses the call it
was in and nothing else. What has moved to long-term memory is here as its round only, so that every table but
`rounds` stays small.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tasks.memory.sessions.round import Round
from tasks.runs.ledger import transaction

FILE = "rounds.sqlite"
BUSY_S = 60.0
NONE = -1
"""Cluster of a span that was evicted from mid-term memory."""

TABLES = """
CREATE TABLE IF NOT EXISTS rounds (
  number INTEGER PRIMARY KEY, speaker TEXT NOT NULL, text TEXT NOT NULL, time TEXT NOT NULL,
  answer TEXT NOT NULL, documents TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS spans (
  id INTEGER PRIMARY KEY, round INTEGER NOT NULL, start INTEGER NOT NULL, end INTEGER NOT NULL,
  key TEXT NOT NULL, context TEXT NOT NULL, vector BLOB NOT NULL, context_vector BLOB NOT NULL,
  cluster INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS clusters (
  id INTEGER PRIMARY KEY, total BLOB NOT NULL, count INTEGER NOT NULL, used INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""

_ROUND = "speaker, text, time, answer, documents, number"

Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Span:
    """Characters [start, end) of a round's text: a few sentences, the unit that is searched.

    `id` counts the spans of a session without a gap; `key` is its words with who says them and when,
    `context` the same behind what was said before; the vectors, (256,), are those of both.
    """

    id: int
    round: int
    start: int
    end: int
    key: str
    context: str
    vector: Vector
    context_vector: Vector
    cluster: int = NONE


class Store:
    """The file of one session; every method is one transaction, but for those called inside `writing`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / FILE, timeout=BUSY_S, isolation_level=None)
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "secure_delete = ON"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.executescript(TABLES)

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """All that is written inside is there at the end, or nothing after an error."""
        with transaction(self._db):
            yield

    @property
    def stamp(self) -> int:
        """Another number after another process has written."""
        return int(self._one("PRAGMA data_version"))

    # Rounds.

    @property
    def last(self) -> int:
        """Number of the newest round, and how many there are."""
        return int(self._one("SELECT coalesce(max(number), 0) FROM rounds"))

    def rounds(self, first: int, last: int) -> list[Round]:
        """Rounds of these numbers, both included, in order."""
        sql = f"SELECT {_ROUND} FROM rounds WHERE number BETWEEN ? AND ? ORDER BY number"
        return [_round(row) for row in self._db.execute(sql, (first, last))]

    def of_numbers(self, numbers: Iterable[int]) -> dict[int, Round]:
        """Some rounds by their numbers."""
        wanted = sorted(set(numbers))
        sql = f"SELECT {_ROUND} FROM rounds WHERE number IN ({', '.join('?' * len(wanted))})"
        return {one.number: one for one in map(_round, self._db.execute(sql, wanted))}

    def add_round(self, one: Round) -> None:
        documents = json.dumps(list(one.documents))
        values = (one.number, one.speaker, one.text, one.time.isoformat(), one.answer, documents)
        self._db.execute("INSERT INTO rounds VALUES (?, ?, ?, ?, ?, ?)", values)

    def forget_answers(self, documents: set[str]) -> int:
        """Empty the answers that quote any of these documents; how many."""
        sql = "SELECT number, documents FROM rounds WHERE documents != '[]'"
        held = [number for number, some in self._db.execute(sql) if documents & set(json.loads(some))]
        with self.writing():
            empty = "UPDATE rounds SET answer = '', documents = '[]' WHERE number = ?"
            self._db.executemany(empty, [(number,) for number in held])
        if held:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return len(held)

    # Spans and clusters: the mid-term memory.

    @property
    def next_span(self) -> int:
        return int(self.fact("spans", "0"))

    def add_spans(self, spans: Sequence[Span]) -> None:
        """Add spans whose ids go on from `next_span`."""
        values = [
            (one.id, one.round, one.start, one.end, one.key, one.context, one.vector.tobytes(),
             one.context_vector.tobytes(), one.cluster)
            for one in spans
        ]  # fmt: skip
        self._db.executemany("INSERT INTO spans VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        if spans:
            self.set_fact("spans", str(spans[-1].id + 1))

    def spans(self, where: str = "true", *values: Any) -> list[Span]:
        """Spans that have not moved to long-term memory, in order."""
        found = self._db.execute(f"SELECT * FROM spans WHERE {where} ORDER BY id", values)
        return [
            Span(ident, number, start, end, key, context, _vector(plain), _vector(rich), cluster)
            for ident, number, start, end, key, context, plain, rich, cluster in found
        ]

    def count_spans(self, where: str, *values: Any) -> int:
        return int(self._db.execute(f"SELECT count(*) FROM spans WHERE {where}", values).fetchone()[0])

    def release_spans(self, idents: Iterable[int]) -> None:
        """Note that spans are in no cluster any more."""
        sql = f"UPDATE spans SET cluster = {NONE} WHERE id = ?"
        self._db.executemany(sql, [(one,) for one in idents])

    def delete_spans(self, idents: Iterable[int]) -> None:
        self._db.executemany("DELETE FROM spans WHERE id = ?", [(one,) for one in idents])

    def clusters(self) -> list[tuple[int, bytes, int, int]]:
        return self._db.execute("SELECT id, total, count, used FROM clusters").fetchall()

    def set_clusters(self, changed: Iterable[tuple[int, bytes, int, int]], gone: Iterable[int]) -> None:
        self._db.executemany("INSERT OR REPLACE INTO clusters VALUES (?, ?, ?, ?)", changed)
        self._db.executemany("DELETE FROM clusters WHERE id = ?", [(one,) for one in gone])

    # Single facts.

    def fact(self, name: str, default: str) -> str:
        found = self._db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return str(found[0]) if found else default

    def set_fact(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def copy_to(self, folder: Path) -> None:
        """Write a whole copy of the file into an existing folder."""
        other = sqlite3.connect(folder / FILE)
        self._db.backup(other)
        other.close()

    def _one(self, sql: str) -> Any:
        return self._db.execute(sql).fetchone()[0]


def _round(row: tuple[str, str, str, str, str, int]) -> Round:
    speaker, text, time, answer, documents, number = row
    return Round(
        speaker, text, datetime.fromisoformat(time), answer, tuple(json.loads(documents)), number=number
    )


def _vector(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype=np.float32)
