"""Rows of the ledger, and of Prefect's database in the home, that hold something of forgotten documents.

The idea: a row goes if it names one of the documents, by hash or by place, whatever the table. SQLite
overwrites what it deletes, then the file is written anew and its log emptied: no page keeps what was there.
"""

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from tasks import schema
from tasks.errors import Transient
from tasks.infer.cache_key import window_key
from tasks.memory.forget.erasure import Erasure
from tasks.memory.forget.scrub import less
from tasks.memory.sources import part_name
from tasks.reduce.tree import document_key
from tasks.runs.ledger import BUSY_S, transaction

MISSES = 64
"""Windows in a row that the journal does not hold, after which it holds no later one."""


def erase_ledger(path: Path, erasure: Erasure, mark: Callable[[str], str]) -> dict[str, int]:
    """Take documents out of every table of the ledger; how many rows went or were changed, by table.

    What is known of their sources becomes that they are left out.

    Args:
        mark: the salted hash of a document.
    """
    documents, counts = set(erasure.documents), dict[str, int]()
    with closing(opened(path)) as db:
        with transaction(db):
            counts["journal"] = _erase_journal(db, documents, erasure.keys)
            counts["sources"] = _leave_out(db, documents, mark)
            gone = [(row["uri"], row["part"]) for row in erasure.rows]
            sql = "DELETE FROM quarantine WHERE uri = ? AND part = ?"
            counts["quarantine"] = sum(db.execute(sql, one).rowcount for one in gone)
            sql = "DELETE FROM reader_deaths WHERE document = ?"
            counts["reader_deaths"] = sum(db.execute(sql, (one,)).rowcount for one in documents)
            counts["runs"] = _erase_told(db, {*documents, *map(part_name, erasure.rows)})
            for table in tables(db) - counts.keys():
                counts[table] = _erase_rows(db, table, documents)
        _renew(db, path)
    return {name: count for name, count in counts.items() if count}


def _leave_out(db: sqlite3.Connection, documents: Collection[str], mark: Callable[[str], str]) -> int:
    """Rows of sources that held one of the documents say so no more, nor what their bytes were."""
    found = db.execute("SELECT uri, part, row FROM sources").fetchall()
    rows = [json.loads(row) for _, _, row in found]
    blank = {"content": "", "document": "", "chars": 0, "outcome": "forgotten", "parsed": ""}
    blank |= schema.ADDED_SOURCES
    gone = [{**row, **blank, "reason": mark(row["document"])} for row in rows if row["document"] in documents]
    values = [(json.dumps(row), row["uri"], row["part"]) for row in gone]
    db.executemany("UPDATE sources SET row = ? WHERE uri = ? AND part = ?", values)
    return len(gone)


def _erase_journal(db: sqlite3.Connection, documents: Collection[str], keys: Iterable[str]) -> int:
    """Outputs of the model of these documents, and those that quote them."""
    names = {name for key in keys for one in documents for name in _names(db, key, one)}
    hashes = re.compile(b"|".join(one.encode() for one in sorted(documents)))
    for name, payload in db.execute("SELECT key, payload FROM journal"):
        if hashes.search(payload if isinstance(payload, bytes) else str(payload).encode()):
            names.add(name)
    db.executemany("DELETE FROM journal WHERE key = ?", [(name,) for name in sorted(names)])
    return len(names)


def _names(db: sqlite3.Connection, key: str, document: str) -> Iterator[str]:
    """Journal keys of a document: its marker and its windows."""
    window, missed, wanted = 0, 0, document_key(key, document)
    while missed < MISSES:
        if db.execute("SELECT 1 FROM journal WHERE key = ?", (wanted,)).fetchone():
            yield wanted
            missed = 0
        else:
            missed += 1
        wanted, window = window_key(key, document, window), window + 1


def _erase_told(db: sqlite3.Connection, names: Collection[str]) -> int:
    """What runs tell of the documents: the entries that name one."""
    changed = 0
    for run, counts in db.execute("SELECT run, counts FROM runs").fetchall():
        kept = less(json.loads(counts), names)
        if kept != json.loads(counts):
            db.execute("UPDATE runs SET counts = ? WHERE run = ?", (json.dumps(kept), run))
            changed += 1
    return changed


def _erase_rows(db: sqlite3.Connection, table: str, documents: Collection[str]) -> int:
    """Rows of a table with one of the documents in any column."""
    columns = [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]
    where = " OR ".join(f'instr(CAST("{name}" AS TEXT), ?)' for name in columns)
    return sum(
        db.execute(f'DELETE FROM "{table}" WHERE {where}', [one] * len(columns)).rowcount for one in documents
    )


def redact(path: Path, holds: Callable[[str, str], bool], note: Callable[[str], str]) -> dict[str, int]:
    """Put a note in place of every text of a database that `holds` says holds something; counts by table.

    Args:
        holds: whether a text of a table is to go.
        note: of a table, a JSON value, since many columns are JSON.
    """
    counts: dict[str, int] = {}
    with closing(opened(path)) as db:
        with transaction(db):
            for table in sorted(tables(db)):
                for name in [row[1] for row in db.execute(f'PRAGMA table_info("{table}")')]:
                    found = db.execute(f'SELECT rowid, "{name}" FROM "{table}"')
                    texts = (
                        (rowid, _text(value)) for rowid, value in found if isinstance(value, str | bytes)
                    )
                    gone = [(note(table), rowid) for rowid, text in texts if holds(table, text)]
                    db.executemany(f'UPDATE "{table}" SET "{name}" = ? WHERE rowid = ?', gone)
                    counts[table] = counts.get(table, 0) + len(gone)
        if any(counts.values()):
            _renew(db, path)
    return {table: count for table, count in counts.items() if count}


def texts(path: Path) -> Iterator[tuple[str, str]]:
    """Every text of a database, with the table it is in."""
    with closing(opened(path)) as db:
        for table in sorted(tables(db)):
            for row in db.execute(f'SELECT * FROM "{table}"'):
                yield from ((table, _text(value)) for value in row if isinstance(value, str | bytes))


def is_database(path: Path) -> bool:
    """Whether a file is one of SQLite."""
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\0"


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("utf-8", "replace")


def tables(db: sqlite3.Connection) -> set[str]:
    kinds = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    return {name for (name,) in db.execute(kinds)}


def opened(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None)
    db.execute("PRAGMA secure_delete = ON")
    return db


def _renew(db: sqlite3.Connection, path: Path) -> None:
    """Write the file anew and empty its log."""
    try:
        db.execute("VACUUM")
        busy, *_ = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise Transient(
            f"{path} is in use ({error}): end nightread serve and other commands, and forget again"
        ) from error
    if busy:
        raise Transient(f"{path} is in use: end nightread serve and other commands, and forget again")
