"""Staging: records become verified Parquet files before they come near the memory.

The idea: workers write files of their own and nothing shared. What is wrong with a record is found
where it is made, and the one committer only ever sees records that hold together.
"""

import hashlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from model.files import replace_file
from tasks import schema
from tasks.memory.derived import cut
from tasks.memory.reader import named
from tasks.runs.ledger import Row

BATCH = 1000
DEAD_S = 24 * 3600.0
"""What nobody has written to for so long is of a run that died before it published."""


def stage(home: Path, run: str, records: Iterable[Row]) -> Path:
    """Write records to a verified Parquet file for `publish`. Bounded memory; safe in parallel.

    Raises:
        ValueError: if a record drifts from schema.RECORDS, repeats an id, or misquotes its offsets.
    """
    folder = named(home / "memory" / "staged", run)
    folder.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    rows, ids = iter(records), set[str]()
    temporary = folder / f".{os.getpid()}-{time.monotonic_ns()}"
    try:
        with pq.ParquetWriter(temporary, schema.RECORDS) as writer:
            while some := list(islice(rows, BATCH)):
                writer.write_table(_verified(some, ids))
        name = hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:16]
        path = folder / f"{name}.parquet"
        replace_file(temporary, path)
        return path
    finally:
        temporary.unlink(missing_ok=True)


def _sweep(ours: Path) -> None:
    """Drop what dead runs have staged beside `ours`."""
    for folder in ours.parent.iterdir():
        with suppress(FileNotFoundError):  # another run sweeps too, or has published
            if folder != ours and time.time() - last_touched(folder) > DEAD_S:
                shutil.rmtree(folder, ignore_errors=True)


def last_touched(path: Path) -> float:
    """When a file, or a folder or anything right inside it, was last written to; seconds since 1970."""
    inside = path.iterdir() if path.is_dir() else ()
    times: list[float] = [one.stat().st_mtime for one in (path, *inside)]
    return max(times)


def _verified(rows: list[Row], seen: set[str]) -> pa.Table:
    for row in rows:
        if set(row) | {*schema.CUT.values()} != set(schema.RECORDS.names):
            raise ValueError(f"record {row.get('id')!r}: columns {sorted(row)} are not those of a record")
        if row["id"] in seen:
            raise ValueError(f"record {row['id']!r} is staged twice")
        if row["level"] not in schema.LEVELS:
            raise ValueError(f"record {row['id']!r} has no such level: {row['level']!r}")
        seen.add(row["id"])
    table = schema.check(pa.Table.from_pylist([cut(row) for row in rows], schema.RECORDS), schema.RECORDS)
    for column in ("vector", "context_vector"):
        if not np.isfinite(pc.list_flatten(table[column]).to_numpy()).all():
            raise ValueError(f"a {column} of records {rows[0]['id']!r} to {rows[-1]['id']!r} is not finite")
    check_offsets(table, None)
    return table


def check_offsets(table: pa.Table, chars: dict[str, int] | None) -> None:
    """Each quote spans as many characters as it has, inside its document where `chars` knows it."""
    for quote in pc.list_flatten(table["quotes"]).to_pylist():
        start, end = quote["start"], quote["end"]
        limit = end if chars is None else chars.get(quote["document"], -1)
        if not 0 <= start < end <= limit or end - start != len(quote["text"]):
            raise ValueError(f"quote {quote['text'][:60]!r} is not at {start}-{end} of {quote['document']!r}")
    texts = table.filter(pc.equal(table["level"], "passage")).select(["id", "text", "char_start", "char_end"])
    for row in texts.to_pylist():
        if len(row["text"]) != row["char_end"] - row["char_start"]:
            raise ValueError(f"passage {row['id']!r} does not fill {row['char_start']}-{row['char_end']}")


def staged_batches(staged: Sequence[Path], columns: list[str] | None = None) -> Iterator[pa.RecordBatch]:
    """The staged records, or some columns of them, in bounded memory."""
    for path in staged:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH, columns=columns)
