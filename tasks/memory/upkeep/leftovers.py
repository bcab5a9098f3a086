"""Left-overs: what dead runs and upkeeps wrote, and parsed text and shards that no kept run needs.

The idea: whatever goes can be made again from its source. While a run is going on nothing goes, since it may
build on any of it; and what is young may belong to a run that is about to begin.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pyarrow.parquet as pq

from tasks.ingest.home.remote import needed, remote_of
from tasks.memory.dropped import is_dropped
from tasks.memory.earlier import gather
from tasks.memory.reader import history
from tasks.memory.staging import DEAD_S, last_touched
from tasks.runs.ledger import Ledger, ledger_path


def sweep(home: Path) -> dict[str, int]:
    """Remove left-overs; how many files and folders of each part went. None while a run is going on."""
    parts: dict[str, Callable[[Path], Iterator[Path]]] = {
        "staged": staged,
        "vectors": vectors,
        "parsed": parsed,
        "shards": shards,
    }
    removed = dict.fromkeys((*parts, "sources"), 0)
    known = ledger_path(home)
    with Ledger(known) if known.is_file() else nullcontext() as ledger:
        for part, found in parts.items():
            for path in found(home):
                if ledger and ledger.running():
                    return removed
                remove(path)
                removed[part] += 1
        for part, count in in_bucket(home, time.time()).items():
            removed[part] += count
        if not (ledger and ledger.running()):  # a run may have begun with one of those that went
            removed["sources"] = gather(home)
    return removed


def staged(home: Path) -> Iterator[Path]:
    """Staged records of runs that died."""
    for folder in sorted((home / "memory" / "staged").glob("*")):
        if _is_old(folder):
            yield folder


def vectors(home: Path) -> Iterator[Path]:
    """New vectors of an upkeep that died and that nobody came back to."""
    for folder in sorted((home / "memory" / "vectors").glob("*")):
        if _is_old(folder):
            yield folder


def parsed(home: Path) -> Iterator[Path]:
    """Parsed texts, and what is noted of them, that no source of a kept run names."""
    held = {Path(name).stem for name in _held(home, "parsed")}
    for path in sorted((home / "parsed").glob("*")):
        if path.stem not in held and _is_old(path):
            yield path


def shards(home: Path) -> Iterator[Path]:
    """Shards of documents that no source of a kept run holds."""
    held = _held(home, "document")
    for folder in sorted((home / "shards").glob("*/*")):
        if folder.name.partition(".")[0] not in held and _is_old(folder):
            yield folder


def in_bucket(home: Path, moment: float) -> dict[str, int]:
    """Remove from the bucket of a home what `parsed` and `shards` find in a folder; how many files.

    Args:
        moment: of now, in seconds since 1970: what was written shortly before stays.
    """
    remote = remote_of(home)
    if remote is None or not any(history(home)):
        return {}
    held = {
        "parsed": {Path(name).stem for name in _held(home, "parsed")},
        "shards": _held(home, "document"),
    }
    removed = dict.fromkeys(held, 0)
    for part, names in held.items():
        left = []
        for one in remote.bucket.list(f"{part}/"):
            path = Path(one.name)
            name = path.stem if part == "parsed" else path.parent.name
            if name not in names and moment - one.modified > DEAD_S:
                left.append(one.name)
        remote.bucket.delete(left)
        remote.index.drop(left)
        removed[part] = len(left)
    return removed


def remove(path: Path) -> None:
    """Remove a file or a folder; one that another process has removed meanwhile is no error."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _held(home: Path, column: str) -> set[str]:
    """Values of a column of the sources of every run whose version is kept."""
    found: set[str] = set()
    for row in history(home):
        name = f"memory/runs/{row['run']}/sources.parquet"
        if not is_dropped(row) and (remote_of(home) or (home / name).is_file()):
            found |= set(pq.read_table(needed(home, name), columns=[column])[column].to_pylist())
    return found


def _is_old(path: Path) -> bool:
    return time.time() - last_touched(path) > DEAD_S
