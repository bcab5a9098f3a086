"""Sources of runs whose versions were dropped: each once, in one file, where every run had a file of its own.

The idea: nobody reads in those runs any more, but the ledger still holds what was read of their documents.
Who has one of them forgotten must find it, so which document was where is kept.

    home/memory/earlier.parquet   rows of schema.SOURCES
"""

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from model.files import replacing
from tasks import schema
from tasks.ingest.home.remote import remote_of
from tasks.memory.commit import committer
from tasks.memory.dropped import is_dropped
from tasks.memory.reader import history, run_folder
from tasks.runs.ledger import Row


def gather(home: Path, *, wait_s: float = 600.0) -> int:
    """Gather the sources of runs whose versions were dropped; how many files of them are gone now.

    Raises:
        Transient: if another process publishes for longer than `wait_s`.
    """
    if remote_of(home):
        return 0  # in a bucket a run's files are fetched when they are asked for, and cost next to nothing
    with committer(home, wait_s):
        runs = list(history(home))
        going = [path for row in runs if is_dropped(row) and (path := _sources(home, row)).is_file()]
        if not going:
            return 0
        kept = [path for row in runs if not is_dropped(row) and (path := _sources(home, row)).is_file()]
        held = {_key(row) for path in kept for row in _rows(path)}
        before = [_path(home)] if _path(home).is_file() else []
        found = {_key(row): row for path in (*before, *going) for row in _rows(path)}
        rows = [row for key, row in found.items() if key not in held]
        with replacing(_path(home)) as fresh:
            pq.write_table(pa.Table.from_pylist(rows, schema=schema.SOURCES), fresh)
        for path in going:
            path.unlink()
    return len(going)


def files(home: Path) -> list[Path]:
    """Every file that tells which sources a run has seen: that of the dropped ones, then one a run."""
    runs = sorted((home / "memory" / "runs").glob("*/sources.parquet"), reverse=True)
    return [*([_path(home)] if _path(home).is_file() else []), *runs]


def _path(home: Path) -> Path:
    return home / "memory" / "earlier.parquet"


def _sources(home: Path, row: Row) -> Path:
    return run_folder(home, row["run"]) / "sources.parquet"


def _rows(path: Path) -> Iterator[Row]:
    return (row for row in pq.read_table(path).to_pylist() if row["document"])


def _key(row: Row) -> tuple[str, int, str]:
    return row["uri"], row["part"], row["document"]
