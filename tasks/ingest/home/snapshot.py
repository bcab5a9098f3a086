"""The ledger of a home in a bucket: a SQLite file here, whole snapshots of it there.

The idea: SQLite copies a database that is being written to as it was at one moment. Each writer sends its
own, under the number by which it came to write; the one with the highest number counts, so what a writer
that was given up may still send is passed over.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from tasks.ingest.home.remote import Remote
from tasks.runs.ledger import ledger_path

FIRST = 10**12
NOTE = "ledger"
"""In the index: the snapshot that the ledger here comes from, or has become."""
KEPT = 2


def pull(remote: Remote) -> None:
    """Have the newest snapshot as the ledger here, unless what is here has come from it."""
    index, found = remote.index, next(remote.bucket.list("ledger/", most=1), None)
    if found is None or index.note(NOTE) == f"{found.name} {found.etag}":
        return
    fresh = remote.folder / ".ledger.fetched"
    etag = remote.bucket.download(found.name, fresh)
    if etag is not None:
        _copy(fresh, ledger_path(remote.folder))
        index.set_note(NOTE, f"{found.name} {etag}")
    fresh.unlink(missing_ok=True)


class Snapshot:
    """The ledger as it is now, to be sent when all that it names is in the bucket."""

    def __init__(self, remote: Remote, number: int) -> None:
        self.remote, self.name = remote, f"ledger/{FIRST - number:012d}.sqlite"
        self.file = remote.folder / ".ledger.sent"
        if ledger_path(remote.folder).exists():
            _copy(ledger_path(remote.folder), self.file)

    def send(self) -> None:
        """Send it."""
        if self.file.exists():
            etag = self.remote.bucket.upload(self.file, self.name)
            self.remote.index.set_note(NOTE, f"{self.name} {etag}")
            self.file.unlink()


def prune(remote: Remote, kept: int = KEPT) -> None:
    """Drop snapshots of writers before."""
    names = [one.name for one in remote.bucket.list("ledger/")]
    remote.bucket.delete(names[kept:])


def state(remote: Remote) -> tuple[float, ...]:
    """What changes when the ledger does."""
    path = ledger_path(remote.folder)
    files = [path, path.with_name(f"{path.name}-wal")]
    return tuple(value for file in files if file.exists() for value in _stamp(file))


def _stamp(file: Path) -> tuple[float, ...]:
    status = os.stat(file)
    return status.st_size, status.st_mtime_ns


def _copy(source: Path, target: Path) -> None:
    """Copy a database as it is at one moment; whoever has the target open sees it before or after."""
    with (
        closing(sqlite3.connect(source, timeout=60)) as here,
        closing(sqlite3.connect(target, timeout=60)) as to,
    ):
        here.backup(to)
