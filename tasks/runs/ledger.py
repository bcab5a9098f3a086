"""The ledger: what was computed, seen, run and refused, in one SQLite file.

The idea: an acknowledged write is on the disk (WAL, synchronous=FULL), so a process killed at any
instruction loses at most the call it was in, and everything keyed by content is simply found again.
"""

import json
import os
import random
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from model.files import is_filled
from model.hardware import machine
from tasks.errors import InvalidInput, Transient, unwritable, writing

BUSY_S = 60.0
"""How long a writer waits for another process before it gives up with Transient."""

CLOCK_STEP_S = 5.0
"""The moment at which a process began is told by the clock of now: it moves where that is set meanwhile."""

FORGOTTEN = ("unreadable", "vanished")
"""Outcomes that say nothing of the bytes: the next run must look again though the version is the same."""

TABLES = """
CREATE TABLE IF NOT EXISTS journal (
  key TEXT PRIMARY KEY, kind TEXT NOT NULL, payload BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sources (
  uri TEXT NOT NULL, part INTEGER NOT NULL, version TEXT NOT NULL, parser_key TEXT NOT NULL,
  row TEXT NOT NULL, PRIMARY KEY (uri, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS runs (
  run TEXT PRIMARY KEY, status TEXT NOT NULL, started TEXT NOT NULL, finished TEXT NOT NULL,
  corpus TEXT NOT NULL, config TEXT NOT NULL, counts TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS quarantine (
  uri TEXT NOT NULL, part INTEGER NOT NULL, run TEXT NOT NULL, since TEXT NOT NULL, row TEXT NOT NULL,
  PRIMARY KEY (uri, part)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS reader_deaths (
  document TEXT NOT NULL, key TEXT NOT NULL, window INTEGER NOT NULL, count INTEGER NOT NULL,
  reason TEXT NOT NULL, PRIMARY KEY (document, key, window)) WITHOUT ROWID;
"""

Row = dict[str, Any]
"""A row of a table by the names of its columns, or an object of JSON."""


def _is_filled(home: Path, name: str) -> bool:
    return is_filled(home / name)


def ledger_path(home: Path) -> Path:
    """Where the ledger of a home lies."""
    return home / "ledger.sqlite"


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All that is written inside is there at the end, or nothing after an error.

    Args:
        db: opened with isolation_level=None.
    """
    db.execute("BEGIN IMMEDIATE")  # a deferred one can deadlock when it upgrades
    try:
        yield db
    except BaseException:
        db.rollback()
        raise
    db.execute("COMMIT")


class Ledger:
    """One SQLite file, shared by any number of processes and threads; picklable (the path travels).

    Raises:
        Transient: from every method, if another process held the file for longer than `BUSY_S`.
        InvalidInput: if the file cannot be opened or written, or is no ledger.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._local = threading.local()
        self._opened: list[tuple[int, sqlite3.Connection]] = []
        with writing(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._errors():
            self._connection()

    def __reduce__(self) -> tuple[type["Ledger"], tuple[Path]]:
        return Ledger, (self.path,)

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection this object opened in this process."""
        for owner, db in self._opened:
            if owner == os.getpid():  # closing a parent's connection in a fork would drop its locks
                db.close()
        self._opened.clear()
        self._local = threading.local()

    # The journal of model outputs.

    def put(self, key: str, kind: str, payload: bytes) -> None:
        """Keep one model output under its content key; it is on the disk when this returns."""
        self.put_many([(key, kind, payload)])

    def put_many(self, items: Iterable[tuple[str, str, bytes]]) -> None:
        """Keep several outputs, all or none, at the price of one disk flush."""
        with self._transaction() as db:
            db.executemany("INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", items)

    def get(self, key: str) -> bytes | None:
        """The payload kept under `key`, or None."""
        found = self._read("SELECT payload FROM journal WHERE key = ?", (key,))
        return bytes(found[0][0]) if found else None

    def has_many(self, keys: Iterable[str]) -> set[str]:
        """Those of `keys` that have a payload."""
        wanted = list(keys)
        found: set[str] = set()
        for some in _chunks(wanted):
            sql = f"SELECT key FROM journal WHERE key IN ({_marks(some)})"
            found.update(key for (key,) in self._read(sql, some))
        return found

    # What is known of the sources, so that what has not changed is not parsed again.

    def remember_source(self, rows: Sequence[Row], parser_key: str) -> None:
        """Remember all rows (schema.SOURCES) of one or more sources in place of what was known of them.

        A source that is read well at last leaves the quarantine.
        """
        uris = sorted({row["uri"] for row in rows})
        kept = [row for row in rows if row["outcome"] not in FORGOTTEN]
        values = [(row["uri"], row["part"], row["version"], parser_key, json.dumps(row)) for row in kept]
        well = {row["uri"] for row in rows} - {row["uri"] for row in rows if row["outcome"] != "ok"}
        with self._transaction() as db:
            db.executemany("DELETE FROM sources WHERE uri = ?", [(uri,) for uri in uris])
            db.executemany("INSERT INTO sources VALUES (?, ?, ?, ?, ?)", values)
            db.executemany("DELETE FROM quarantine WHERE uri = ?", [(uri,) for uri in sorted(well)])

    def known_source(
        self, uri: str, version: str, parser_key: str, is_kept: Callable[[Path, str], bool] = _is_filled
    ) -> list[Row] | None:
        """The rows of a source that was parsed in this version by this parser, or None: parse it.

        None also where a parsed file is gone from the home folder, that is the ledger's own, or is empty.

        Args:
            is_kept: whether a home holds a file.
        """
        sql = "SELECT row FROM sources WHERE uri = ? AND version = ? AND parser_key = ? ORDER BY part"
        rows: list[Row] = [json.loads(row) for (row,) in self._read(sql, (uri, version, parser_key))]
        files = {row["parsed"] for row in rows if row["parsed"]}
        return rows if rows and all(is_kept(self.path.parent, name) for name in files) else None

    def look_again(self) -> None:
        """Have the next run look at every source of which something is left out as forgotten."""
        sql = """DELETE FROM sources WHERE uri IN (
                 SELECT uri FROM sources WHERE json_extract(row, '$.outcome') = 'forgotten')"""
        with self._transaction() as db:
            db.execute(sql)

    def source_uris(self) -> list[str]:
        """Uris of every source that was ever parsed."""
        return [uri for (uri,) in self._read("SELECT DISTINCT uri FROM sources ORDER BY uri", ())]

    def source_rows(self, uris: Iterable[str] | None = None) -> list[Row]:
        """What is known of every source, or of these (schema.SOURCES), by uri and part."""
        if uris is None:
            return [
                json.loads(row) for (row,) in self._read("SELECT row FROM sources ORDER BY uri, part", ())
            ]
        sql = "SELECT row FROM sources WHERE uri IN ({}) ORDER BY uri, part"
        found = (self._read(sql.format(_marks(some)), some) for some in _chunks(sorted(uris)))
        return [json.loads(row) for rows in found for (row,) in rows]

    def without_text(self) -> list[tuple[str, str]]:
        """Uri and version of every source that was parsed and gave nothing to read: bad, or forgotten."""
        sql = """SELECT uri, min(version) FROM sources GROUP BY uri
                 HAVING sum(json_extract(row, '$.outcome') = 'ok') = 0 ORDER BY uri"""
        return [(uri, version) for uri, version in self._read(sql, ())]

    # Runs.

    def start_run(self, run: str, corpus: Sequence[str], config_json: str, flow_run: str = "") -> None:
        """Note that `run` has begun in this process; a run started again is running again.

        Args:
            flow_run: the id under which Prefect knows it.
        """
        ours = psutil.Process()
        process = {"process": [ours.pid, ours.create_time()], "host": machine()}
        counts = json.dumps({**process, "flow_run": flow_run})
        values = (run, "running", now(), "", json.dumps(list(corpus)), config_json, counts)
        with self._transaction() as db:
            db.execute("INSERT OR REPLACE INTO runs VALUES (?, ?, ?, ?, ?, ?, ?)", values)

    def finish_run(self, run: str, status: str, counts_json: str) -> None:
        """Note how `run` ended and what it counted."""
        sql = "UPDATE runs SET status = ?, finished = ?, counts = ? WHERE run = ?"
        with self._transaction() as db:
            if not db.execute(sql, (status, now(), counts_json, run)).rowcount:
                raise InvalidInput(f"run {run!r} was never started")

    def crashed(self, alone: bool = False) -> dict[str, str]:
        """Runs whose process is gone and that `finish_run` was not called for: run -> its id in Prefect.

        Args:
            alone: whether nothing but this process can be running, on any machine.
        """
        ends = ("crashed", "running") if alone else ("crashed",)
        dead = [row for row in self.runs() if row["status"] in ends and not row["finished"]]
        return {row["run"]: row["counts"].get("flow_run", "") for row in dead}

    def runs(self) -> list[Row]:
        """Every run, oldest first: run, status, started, finished, corpus, config, counts.

        The status is running; how the report of a run that ended well calls it; failed; interrupted (Ctrl-C);
        cancelled (in Prefect); or crashed: its process is gone and did not say why.
        """
        names = ("run", "status", "started", "finished", "corpus", "config", "counts")
        found = self._read(f"SELECT {', '.join(names)} FROM runs ORDER BY started, rowid", ())
        decode = {"corpus", "config", "counts"}
        rows = [dict(zip(names, values, strict=True)) for values in found]
        decoded = [{k: json.loads(v) if k in decode else v for k, v in row.items()} for row in rows]
        return [{**row, "status": "crashed"} if _process_is_gone(row) else row for row in decoded]

    def running(self) -> list[str]:
        """Runs that are going on, oldest first."""
        return [row["run"] for row in self.runs() if row["status"] == "running"]

    # Quarantine.

    def quarantine(self, run: str, rows: Iterable[Row]) -> None:
        """Keep the rows of documents that could not be read, with the run that last saw them so."""
        bad = (row for row in rows if row["outcome"] not in ("ok", "forgotten"))
        values = ((row["uri"], row["part"], run, now(), json.dumps(row)) for row in bad)
        sql = """INSERT INTO quarantine VALUES (?, ?, ?, ?, ?)
                 ON CONFLICT (uri, part) DO UPDATE SET run = excluded.run, row = excluded.row"""
        with self._transaction() as db:
            db.executemany(sql, values)

    def quarantined(self) -> list[Row]:
        """Rows of schema.SOURCES in quarantine, each with `run` and `since`, by uri."""
        found = self._read("SELECT row, run, since FROM quarantine ORDER BY uri, part", ())
        return [{**json.loads(row), "run": run, "since": since} for row, run, since in found]

    def release(self, uris: Iterable[str]) -> int:
        """Let the next run try these again; how many of them were in quarantine."""
        released = 0
        with self._transaction() as db:
            for uri in uris:
                for (row,) in db.execute("SELECT row FROM sources WHERE uri = ?", (uri,)).fetchall():
                    db.execute("DELETE FROM reader_deaths WHERE document = ?", (json.loads(row)["document"],))
                released += db.execute("DELETE FROM quarantine WHERE uri = ?", (uri,)).rowcount > 0
                db.execute("DELETE FROM sources WHERE uri = ?", (uri,))
        return released

    def cured(self, uris: Iterable[str]) -> None:
        """Sources whose documents killed workers once, and were read well now, leave the quarantine."""
        sql = "DELETE FROM quarantine WHERE uri = ? AND json_extract(row, '$.outcome') = 'killed_reader'"
        with self._transaction() as db:
            db.executemany(sql, [(uri,) for uri in uris])

    # Workers that died.

    def add_death(self, document: str, key: str, window: int, reason: str) -> int:
        """Count that a worker died over a window; how many did so by now.

        Windows are counted apart: what kills a worker kills it at the same window.
        """
        sql = """INSERT INTO reader_deaths VALUES (?, ?, ?, 1, ?) ON CONFLICT (document, key, window)
                 DO UPDATE SET count = count + 1, reason = excluded.reason RETURNING count"""
        with self._transaction() as db:
            (count,) = db.execute(sql, (document, key, window, reason)).fetchone()
        return int(count)

    def deaths(self, key: str) -> dict[tuple[str, int], tuple[int, str]]:
        """Of every (document, window) that workers died over under this cache key: how many, last reason."""
        found = self._read("SELECT document, window, count, reason FROM reader_deaths WHERE key = ?", (key,))
        return {(document, window): (count, reason) for document, window, count, reason in found}

    # How it stays whole.

    def _connection(self) -> sqlite3.Connection:
        """This thread's connection; a forked child opens its own, as SQLite demands."""
        if getattr(self._local, "owner", None) != os.getpid():
            db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            self._opened.append((os.getpid(), db))
            _write_ahead(db)
            db.execute("PRAGMA synchronous = FULL")
            db.executescript(TABLES)
            self._local.db, self._local.owner = db, os.getpid()
        connection: sqlite3.Connection = self._local.db
        return connection

    def _read(self, sql: str, values: Sequence[str]) -> list[tuple[Any, ...]]:
        with self._errors():
            return self._connection().execute(sql, values).fetchall()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._errors(), transaction(self._connection()) as db:
            yield db

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
                raise Transient(f"ledger {self.path}: {error}") from error
            unopened = code == sqlite3.SQLITE_CANTOPEN and not self.path.exists()
            if unopened or code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
                raise unwritable(self.path, str(error)) from error
            if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise InvalidInput(f"ledger {self.path}: {error}; move it away to begin a new one") from error
            raise


def now() -> str:
    """This moment in UTC, ISO."""
    return datetime.now(UTC).isoformat()


def _chunks(keys: list[str], size: int = 500) -> Iterator[list[str]]:
    return (keys[at : at + size] for at in range(0, len(keys), size))


def _marks(keys: list[str]) -> str:
    return ", ".join("?" * len(keys))


def _process_is_gone(run: Row) -> bool:
    """Whether a run is said to be running by a process of this machine that is gone.

    One that has ended and that nobody has waited for is gone too: its parent may never do so.
    """
    counts, ours = run["counts"], (machine(), socket.gethostname())  # earlier versions noted the name alone
    if run["status"] != "running" or "process" not in counts or counts.get("host", ours[0]) not in ours:
        return False
    pid, created = counts["process"]
    try:
        process = psutil.Process(pid)
        another = abs(process.create_time() - created) > CLOCK_STEP_S
        return bool(another or process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _write_ahead(db: sqlite3.Connection) -> None:
    """Switch a file to its write-ahead log: SQLite does not wait where two processes do so at once."""
    until = time.monotonic() + BUSY_S
    while True:  # each waits for a time of its own, or they would meet again
        try:
            db.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.005, 0.05))
