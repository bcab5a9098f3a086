"""Upkeep of the memory: indices made whole, small files made one, what nobody needs any more removed.

The idea: upkeep changes where records lie and never what they say. It writes versions ahead of the published
one, like any run, and moves the same pointer: a reader finds the memory before or after, which say the same.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from model.files import write_atomic
from tasks.ingest.home.remote import stored
from tasks.memory.commit import committer, repoint, tag, writable
from tasks.memory.derived import derive
from tasks.memory.forget.erasure import check_ended
from tasks.memory.publish import index
from tasks.memory.reader import history, open_memory, published
from tasks.memory.upkeep.expire import Waiting, expire, waiting
from tasks.memory.upkeep.leftovers import sweep
from tasks.runs.ledger import Row, now
from tasks.settings import UpkeepConfig

MOST_TURNS = 4
"""Of compacting and indexing: rows are compacted only together with rows that the same indices hold."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What an upkeep did."""

    run: str
    """Whose publication the memory is."""
    version: int
    reembedded: int
    """Records whose vectors were made anew."""
    expired: list[str]
    """Runs whose versions went."""
    removed: dict[str, int]
    """Files and folders of left-overs that were removed, by part."""
    freed: int
    """Bytes that are free now; below 0 where the memory has grown."""
    waiting: Waiting
    """What is kept only because somebody may read in it still."""


def tidy(home: Path, keep: UpkeepConfig, *, wait_s: float = 600.0) -> list[str]:
    """Cut words anew where other rules cut them, compact and index the published version, publish that, and
    drop versions that are not kept.

    Returns:
        Names of the runs whose versions went.

    Raises:
        InvalidInput: if an erasure was begun that has not ended.
        Transient: if another process publishes for longer than `wait_s`.
    """
    if published(home) is None:
        return []
    with committer(home, wait_s):
        check_ended(home, "an upkeep waits for that")
        before = open_memory(home)
        table = writable(home, before)
        derive(table)
        for _ in range(MOST_TURNS):
            version = table.version
            index(table, everything=True)
            if table.version == version:
                break
        if table.version != before.version:
            tag(table, before.run)
            repoint(home, before.run, int(table.version))
        return expire(home, table, list(history(home)), keep)


def clear(home: Path, reembedded: int, expired: list[str], before: int, keep: UpkeepConfig) -> Kept:
    """Remove left-overs, and note what the upkeep did and when.

    Args:
        reembedded: records that were embedded again.
        expired: runs whose versions went.
        before: bytes of `home` when the upkeep began.
        keep: by which they went.
    """
    removed = sweep(home)
    at = published(home)
    if at is None:
        return Kept("", 0, reembedded, expired, removed, before - stored(home), Waiting())
    held = waiting(list(history(home)), keep, datetime.now(UTC))
    done = Kept(at["run"], at["version"], reembedded, expired, removed, before - stored(home), held)
    write_atomic(home / "memory" / "upkeep.json", json.dumps({**asdict(done), "time": now()}))
    return done


def last_upkeep(home: Path) -> Row:
    """What the last upkeep did and when (`time`); {} where there was none."""
    path = home / "memory" / "upkeep.json"
    found: Row = json.loads(path.read_text()) if path.exists() else {}
    return found
