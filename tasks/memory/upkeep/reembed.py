"""Embed every record again, where another embedder is configured than the one that made the vectors.

The idea: the new vectors are written beside the memory, batch by batch, so that a process that dies loses one
batch. When all are there a new version of the table is written with them, indexed, and published in one step;
readers of before go on with the old one. No language model runs.
"""

import hashlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from model import weights
from model.files import replacing
from tasks import schema
from tasks.infer.reembedded import note_replaced
from tasks.memory.commit import committer, repoint, tag, writable
from tasks.memory.derived import is_derived, note_derived
from tasks.memory.embedders import embedder_name, made_by, note, same
from tasks.memory.forget.erasure import check_ended
from tasks.memory.publish import VECTOR_KEYS, WORD_KEYS, index
from tasks.memory.reader import TABLE, Memory, connect, open_memory, published
from tasks.settings import InferConfig

BATCH = 512
"""Records of a file of new vectors."""
SAMPLE, ALIKE = 32, 0.99
"""Records of a memory that does not note its embedder that are compared, and their least cosine."""

Embed = Callable[[Sequence[str]], npt.NDArray[np.float32]]


def reembed_with(home: Path, infer: InferConfig, progress: Callable[[int, int], None]) -> int:
    """As `reembed`, by the embedder that the settings name.

    Raises:
        ValueError: if its folder holds no model.
    """
    folder = weights.resolve_embedder(infer.embedder)
    return reembed(home, embedder_name(folder), lambda: _load(infer), progress)


def _load(infer: InferConfig) -> Embed:
    import torch  # here: most upkeeps embed nothing

    from model.embed.embedder import load_embedder

    if infer.threads:
        torch.set_num_threads(infer.threads)
    return load_embedder(infer.embedder).encode


def reembed(
    home: Path,
    embedder: str,
    embed: Callable[[], Embed],
    progress: Callable[[int, int], None],
    *,
    wait_s: float = 600.0,
) -> int:
    """Make the vectors of all records by `embedder` unless they are; how many records were embedded again.

    Args:
        embedder: its name, as `tasks.memory.embedders.embedder_name` gives it.
        embed: loads it; texts to unit vectors (n, 256).
        progress: called with how many more records are done, and of how many.

    Raises:
        InvalidInput: if an erasure was begun that has not ended.
        Transient: if another process publishes for longer than `wait_s`.
    """
    check_ended(home, "an upkeep waits for that")  # here too: to embed all may take hours
    memory = open_memory(home) if published(home) else None
    held = made_by(memory) if memory else embedder
    if memory is None or (held and same(held, embedder)):
        return 0
    encode = embed()
    if not held and _as_made_by(memory, encode):
        _cut_over(home, embedder, None, wait_s)
        return 0
    beside = home / "memory" / "vectors" / embedder.rpartition("@")[2]
    beside.mkdir(parents=True, exist_ok=True)
    count = memory.count()
    for batch in _batches(memory):
        _vectors(beside, batch, encode)
        progress(batch.num_rows, count)
    _cut_over(home, embedder, lambda batch: _vectors(beside, batch, encode), wait_s)
    shutil.rmtree(beside.parent)
    return count


def _as_made_by(memory: Memory, encode: Embed) -> bool:
    """Whether an embedder gives some records the vectors that they have."""
    rows = memory.table.search().select(["text", "vector"]).limit(SAMPLE).to_list()
    if not rows:
        return True
    new = encode([row["text"] for row in rows])
    alike = (new * np.array([row["vector"] for row in rows], np.float32)).sum(axis=1)
    return bool(alike.min() > ALIKE)


def _cut_over(
    home: Path,
    embedder: str,
    vectors: Callable[[pa.RecordBatch], list[pa.Array]] | None,
    wait_s: float,
) -> None:
    """Publish the memory as it is now with these vectors; with those it has where `vectors` is None."""
    with committer(home, wait_s):
        before = open_memory(home)
        table = writable(home, before)
        if vectors:
            now = Memory(home, before.run, int(table.version), before.time, _pinned(home, int(table.version)))
            batches = pa.RecordBatchReader.from_batches(schema.RECORDS, _replaced(now, vectors))
            table = connect(home).create_table(TABLE, batches, schema=schema.RECORDS, mode="overwrite")
            table.set_unenforced_primary_key("id")
            if is_derived(now.table):
                note_derived(table)
        note(table, embedder)
        if held := made_by(before):
            note_replaced(home, *(name.rpartition("@")[2] for name in (held, embedder)))
        index(table, everything=True)
        tag(table, before.run)
        repoint(home, before.run, int(table.version))


def _pinned(home: Path, version: int) -> object:
    table = connect(home).open_table(TABLE)
    table.checkout(version)
    return table


def _replaced(
    memory: Memory, vectors: Callable[[pa.RecordBatch], list[pa.Array]]
) -> Iterator[pa.RecordBatch]:
    for batch in _batches(memory):
        for name, column in zip(VECTOR_KEYS, vectors(batch), strict=True):
            batch = batch.set_column(batch.schema.names.index(name), schema.RECORDS.field(name), column)
        yield batch.cast(schema.RECORDS)


def _batches(memory: Memory) -> Iterator[pa.RecordBatch]:
    """Whole records, at most BATCH in each, in an order that is that of the version."""
    for batch in memory.batches():
        for at in range(0, batch.num_rows, BATCH):
            yield batch.slice(at, BATCH)


def _vectors(beside: Path, batch: pa.RecordBatch, encode: Embed) -> list[pa.Array]:
    """New vectors of both keys of some records: from their file, which is written if there is none."""
    texts = [text for name in WORD_KEYS for text in batch[name].to_pylist()]
    path = beside / f"{hashlib.sha256(chr(0).join(texts).encode()).hexdigest()[:32]}.parquet"
    if not path.exists():
        vectors = np.asarray(encode(texts), np.float32).reshape(len(WORD_KEYS), batch.num_rows, -1)
        arrays = [
            pa.FixedSizeListArray.from_arrays(pa.array(one.ravel()), schema.VECTOR_DIMS) for one in vectors
        ]
        with replacing(path) as fresh:
            pq.write_table(pa.table(arrays, names=list(VECTOR_KEYS)), fresh)
    found = pq.read_table(path)
    return [found[name].combine_chunks().cast(schema.RECORDS.field(name).type) for name in VECTOR_KEYS]
