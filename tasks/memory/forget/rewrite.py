"""The history of the table written again without some documents: every version of every run, oldest first.

The idea: Lance keeps the rows of a version in files that later versions share, so a row is gone only when no
file that held it is left. The oldest version is written anew without it, the others as what they add to it
and take from it. All of that lies ahead of the published version: nobody sees it before the pointer moves.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tasks import schema
from tasks.memory.derived import cut, is_derived, note_derived
from tasks.memory.embedders import made_by, note, noted
from tasks.memory.forget.merged import Remade
from tasks.memory.forget.scrub import scrubbed
from tasks.memory.publish import index
from tasks.memory.reader import TABLE, Memory, connect, memories, quoted

CHUNK = 2000
"""Ids in one condition."""

Identity = tuple[str, str]
"""Id of a record and the run that made it: one that was retired and read again is another one."""


@dataclass(frozen=True)
class Rewritten:
    """What the table holds ahead of the published version."""

    versions: dict[int, int]
    """The version that takes the place of each."""
    runs: tuple[str, ...]
    """Runs whose version held one of the documents, oldest first."""
    removed: dict[str, int]
    """Records of the documents that went from the newest version, by level."""
    remade: int
    """Merged records of the newest version that were made again."""
    merged: int
    """Merged records that went from it."""
    keys: tuple[str, ...]
    """Cache keys under which the documents were read."""


def rewrite(home: Path, documents: Collection[str], remake: Callable[[Memory], Remade]) -> Rewritten:
    """Write every version that a run published again, without these documents.

    The caller holds the committer's lock.

    Args:
        remake: what becomes of the merged records of a version.
    """
    versions: dict[int, int] = {}
    held: list[str] = []
    counts, keys = (0, 0), set[str]()
    removed: dict[str, int] = {}
    table, there = None, set[Identity]()
    for memory in list(memories(home)):
        rows = memory.rows(f"document IN ({quoted(sorted(documents))})", ["level", "skip_key"])
        levels = dict(Counter(one["level"] for one in rows))
        keys |= {one["skip_key"] for one in rows}
        made = remake(memory) if levels or _cited(memory, documents) else Remade()
        if levels or made.gone:
            held.append(memory.run)
        removed, counts = levels, (len(made.records), len(made.gone))
        wanted = _staying(memory, documents, made)
        if table is None or made_by(memory) != noted(table):
            table = _begun(home, memory, wanted, documents, made)
        else:
            _follow(table, memory, there, wanted, documents, made)
        index(table)
        there = wanted | {(one["id"], one["run"]) for one in made.records}
        versions[memory.version] = int(table.version)
    return Rewritten(versions, tuple(held), removed, *counts, tuple(sorted(keys)))


def _cited(memory: Memory, documents: Collection[str]) -> bool:
    """Whether merged records of a version quote one of the documents."""
    rows = memory.rows("level = 'corpus'", ["quotes"])
    return any(quote["document"] in documents for row in rows for quote in row["quotes"])


def _staying(memory: Memory, documents: Collection[str], made: Remade) -> set[Identity]:
    """Records of a version that stay."""
    return {
        (row["id"], row["run"])
        for batch in memory.batches(columns=["id", "run", "document"])
        for row in batch.to_pylist()
        if row["document"] not in documents and row["id"] not in made.gone
    }


def _begun(
    home: Path, memory: Memory, wanted: set[Identity], documents: Collection[str], made: Remade
) -> Any:
    """A table of new files: a version without the documents."""
    batches = pa.RecordBatchReader.from_batches(schema.RECORDS, _rows(memory, wanted, documents, made))
    table = connect(home).create_table(TABLE, batches, schema=schema.RECORDS, mode="overwrite")
    table.set_unenforced_primary_key("id")
    if embedder := made_by(memory):
        note(table, embedder)
    if is_derived(memory.table):
        note_derived(table)
    return table


def _follow(
    table: Any,
    memory: Memory,
    there: set[Identity],
    wanted: set[Identity],
    documents: Collection[str],
    made: Remade,
) -> None:
    """Bring the newest version to what another one holds."""
    target = wanted | {(one["id"], one["run"]) for one in made.records}
    gone = sorted(ident for ident, _ in there - target)
    for at in range(0, len(gone), CHUNK):
        table.delete(f"id IN ({quoted(gone[at : at + CHUNK])})")
    new = wanted - there
    fresh = Remade(records=tuple(one for one in made.records if (one["id"], one["run"]) not in there))
    if new or fresh.records:
        table.add(pa.RecordBatchReader.from_batches(schema.RECORDS, _rows(memory, new, documents, fresh)))


def _rows(
    memory: Memory, wanted: Collection[Identity], documents: Collection[str], made: Remade
) -> Iterator[pa.RecordBatch]:
    """Whole rows of a version, then those that were made again."""
    ids = sorted(ident for ident, _ in wanted)
    everything = len(ids) > CHUNK
    for at in range(0, 1 if everything else len(ids), CHUNK):
        where = None if everything else f"id IN ({quoted(ids[at : at + CHUNK])})"
        for batch in _whole(memory, where):
            pairs = zip(batch["id"].to_pylist(), batch["run"].to_pylist(), strict=True)
            mask = pa.array([pair in wanted for pair in pairs], pa.bool_())
            yield scrubbed(batch.filter(mask), documents)
    if made.records:
        yield from pa.Table.from_pylist([cut(one) for one in made.records], schema.RECORDS).to_batches()


def _whole(memory: Memory, where: str | None) -> Iterator[pa.RecordBatch]:
    """Rows with every column of today; one that an old version lacks holds what stands for it."""
    missing = [name for name in schema.RECORDS.names if name not in memory.columns]
    names: Sequence[str] | dict[str, str] = schema.RECORDS.names
    if missing:
        names = {name: schema.ADDED[name] if name in missing else name for name in schema.RECORDS.names}
    query = memory.table.search().select(names)
    for batch in (query.where(where) if where else query).to_batches():
        yield batch.select(schema.RECORDS.names).cast(schema.RECORDS)
