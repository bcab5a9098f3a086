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

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from lancedb.index import FTS, Bitmap, BTree, IvfFlat, LabelList

from model.files import write_atomic
from tasks import schema
from tasks.errors import InvalidInput, NightreadError
from tasks.memory.changes import Replaced, changes
from tasks.memory.commit import Published, commit, committer, created, tag, writable
from tasks.memory.embedders import made_by, note, same
from tasks.memory.reader import (
    Memory,
    history,
    named,
    open_memory,
    published,
    quoted,
    run_folder,
    run_json,
    sources_of_run,
)
from tasks.memory.sources import Seen
from tasks.memory.staging import staged_batches
from tasks.runs.ledger import now
from tasks.text.stop_words import STOP_WORDS

INDEX_ROWS = 20_000
"""Below this a flat scan of the vectors is exact and as quick, and so is one of a column."""

LARGE_ROWS, UNINDEXED_ROWS = 50_000, 1_000
"""In a table of so many rows, so many new ones are searched without an index, which takes some 50 ms: to
index them at once would rewrite the whole table."""

WORD_KEYS, VECTOR_KEYS = ("text", "context"), ("vector", "context_vector")
"""Columns that are searched: plain, and with what stands around them."""

SCALARS = {
    "id": BTree(),
    "document": BTree(),
    "level": Bitmap(),
    "dates": LabelList(),
    "related": LabelList(),
    "sketch": LabelList(),
    "text_hash": BTree(),
}
"""Columns that records are fetched or filtered by."""

CUT_WORDS = FTS(
    base_tokenizer="whitespace",
    stem=False,
    remove_stop_words=False,
    ascii_folding=False,
    lower_case=False,
    with_position=False,
)
"""Words that `tasks.text.searched` has cut and stemmed."""

WORDS = FTS(
    base_tokenizer="icu/split",
    language="English",
    stem=True,
    remove_stop_words=True,
    custom_stop_words=sorted(STOP_WORDS),  # this tokenizer's own are those of every language: "cat" is one
    with_position=False,
)
"""Words by the rules of Unicode, which has dictionaries of Chinese, Japanese and Thai; English is stemmed."""

WORD_INDICES = dict.fromkeys(WORD_KEYS, WORDS) | dict.fromkeys(schema.CUT.values(), CUT_WORDS)
"""Indices of words, by column."""

VECTORS = IvfFlat(distance_type="cosine", target_partition_size=1024, sample_rate=64, max_iterations=15)
"""Whole vectors in many small partitions: a search reads few of them (recall.candidates.PARTITIONS), and with
the default's eight times larger ones three times as many bytes for the same neighbours."""

FOR_EVER = timedelta(days=36_500)
"""optimize() would drop versions older than a week, and with them every earlier run."""


def publish(
    home: Path,
    run: str,
    staged: Sequence[Path],
    seen: Seen,
    replaced: Replaced = Replaced(),  # noqa: B008  (frozen)
    *,
    embedder: str = "",
    wait_s: float = 600.0,
) -> Published:
    """Make the staged records, and the sources the run saw, part of what readers see, in one step.

    What goes is decided under the lock, against the memory as published then: records of documents that
    no source holds any more, and those that `replaced` names. A staged record never goes.
    Where nothing changes, the table keeps its version. Calling again for a published run is harmless.

    Args:
        embedder: who made the vectors, as `tasks.memory.embedders.embedder_name` gives it; "" notes nobody.

    Raises:
        InvalidInput: if `run` is no usable name, or has published something else.
        Transient: if another process publishes for longer than `wait_s`.
        NightreadError: if another run has retired meanwhile what this one builds on, or every record was
            embedded again by another embedder.
        ValueError: if a staged record quotes what no source holds.
    """
    named(home / "memory" / "runs", run).mkdir(parents=True, exist_ok=True)
    with committer(home, wait_s):
        before = open_memory(home) if published(home) else None
        _check_vectors(before, embedder)
        done = _done(home, run)
        staged = [path for path in staged if not done or path.exists()]
        base = sources_of_run(home, seen.since) if seen.since else None
        change = changes(before, base, staged, seen, replaced)
        new, gone = change.new, change.gone
        if before and not new and not gone and before.sources.equals(change.sources):
            return done or _nothing(home, run, before)
        if done:
            raise InvalidInput(f"run {run!r} is published already; give what is new a run of its own")
        if before and not new and not gone:
            version = before.version
        else:
            version = _write_rows(home, run, before, staged, new, gone, embedder)
        result = Published(run, version, len(new), len(gone))
        commit(home, result, change.sources, before.run if before else "")
    for path in staged:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # until it is empty
            path.parent.rmdir()
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
    note = {**asdict(result), "time": now(), "same_as": before.run}
    write_atomic(run_folder(home, run) / "run.json", json.dumps(note))
    return result


def _check_vectors(before: Memory | None, embedder: str) -> None:
    held = made_by(before) if before and not before.is_empty else ""
    if not same(held, embedder):
        # not Transient: the same step would stage the same vectors again
        raise NightreadError(
            f"the vectors of the memory are made by {held} now, those of this run by {embedder}: read again "
            f"with the embedder of the memory; what was read is kept"
        )


def _write_rows(
    home: Path,
    run: str,
    before: Memory | None,
    staged: Sequence[Path],
    new: set[str],
    gone: list[str],
    embedder: str,
) -> int:
    """Delete, add, index, tag; the version that holds it all. Readers see none of it yet."""
    table = writable(home, before) if before else created(home)
    if embedder and (before is None or before.is_empty):
        note(table, embedder)
    for at in range(0, len(gone), 2000):
        table.delete(f"id IN ({quoted(gone[at : at + 2000])})")
    if new:  # none of them is there, and nobody else writes: there is nothing to merge with
        table.add(pa.RecordBatchReader.from_batches(schema.RECORDS, _fresh(staged, set(new))))
    index(table)
    tag(table, run)
    return int(table.version)


def _fresh(staged: Sequence[Path], new: set[str]) -> Iterator[pa.RecordBatch]:
    """The staged rows whose id is in `new`, each once: it may be staged in two files."""
    for batch in staged_batches(staged):
        mask = []
        for one in batch["id"].to_pylist():
            mask.append(one in new)
            new.discard(one)
        yield batch.filter(pa.array(mask)).cast(schema.RECORDS)


def index(table: Any, everything: bool = False) -> None:
    """Words of both keys, and above a size the vectors of both; an index of another kind is made anew.

    Rows that no index holds are searched as well, more slowly: a few of them stay so in a large table until
    the next upkeep, which has `everything` indexed. Indexing compacts the table too, and keeps every version.
    """
    held = {index.columns[0]: index for index in table.list_indices()}
    rows = table.count_rows()
    for column, words in WORD_INDICES.items() if rows else ():
        if column not in held or held[column].index_details.get("base_tokenizer") != words.base_tokenizer:
            table.create_index(column, config=words, replace=True)
    for column in VECTOR_KEYS if rows > INDEX_ROWS else ():
        made_as = held[column].index_details.get("target_partition_size") if column in held else None
        if made_as != VECTORS.target_partition_size:
            table.create_index(column, config=VECTORS, replace=True)
    for column, kind in SCALARS.items() if rows > INDEX_ROWS else ():
        if column not in held:
            table.create_index(column, config=kind)
    unindexed = max((int(one.num_unindexed_rows or 0) for one in table.list_indices()), default=0)
    if everything or rows < LARGE_ROWS or unindexed > UNINDEXED_ROWS:
        table.optimize(cleanup_older_than=FOR_EVER)
