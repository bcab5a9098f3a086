"""Which versions of earlier runs are kept, and how the others go.

The idea: what is kept is always the newest part of the history, so one moment divides the versions of the
table. A version goes only some time after it has ceased to be the published one, longer than anybody reads
in it; before its files go, its run says so.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.memory.commit import drop_before, made_at, retag
from tasks.memory.dropped import is_dropped, mark_dropped
from tasks.runs.ledger import Row
from tasks.settings import UpkeepConfig

BY = "upkeep"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Versions that are kept only for their readers, and until when (ISO) there may be one."""

    versions: int = 0
    until: str = ""
    readers_s: float = 0.0


def expiring(rows: Sequence[Row], keep: UpkeepConfig, moment: datetime) -> list[Row]:
    """The published runs whose versions go, newest first.

    Args:
        rows: run.json of every published run, newest first.
    """
    kept = 1
    while kept < len(rows) and (_wanted(rows, kept, keep, moment) or _until(rows, kept, keep) > moment):
        kept += 1
    return [row for row in rows[kept:] if not is_dropped(row)]


def waiting(rows: Sequence[Row], keep: UpkeepConfig, moment: datetime) -> Waiting:
    """What an upkeep would drop by now, if nobody might read in it.

    Args:
        rows: as `expiring` takes them.
    """
    going = {row["run"] for row in expiring(rows, keep, moment)}
    until = [
        _until(rows, at, keep)
        for at, row in enumerate(rows)
        if at and not (row["run"] in going or is_dropped(row) or _wanted(rows, at, keep, moment))
    ]
    until += [end for row in rows if row["run"] not in going for _, end in _replaced(row, keep, moment)]
    return Waiting(len(until), max(until).isoformat(), keep.readers_s) if until else Waiting()


def _wanted(rows: Sequence[Row], at: int, keep: UpkeepConfig, moment: datetime) -> bool:
    """Whether the settings keep a version for its own sake."""
    own = datetime.fromisoformat(rows[at]["time"])
    return at < keep.keep_runs or moment - own < timedelta(days=keep.keep_days)


def _until(rows: Sequence[Row], at: int, keep: UpkeepConfig) -> datetime:
    """Until when somebody may read in a version: some time after the one that replaced it."""
    return datetime.fromisoformat(rows[at - 1]["time"]) + timedelta(seconds=keep.readers_s)


def _replaced(row: Row, keep: UpkeepConfig, moment: datetime) -> Iterator[tuple[int, datetime]]:
    """Versions of a run that an upkeep has replaced by equal ones, and that somebody may read in still."""
    for one in row.get("earlier", ()):
        until = datetime.fromisoformat(one["until"]) + timedelta(seconds=keep.readers_s)
        if until > moment:
            yield one["version"], until


def expire(home: Path, table: Any, rows: Sequence[Row], keep: UpkeepConfig) -> list[str]:
    """Drop the versions of the runs that `keep` does not keep, and files of the table that no version needs.

    The caller holds the committer's lock, and has published the newest version of `table`.

    Args:
        rows: run.json of every published run, newest first.

    Returns:
        Names of the runs whose versions went.
    """
    now = datetime.now(UTC)
    going = expiring(rows, keep, now)
    for row in going:
        mark_dropped(home, row["run"], BY)
    gone = {row["run"] for row in going}
    kept = [row for row in rows if row["run"] not in gone and not is_dropped(row)]
    made = made_at(table)
    read = {version for row in kept for version, _ in _replaced(row, keep, now)} & made.keys()
    retag(table, {f"run-{row['run']}": row["version"] for row in kept} | {f"read-{one}": one for one in read})
    drop_before(table, min(made[version] for version in {row["version"] for row in kept} | read))
    return [row["run"] for row in going]
