"""Versions that the table holds no more: the run that published one stays in the history and says so.

The idea: a run is never taken out of the chain that leads through the earlier ones. `run.json` gains the date
and the reason, and whoever asks for that memory is told the nearest one that is still there.

    "dropped": {"on": ISO time, "by": "an erasure"}
"""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from model.files import write_atomic
from tasks.errors import InvalidInput
from tasks.ingest.home.writing import saved
from tasks.runs.ledger import Row, now


def mark_dropped(home: Path, run: str, by: str) -> None:
    """Note that the version that a run published is dropped; to be called before its files go.

    Args:
        by: what dropped it, as people are told, such as "an erasure" or "upkeep".

    Raises:
        InvalidInput: if the run has published nothing.
    """
    path = home / "memory" / "runs" / run / "run.json"
    if not path.is_file():
        raise InvalidInput(f"run {run!r} has published no version that could be dropped")
    note = {"on": now(), "by": by}
    write_atomic(path, json.dumps({**json.loads(path.read_text()), "dropped": note}))
    saved(home, path)


def is_dropped(row: Row) -> bool:
    """Whether the version of a run (its run.json) is gone."""
    return "dropped" in row


def told(row: Row) -> str:
    """What became of a dropped version."""
    note = row["dropped"]
    return f"the memory of run {row['run']} was dropped by {note['by']} on {note['on'][:10]}"


def nearest(row: Row, runs: Sequence[Row]) -> str:
    """The run closest in time whose version is still there."""

    def apart(other: Row) -> float:
        return abs((_moment(other) - _moment(row)).total_seconds())

    kept = [other for other in runs if not is_dropped(other)]
    if not kept:
        return "no earlier version is left"
    one = min(kept, key=apart)
    return f"the nearest that is left is {one['run']} ({one['time']})"


def _moment(row: Row) -> datetime:
    return datetime.fromisoformat(row["time"])
