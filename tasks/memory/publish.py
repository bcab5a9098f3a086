"""Long-term memory: one Lance table of records, published one whole run at a time.

The idea: readers never look at the newest table, they look at the version `published.json` names. A
publish may add, delete and index in as many table versions as it likes; replacing that one small file
is the commit, and a publish that dies before it is undone by the next one.

    home/memory/records.lance       every version stays: `as_of` reads any published run
    home/memory/staged/<run>/       records on their way in; workers write here, and only here
    home/memory/runs/<run>/         run.json (version, time, the run before), sources.parquet
    home/memory/published.json      {run, version, time}: the commit point
    home/memory/.committer          locked by the one process that may write the table
"""

import fcntl
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from lancedb.index import FTS, IvfFlat

from tasks import schema
from tasks.errors import InvalidInput, Transient
from tasks.memory.reader import (
    TABLE,
    Memory,
    connect,
    history,
    named,
    open_memory,
    published,
    quoted,
    replace,
    run_folder,
    run_json,
    write,
)
from tasks.memory.sources import merge_sources, orphans
from tasks.memory.staging import check_offsets, stage, staged_batches

__all__ = [
    "Memory",
    "Published",
    "history",
    "merge_sources",
    "open_memory",
    "orphans",
    "publish",
    "published",
    "quoted",
    "stage",
]

VECTOR_INDEX_ROWS = 20_000
"""Below this a flat scan of the vectors is exact and as quick."""

FOR_EVER = timedelta(days=36_500)
"""optimize() would drop versions older than a week, and with them every earlier run."""


@dataclass(frozen=True, slots=True)
class Published:
    """What a publish did: how many records it added and retired, and the version readers now see."""

    run: str
    version: int
    added: int
    retired: int


def publish(
    home: Path,
    run: str,
    staged: Sequence[Path],
    sources: pa.Table,
    retire: Sequence[str] = (),
    *,
    wait_s: float = 600.0,
) -> Published:
    """Make the staged records and `sources` (the whole memory's) what readers see, in one step.

    `retire` holds ids of documents, whose records all go, and of records; a staged record never goes.
    Where nothing changes, the table keeps its version. Calling again for a published run is harmless.

    Raises:
        InvalidInput: if `run` is no usable name, or has published something else.
        Transient: if another process publishes for longer than `wait_s`.
        ValueError: if a staged record quotes what `sources` do not hold.
    """
    named(home / "memory" / "runs", run).mkdir(parents=True, exist_ok=True)
    sources = schema.check(sources, schema.SOURCES).sort_by([("uri", "ascending"), ("part", "ascending")])
    with _committer(home / "memory" / ".committer", wait_s):
        before = open_memory(home) if published(home) else None
        done = _done(home, run)
        staged = [path for path in staged if not done or path.exists()]
        new, gone = _plan(before, staged, sources, retire)
        if before and not new and not gone and before.sources.equals(sources):
            return done or _nothing(home, run, before)
        if done:
            raise InvalidInput(f"run {run!r} is published already; give what is new a run of its own")
        if before and not new and not gone:
            version = before.version
        else:
            version = _write_rows(home, run, before, staged, new, gone)
        result = Published(run, version, len(new), len(gone))
        _commit(home, result, sources, before.run if before else "")
    for path in staged:
        path.unlink(missing_ok=True)
    return result


def _done(home: Path, run: str) -> Published | None:
    """What this run published, if it did: run.json alone may be left by a publish that died."""
    note = run_json(home, run)
    if not note or not ("same_as" in note or run in {row["run"] for row in history(home)}):
        return None
    return Published(run, note["version"], note["added"], note["retired"])


def _nothing(home: Path, run: str, before: Memory) -> Published:
    """No new version, no new pointer: the run only leaves a note which run it found to be current."""
    result = Published(run, before.version, 0, 0)
    note = {**asdict(result), "time": _now(), "same_as": before.run}
    write(run_folder(home, run) / "run.json", json.dumps(note))
    return result


def _plan(
    before: Memory | None, staged: Sequence[Path], sources: pa.Table, retire: Sequence[str]
) -> tuple[set[str], list[str]]:
    """Ids to add and ids to delete, after the staged files were verified against the sources."""
    good = sources.filter(pc.equal(sources["outcome"], "ok"))
    chars = dict(zip(good["document"].to_pylist(), good["chars"].to_pylist(), strict=True))
    coming: set[str] = set()
    for batch in staged_batches(staged):
        check_offsets(schema.check(pa.Table.from_batches([batch]), schema.RECORDS), chars)
        for row in batch.select(["id", "document"]).to_pylist():
            if row["document"] not in chars and row["document"]:
                raise ValueError(f"record {row['id']!r} is of {row['document']!r}, which no source holds")
            coming.add(row["id"])
    present, gone, old = set[str](), list[str](), set(retire)
    for batch in before.batches(columns=["id", "document"]) if before else ():
        for row in batch.to_pylist():
            if row["id"] in coming:
                present.add(row["id"])
            elif row["id"] in old or row["document"] in old:
                gone.append(row["id"])
    return coming - present, gone


def _write_rows(
    home: Path, run: str, before: Memory | None, staged: Sequence[Path], new: set[str], gone: list[str]
) -> int:
    """Add, delete, index, tag; the version that holds it all. Readers see none of it yet."""
    table = _writable(home, before)
    if new:
        merge = table.merge_insert("id").when_not_matched_insert_all().use_index(False)
        merge.execute(pa.RecordBatchReader.from_batches(schema.RECORDS, _fresh(staged, set(new))))
    for at in range(0, len(gone), 2000):
        table.delete(f"id IN ({quoted(gone[at : at + 2000])})")
    _index(table)
    table.optimize(cleanup_older_than=FOR_EVER)
    tag = f"run-{run}"
    (table.tags.update if tag in table.tags.list() else table.tags.create)(tag, table.version)
    return int(table.version)


def _writable(home: Path, before: Memory | None) -> Any:
    """The newest table, first put back to what is published if a dead publish left it ahead."""
    if before is None:
        left_over = (home / "memory" / f"{TABLE}.lance").exists()  # by a first publish that died
        mode = "overwrite" if left_over else "create"
        table = connect(home).create_table(TABLE, schema=schema.RECORDS, mode=mode)
        table.set_unenforced_primary_key("id")
        return table
    table = connect(home).open_table(TABLE)
    if table.version != before.version:
        table.checkout(before.version)
        table.restore()
    return table


def _fresh(staged: Sequence[Path], new: set[str]) -> Iterator[pa.RecordBatch]:
    """The staged rows whose id is in `new`, each once: merge_insert would insert a repeated id twice."""
    for batch in staged_batches(staged):
        mask = []
        for one in batch["id"].to_pylist():
            mask.append(one in new)
            new.discard(one)
        yield batch.filter(pa.array(mask)).cast(schema.RECORDS)


def _index(table: Any) -> None:
    indexed = {column for index in table.list_indices() for column in index.columns}
    rows = table.count_rows()
    if rows and "text" not in indexed:
        config = FTS(language="English", stem=True, remove_stop_words=True, with_position=False)
        table.create_index("text", config=config)
    if rows > VECTOR_INDEX_ROWS and "vector" not in indexed:
        table.create_index("vector", config=IvfFlat(distance_type="cosine"))


def _commit(home: Path, result: Published, sources: pa.Table, previous: str) -> None:
    """Everything the pointer leads to first, the pointer last."""
    folder = run_folder(home, result.run)
    temporary = folder / ".sources"
    pq.write_table(sources, temporary)
    replace(temporary, folder / "sources.parquet")
    moment = _now()
    write(folder / "run.json", json.dumps({**asdict(result), "time": moment, "previous": previous}))
    pointer = {"run": result.run, "version": result.version, "time": moment}
    write(home / "memory" / "published.json", json.dumps(pointer))


@contextmanager
def _committer(path: Path, wait_s: float) -> Iterator[None]:
    """Hold the one right to write. The lock is the kernel's: it goes when its process does."""
    deadline = time.monotonic() + wait_s
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise Transient(
                        f"another process has been publishing to {path.parent} for {wait_s} s"
                    ) from None
                time.sleep(0.05)
        yield


def _now() -> str:
    return datetime.now(UTC).isoformat()
