"""The database of a Prefect server as one of this version has set it up, kept for all later servers of tests.

The idea: setting it up takes ten seconds of processor time, starting a server that finds it six.
"""

import os
import shutil
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from tests import lanes

KEPT = lanes.CACHE / f"prefect-{version('prefect')}.db"


def migrated(home: Path) -> None:
    """Put the database into a home that has none, if one is kept."""
    if KEPT.exists():
        (home / "prefect").mkdir(parents=True)
        shutil.copy(KEPT, home / "prefect" / "prefect.db")


def keep(home: Path) -> None:
    """Keep the database of a home whose server is up, unless one is kept."""
    if KEPT.exists():
        return
    KEPT.parent.mkdir(parents=True, exist_ok=True)
    new = KEPT.with_suffix(f".{os.getpid()}")
    path = home / "prefect" / "prefect.db"
    with closing(sqlite3.connect(path, timeout=60)) as found, closing(sqlite3.connect(new)) as copy:
        found.backup(copy)
    new.replace(KEPT)
