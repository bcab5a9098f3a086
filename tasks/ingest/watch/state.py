"""What of a watched place has not been read: a watcher killed anywhere loses nothing.

The idea: the listing is the truth of what is there, memory and ledger of what was read; what differs is
pending, and this is a copy of both that can be compared. Only what neither says is kept here: what a run
left, to try it again, and what is gone but was not retired. Sources are known by a hash of their uri, so
that no name of a forgotten document stays here.

    home/watch/<hash of the place>.sqlite    seen: versions read; pending: found by the last look; tried; told
"""

import hashlib
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from model.files import locked
from tasks.errors import InvalidInput, writing
from tasks.ingest.storage import Found
from tasks.ingest.watch.events import Event, is_later
from tasks.runs.ledger import transaction

TABLES = """
CREATE TABLE IF NOT EXISTS seen (
  key BLOB PRIMARY KEY, version TEXT NOT NULL, kept INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS pending (key BLOB PRIMARY KEY, version TEXT) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tried (
  key BLOB PRIMARY KEY, version TEXT NOT NULL, again REAL NOT NULL, tries INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sequencers (
  key BLOB PRIMARY KEY, sequencer TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (key BLOB PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE listed (key BLOB PRIMARY KEY, version TEXT NOT NULL, uri TEXT NOT NULL) WITHOUT ROWID;
CREATE TEMP TABLE held (key BLOB PRIMARY KEY, version TEXT NOT NULL) WITHOUT ROWID;
"""
_PENDING = """
INSERT INTO pending
SELECT l.key, l.version FROM listed l LEFT JOIN seen s USING (key)
LEFT JOIN tried t ON t.key = l.key AND t.version = l.version
WHERE CASE WHEN t.again IS NULL THEN s.version IS NOT l.version ELSE t.again <= :now END"""
_GONE = """
INSERT INTO pending SELECT key, NULL FROM seen WHERE NOT kept AND key NOT IN (SELECT key FROM listed)"""
T = TypeVar("T")
NAMED = 3
"""Sources that are named of those that are pending."""
AGAIN_S, LONGEST_S = 60.0, 86_400.0
"""After how long what a run could not read is tried again; twice as long each time, to a day."""
RETENTION_S = 14 * 86_400.0
"""No queue keeps a message for longer."""
_LEFT = """
SELECT p.key, p.version FROM pending p LEFT JOIN seen s ON s.key = p.key AND s.version = p.version
WHERE p.version NOT NULL AND s.key IS NULL"""
_CLOSED = """
SELECT p.key, p.version FROM pending p JOIN held USING (key)
JOIN seen s ON s.key = p.key AND s.version = p.version"""
_DONE = """
DELETE FROM tried WHERE (key, version) NOT IN (SELECT key, version FROM listed) OR key IN (
  SELECT p.key FROM pending p JOIN seen s ON s.key = p.key AND s.version = p.version
  WHERE p.key NOT IN (SELECT key FROM held))"""
_TRY_AGAIN = f"""
INSERT INTO tried VALUES (?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET
  again = CASE WHEN version = excluded.version
    THEN ? + min({LONGEST_S}, {AGAIN_S} * (1 << min(tries - 1, 20))) ELSE excluded.again END,
  tries = CASE WHEN version = excluded.version THEN tries + 1 ELSE 1 END,
  version = excluded.version"""


@dataclass(frozen=True)
class Changes:
    """What a look found that no finished run has read: counts, some names, and a digest of all of it."""

    new: int = 0
    changed: int = 0
    gone: int = 0
    names: tuple[str, ...] = ()
    digest: str = ""
    """The same for two looks that found the same; "" where nothing is pending."""


def key_of(uri: str) -> bytes:
    """What a source is known by."""
    return hashlib.sha256(uri.encode(errors="surrogatepass")).digest()[:16]


@contextmanager
def claimed(home: Path, place: str) -> Iterator["State"]:
    """The state of a place, which one watcher holds at a time.

    Raises:
        InvalidInput: if another watcher of this home holds it.
    """
    folder, name = home / "watch", key_of(place).hex()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / f"{name}.lock", timeout_s=0))
        except TimeoutError as error:
            raise InvalidInput(
                f"{place} is watched already, by another command with the home {home}; end that one first"
            ) from error
        state = State(folder / f"{name}.sqlite")
        held.callback(state.db.close)
        yield state


class State:
    """The tables of one place; used by one thread."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        self.db.executescript(TABLES)

    # A look.

    def look(self, listing: Iterable[Found]) -> Changes:
        """Compare a whole listing with what was read; what differs is pending, in place of what was."""
        with transaction(self.db):
            self.db.execute("DELETE FROM listed")
            for some in _batches(listing):
                rows = [(key_of(one.uri), one.version, one.uri) for one in some]
                self.db.executemany("INSERT OR REPLACE INTO listed VALUES (?, ?, ?)", rows)
            self.db.execute("UPDATE seen SET kept = 0 WHERE kept AND key IN (SELECT key FROM listed)")
            self._compare()
        return self.changes()

    def update(self, read: Iterable[tuple[str, str]]) -> Changes:
        """What was read may be more by now: compare the last look with that.

        Args:
            read: uris and versions under the place, as memory holds them; then, in place of those, as the
                ledger has those that gave nothing to remember.
        """
        with transaction(self.db):
            self._replace_seen(read)
            self._compare()
        return self.changes()

    def _replace_seen(self, read: Iterable[tuple[str, str]]) -> None:
        self.db.execute("DELETE FROM held")
        for some in _batches(read):
            rows = [(key_of(uri), version) for uri, version in some]
            self.db.executemany("INSERT OR REPLACE INTO held VALUES (?, ?)", rows)
        self.db.execute("DELETE FROM seen WHERE key NOT IN (SELECT key FROM held)")
        self.db.execute(
            """INSERT INTO seen (key, version) SELECT key, version FROM held h
               WHERE NOT EXISTS (SELECT 1 FROM seen s WHERE s.key = h.key AND s.version = h.version)
               ON CONFLICT (key) DO UPDATE SET version = excluded.version"""
        )

    def _compare(self) -> None:
        self.db.execute("DELETE FROM pending")
        self.db.execute(_PENDING, {"now": time.time()})
        self.db.execute(_GONE)

    def changes(self) -> Changes:
        """What is pending."""
        digest = hashlib.sha256()
        for key, version in self.db.execute("SELECT key, version FROM pending ORDER BY key"):
            digest.update(key + (version or "").encode() + b"\0")
        sql = """SELECT count(*) FILTER (WHERE p.version IS NOT NULL AND s.key IS NULL),
                        count(*) FILTER (WHERE p.version IS NOT NULL AND s.key IS NOT NULL),
                        count(*) FILTER (WHERE p.version IS NULL)
                 FROM pending p LEFT JOIN seen s USING (key)"""
        new, changed, gone = self.db.execute(sql).fetchone()
        names = self._column("SELECT uri FROM listed JOIN pending USING (key) ORDER BY uri LIMIT ?", NAMED)
        return Changes(new, changed, gone, tuple(names), digest.hexdigest() if new + changed + gone else "")

    def count(self) -> tuple[int, int]:
        """How many sources are known as read, and how many of these are gone and were kept."""
        read, kept = self.db.execute("SELECT count(*), coalesce(sum(kept), 0) FROM seen").fetchone()
        return read, kept

    def is_listed(self, uri: str) -> bool:
        """Whether the last look found a source."""
        return bool(self._column("SELECT 1 FROM listed WHERE key = ?", key_of(uri)))

    def is_pending(self, uri: str) -> bool:
        """Whether no finished run has read a source, or its going, as the last look found it."""
        return bool(self._column("SELECT 1 FROM pending WHERE key = ?", key_of(uri)))

    # A run.

    def settle(
        self, read: Iterable[tuple[str, str]], unreadable: Sequence[str] = (), keep_gone: bool = False
    ) -> int:
        """A run that began after the look has finished.

        Args:
            read: as `update` takes it. What is pending and not there was left by the run: it is tried again
                soon, and then more and more seldom.
            unreadable: uris of what could not be opened, which is tried again too, but not at once.
            keep_gone: whether the run retired nothing. What is gone and in `read` was kept by it, as is what
                lies in a folder that could not be opened; otherwise it came and went again.

        Returns:
            How many that are gone were kept.
        """
        now = time.time()
        with transaction(self.db):
            self._replace_seen(read)
            self.db.execute("DELETE FROM sequencers WHERE at < ?", (now - RETENTION_S,))
            kept = 0
            if keep_gone or unreadable:
                gone = "SELECT key FROM pending WHERE version IS NULL"
                kept = self.db.execute(f"UPDATE seen SET kept = 1 WHERE key IN ({gone})").rowcount
            left = self.db.execute(_LEFT).fetchall()
            closed = [(key_of(uri),) for uri in unreadable]
            self.db.execute("DELETE FROM held")
            self.db.executemany("INSERT OR IGNORE INTO held VALUES (?, '')", closed)
            opened_not = self.db.execute(_CLOSED).fetchall()
            self.db.execute(_DONE)
            for rows, first_s in ((left, 0.0), (opened_not, AGAIN_S)):
                self.db.executemany(_TRY_AGAIN, [(*row, now + first_s, now) for row in rows])
            self.db.execute("DELETE FROM pending")
        return kept

    def look_for_gone(self) -> None:
        """Take what was kept though it is gone for gone again: it may be retired now."""
        self.db.execute("UPDATE seen SET kept = 0")

    # Events.

    def is_news(self, event: Event) -> bool:
        """Whether an event is later than those heard of its key, and tells what memory does not say."""
        key, now = key_of(event.uri), time.time()
        if event.sequencer:
            before = self._column("SELECT sequencer FROM sequencers WHERE key = ?", key)
            if before and not is_later(event.sequencer, before[0]):
                return False
            values = (key, event.sequencer, now)
            self.db.execute("INSERT OR REPLACE INTO sequencers VALUES (?, ?, ?)", values)
        if event.created:
            return event.version not in self._column("SELECT version FROM seen WHERE key = ?", key)
        return self.is_listed(event.uri) or bool(self._column("SELECT 1 FROM seen WHERE key = ?", key))

    # Failures, and small notes.

    def is_told(self, uri: str, version: str) -> bool:
        """Whether a failure of this version was told of, or a manifest is waited for no more."""
        return version in self._column("SELECT version FROM told WHERE key = ?", key_of(uri))

    def tell(self, uri: str, version: str) -> None:
        """It was told of, and put aside where that is wanted."""
        self.db.execute("INSERT OR REPLACE INTO told VALUES (?, ?)", (key_of(uri), version))

    def note(self, name: str, value: str) -> None:
        """Keep a value under a name."""
        self.db.execute("INSERT OR REPLACE INTO notes VALUES (?, ?)", (name, value))

    def noted(self, name: str) -> str:
        """What is kept under a name; "" where nothing is."""
        found = self._column("SELECT value FROM notes WHERE name = ?", name)
        return found[0] if found else ""

    def _column(self, sql: str, *values: object) -> list[str]:
        return [row[0] for row in self.db.execute(sql, values)]


def _batches(items: Iterable[T], size: int = 1000) -> Iterator[list[T]]:
    iterator = iter(items)
    while some := list(islice(iterator, size)):
        yield some
