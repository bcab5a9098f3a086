"""Rollback: the memory is again exactly as a run published it, as a publication of its own.

The idea: nothing is undone. The table gets a newest version with the content of an older one, the sources of
that run become those of today, and the history goes on from there: what lies between stays within reach.
"""

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InvalidInput
from tasks.memory.commit import Published, commit, committer, tag
from tasks.memory.forget.erasure import check_ended
from tasks.memory.reader import TABLE, Memory, connect, history, named, open_memory, run_json

TO = "rolled_back_to"
"""What run.json of a rollback says beside that: the run whose memory it published again."""


def rollback(home: Path, run: str, to: str, *, wait_s: float = 600.0) -> Published:
    """Publish, as `run`, the memory as the run `to` published it: its records and its sources.

    What is published meanwhile is decided under the lock. Calling again for a published rollback is harmless.

    Raises:
        InvalidInput: if there is no such run, its version was dropped, or the memory is as it published it.
        Transient: if another process publishes for longer than `wait_s`.
    """
    named(home / "memory" / "runs", run)
    with committer(home, wait_s):
        now = open_memory(home)
        if now.run == run:
            note = run_json(home, run)
            return Published(run, note["version"], note["added"], note["retired"])
        way = _way(home, now, to)
        version = _restored(home, way.then, run) if way.added or way.retired else now.version
        result = Published(run, version, way.added, way.retired)
        commit(home, result, way.then.sources, now.run, **{TO: way.then.run})
    return result


def check(home: Path, to: str) -> None:
    """Refuse what `rollback` would refuse.

    Raises:
        InvalidInput: if there is no such run, its version was dropped, the memory is as it published it, or
            an erasure is to be finished first.
    """
    _way(home, open_memory(home), to)


@dataclass(frozen=True)
class _Way:
    """The memory to go back to, and how many records that brings back and takes out."""

    then: Memory
    added: int
    retired: int


def _way(home: Path, now: Memory, to: str) -> _Way:
    check_ended(home, "until then earlier versions may hold what it erases")
    runs = [row["run"] for row in history(home)]
    if runs and to not in runs and "same_as" not in run_json(home, to):
        raise InvalidInput(f"no run {to!r} was published; the latest: {', '.join(runs[:5])}")
    then = open_memory(home, to)
    before, after = _ids(now), _ids(then)
    if before == after and now.sources.equals(then.sources):
        raise InvalidInput(f"there is nothing to roll back: the memory is as run {to} published it")
    return _Way(then, len(after - before), len(before - after))


def _restored(home: Path, then: Memory, run: str) -> int:
    """The newest version of the table, with the content of an older one. Readers see none of it yet."""
    table = connect(home).open_table(TABLE)
    table.checkout(then.version)
    table.restore()
    tag(table, run)
    return int(table.version)


def _ids(memory: Memory) -> set[tuple[str, str]]:
    """Records by id and by the run that made them: one that was retired and read again is another one."""
    batches = memory.batches(columns=["id", "run"])
    return {(row["id"], row["run"]) for batch in batches for row in batch.to_pylist()}
