"""How the table is written: by one process at a time, ahead of what readers see, until the pointer moves.

The idea: whoever holds the lock may make as many table versions as it likes. Readers look at the version that
`published.json` names; replacing that one small file is the commit, and what a writer that died before it has
left ahead of the pointer is undone by the next one.
"""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from model.files import locked, replacing, write_atomic
from tasks import schema
from tasks.errors import Transient
from tasks.ingest.home.remote import reached
from tasks.ingest.home.writing import publish as point
from tasks.ingest.home.writing import writing
from tasks.memory.derived import note_derived
from tasks.memory.reader import TABLE, Memory, connect, run_folder
from tasks.runs.ledger import now


@dataclass(frozen=True, slots=True)
class Published:
    """What a publication did: how many records it added and retired, and the version readers now see."""

    run: str
    version: int
    added: int
    retired: int


@contextmanager
def committer(home: Path, wait_s: float = 600.0) -> Iterator[None]:
    """Hold the one right to write. The lock is the kernel's: it goes when its process does.

    Raises:
        Transient: if another process holds it for longer than `wait_s`.
    """
    folder = home / "memory"
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(writing(home))
        stack.enter_context(reached(home))
        try:
            stack.enter_context(locked(folder / ".committer", wait_s))
        except TimeoutError as error:
            raise Transient(f"another process has been publishing to {folder} for {wait_s} s") from error
        yield


def created(home: Path) -> Any:
    """A new, empty table; one that a first publish left when it died is overwritten."""
    database = connect(home)
    mode = "overwrite" if TABLE in database.list_tables().tables else "create"
    table = database.create_table(TABLE, schema=schema.RECORDS, mode=mode)
    table.set_unenforced_primary_key("id")
    note_derived(table)
    return table


def writable(home: Path, before: Memory) -> Any:
    """The newest table, first put back to what is published if a dead writer left it ahead."""
    table = connect(home).open_table(TABLE)
    if table.version != before.version:
        table.checkout(before.version)
        table.restore()
    if missing := {name: sql for name, sql in schema.ADDED.items() if name not in table.schema.names}:
        table.add_columns(missing)
    return table


def tag(table: Any, run: str) -> None:
    """Name the newest version after the run that publishes it: a tagged version is kept."""
    name = f"run-{run}"
    (table.tags.update if name in table.tags.list() else table.tags.create)(name, table.version)


def retag(table: Any, kept: dict[str, int]) -> None:
    """Have exactly these tags, each at its version: what is tagged is never dropped."""
    held = {name: one["version"] for name, one in table.tags.list().items()}
    for name in held.keys() - kept.keys():  # of a run that went, or that died before its commit
        table.tags.delete(name)
    for name, version in kept.items():
        if name not in held:
            table.tags.create(name, version)
        elif held[name] != version:
            table.tags.update(name, version)


MARGIN = timedelta(minutes=1)
"""Lance counts the age of a version from when it gets to it, not from when it was asked."""


def made_at(table: Any) -> dict[int, datetime]:
    """When each version of a table was made; Lance tells it in local time."""
    return {one["version"]: one["timestamp"].astimezone(UTC) for one in table.list_versions()}


def drop_before(table: Any, moment: datetime) -> int:
    """Drop the versions that were made before a moment, and files that no version needs; how many versions.

    The caller holds the committer's lock. Later versions may be tagged, earlier ones must not be.
    """
    old = [made for made in made_at(table).values() if made < moment]
    divides = max([moment - MARGIN, *(made + timedelta(milliseconds=1) for made in old)])
    table.optimize(cleanup_older_than=datetime.now(UTC) - divides, delete_unverified=True)
    return len(old)


def commit(home: Path, result: Published, sources: pa.Table, previous: str, **notes: str) -> None:
    """Everything the pointer leads to first, the pointer last.

    Args:
        previous: the run whose publication this one follows.
        notes: what else run.json says of it.
    """
    folder = run_folder(home, result.run)
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "sources.parquet") as fresh:
        pq.write_table(sources, fresh)
    moment = now()
    note = {**asdict(result), "time": moment, "previous": previous, **notes}
    write_atomic(folder / "run.json", json.dumps(note))
    pointer = {"run": result.run, "version": result.version, "time": moment}
    point(home, pointer, sorted(folder.iterdir()))


def repoint(home: Path, run: str, version: int) -> None:
    """Make another version, of the same records, the one that the published run `run` is read from.

    run.json keeps which version it was before, and until when: somebody may read in it still.
    """
    path = run_folder(home, run) / "run.json"
    note = json.loads(path.read_text())
    moment = now()
    if note["version"] != version:
        earlier = [*note.get("earlier", []), {"version": note["version"], "until": moment}]
        write_atomic(path, json.dumps({**note, "version": version, "earlier": earlier}))
    point(home, {"run": run, "version": version, "time": note["time"]}, [path])
