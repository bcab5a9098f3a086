"""Which versions of earlier runs are kept, and how the others go.

The idea: what is kept is always the newest part of the history, so one moment divides the versions of the
table. A version goes only some time after it has ceased to be the published one, longer than anybody reads
in it; before its files go, its run says so.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tasks.memory.commit import retag
from tasks.memory.dropped import is_dropped, mark_dropped
from tasks.memory.reader import Row
from tasks.settings import UpkeepConfig

BY = "upkeep"

MARGIN = timedelta(minutes=1)
"""Lance counts the age of a version from when it gets to it, not from when it was asked."""


def expiring(rows: Sequence[Row], keep: UpkeepConfig, moment: datetime) -> list[Row]:
    """The published runs whose versions go, newest first.

    Args:
        rows: run.json of every published run, newest first.
    """
    kept = 1
    while kept < len(rows):
        replaced, own = (datetime.fromisoformat(rows[at]["time"]) for at in (kept - 1, kept))
        young = moment - own < timedelta(days=keep.keep_days)
        read = moment - replaced < timedelta(seconds=keep.readers_s)
        if not (kept < keep.keep_runs or young or read):
            break
        kept += 1
    return [row for row in rows[kept:] if not is_dropped(row)]


def expire(home: Path, table: Any, rows: Sequence[Row], keep: UpkeepConfig) -> list[str]:
    """Drop the versions of the runs that `keep` does not keep, and files of the table that no version needs.

    The caller holds the committer's lock, and has published the newest version of `table`.

    Args:
        rows: run.json of every published run, newest first.

    Returns:
        Names of the runs whose versions went.
    """
    going = expiring(rows, keep, datetime.now(UTC))
    for row in going:
        mark_dropped(home, row["run"], BY)
    gone = {row["run"] for row in going}
    kept = [row for row in rows if row["run"] not in gone and not is_dropped(row)]
    there = {one["version"] for one in table.list_versions()}
    read = _read(kept, keep) & there  # an upkeep that kept less may have dropped some
    retag(table, {f"run-{row['run']}": row["version"] for row in kept} | {f"read-{one}": one for one in read})
    _clean(table, {row["version"] for row in kept} | read)
    return [row["run"] for row in going]


def _clean(table: Any, kept: set[int]) -> None:
    """Drop the versions before the oldest of these, and files that no version names."""
    made = {one["version"]: one["timestamp"] for one in table.list_versions()}
    oldest = min(made[version] for version in kept)
    before = max((moment for moment in made.values() if moment < oldest), default=oldest - 2 * MARGIN)
    age = datetime.now(oldest.tzinfo) - oldest + min(MARGIN, (oldest - before) / 2)
    table.optimize(cleanup_older_than=age, delete_unverified=True)  # nobody else writes under the lock


def _read(rows: Sequence[Row], keep: UpkeepConfig) -> set[int]:
    """Versions that an upkeep has replaced by equal ones so lately that somebody may read in them."""
    since = datetime.now(UTC) - timedelta(seconds=keep.readers_s)
    earlier = (one for row in rows for one in row.get("earlier", ()))
    return {one["version"] for one in earlier if datetime.fromisoformat(one["until"]) > since}
