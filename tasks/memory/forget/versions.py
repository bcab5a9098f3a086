"""The history after an erasure: every run leads to its rewritten version, and the old ones are dropped.

The idea: all of this comes after the pointer has moved, one small file after the other, and each step may be
repeated: before it a run leads to its old version, which is still there, after it to the new one.
"""

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from model.files import write_atomic
from tasks.memory.commit import drop_before, retag
from tasks.memory.dropped import is_dropped
from tasks.memory.reader import TABLE, connect, history, run_json


def lead_to(home: Path, versions: dict[str, int], on: str) -> int:
    """Have every run lead to the version that takes the place of its own; how many runs did not yet.

    Args:
        versions: new by old.
        on: when the erasure was, ISO.
    """
    changed = 0
    for path in sorted((home / "memory" / "runs").glob("*/run.json")):
        note = json.loads(path.read_text())
        new = versions.get(str(note["version"]))
        if new is not None and note.get("rewritten") != on and note["version"] not in versions.values():
            kept = {name: value for name, value in note.items() if name != "earlier"}
            write_atomic(path, json.dumps({**kept, "version": new, "rewritten": on}))
            changed += 1
    return changed


def drop_old(home: Path, began: str) -> int:
    """Drop every version from before an erasure began (ISO), with its files; how many.

    Tags lead to the rewritten versions first: a tagged version is never dropped.
    """
    table = connect(home).open_table(TABLE)
    retag(table, {f"run-{row['run']}": row["version"] for row in history(home) if not is_dropped(row)})
    return drop_before(table, datetime.fromisoformat(began))


def publication(home: Path, run: str) -> dict[str, Any]:
    """run.json of a run that has published; {} if it has not."""
    return run_json(home, run) if any(row["run"] == run for row in history(home)) else {}
