"""What of a working copy lies in the bucket, in which version: one row a file, in a SQLite file beside it.

The idea: a file whose size and time are those of its row need not be sent, and one whose version in the
bucket is that of its row need not be fetched. The rows can be made again from a listing.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from tasks.ingest.home.bucket import Stored
from tasks.runs.ledger import transaction

FILE = "index.sqlite"
BUSY_S = 60.0
TABLES = """
CREATE TABLE IF NOT EXISTS files (
  name TEXT PRIMARY KEY, etag TEXT NOT NULL, size INTEGER, modified INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Known:
    """A file as it was when it was sent or fetched last; no size where it was only seen in the bucket."""

    etag: str
    size: int | None = None
    modified: int | None = None

    @property
    def was_here(self) -> bool:
        return self.size is not None


@lru_cache
def index_of(folder: Path) -> "Index":
    """The rows of a working copy, whose connections are kept."""
    return Index(folder)


class Index:
    """The rows of one working copy; for any number of threads and processes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        self._local = threading.local()

    def known(self, name: str) -> Known | None:
        """The row of a file."""
        found = self._rows("SELECT etag, size, modified FROM files WHERE name = ?", (name,))
        return Known(*found[0]) if found else None

    def below(self, prefix: str) -> Iterator[tuple[str, Known]]:
        """Rows of files whose names begin so."""
        sql = "SELECT name, etag, size, modified FROM files WHERE name >= ? AND name < ? ORDER BY name"
        for name, *values in self._rows(sql, (prefix, prefix + "\U0010ffff")):
            yield name, Known(*values)

    def has_sent(self, name: str, file: Path) -> bool:
        """Whether a file is as it was when it was sent or fetched last."""
        status, known = file.stat(), self.known(name)
        return known is not None and (known.size, known.modified) == (status.st_size, status.st_mtime_ns)

    def keep(self, name: str, etag: str, size: int, modified: int) -> None:
        """Note that a file of this size and time is in the bucket in this version."""
        with transaction(self._db()) as db:
            db.execute("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (name, etag, size, modified))

    def see(self, some: Sequence[Stored]) -> None:
        """Note what a listing shows; a file that is here in another version counts as not here."""
        sql = """INSERT INTO files VALUES (?, ?, NULL, NULL) ON CONFLICT (name) DO UPDATE
                 SET etag = excluded.etag, size = NULL, modified = NULL WHERE etag != excluded.etag"""
        with transaction(self._db()) as db:
            db.executemany(sql, [(one.name, one.etag) for one in some])

    def drop(self, names: Iterable[str]) -> None:
        """Forget rows."""
        with transaction(self._db()) as db:
            db.executemany("DELETE FROM files WHERE name = ?", [(name,) for name in names])

    def note(self, name: str, default: str = "") -> str:
        """A note on the whole copy."""
        found = self._rows("SELECT value FROM notes WHERE name = ?", (name,))
        return str(found[0][0]) if found else default

    def set_note(self, name: str, value: str) -> None:
        with transaction(self._db()) as db:
            db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def _rows(self, sql: str, values: tuple[str, ...]) -> list[tuple[Any, ...]]:
        return self._db().execute(sql, values).fetchall()

    def _db(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not hasattr(self._local, "db") or not self.path.exists():  # whoever clears a cache clears it too
            if hasattr(self._local, "db"):
                self._local.db.close()
            db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            db.executescript(TABLES)
            db.execute("PRAGMA secure_delete = ON")  # names of what was forgotten
            db.execute("PRAGMA synchronous = OFF")  # what a loss of power takes is sent or fetched again
            self._local.db = db
        found: sqlite3.Connection = self._local.db
        return found
