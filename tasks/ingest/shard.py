"""Shard: a document's text becomes Parquet shards of overlapping token windows.

A long document is tokenised in ranges side by side, and its windows are put together from a stream of
them, so no step holds a document. Data first, marker last: a folder without its `_DONE` file is work
that was cut off, and is done again.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import as_completed

from model.files import locked, replace_file, replacing, sync_all
from tasks import schema
from tasks.ingest.home.remote import have_folder
from tasks.ingest.parse import read_text
from tasks.ingest.sharded import Sharded, ShardedDocument, Sharding
from tasks.ingest.tokens import PIECE_CHARS, Ints, Longs, ReadText, Tokens, piece_count, tokenize
from tasks.runs.run import Progress
from tasks.settings import ShardConfig

RANGE_PIECES = 16
"""Pieces of a long document that one Dask task tokenises (8 M characters)."""
SHORT_CHARS, BATCH = 1 << 16, 32
"""Characters up to which documents are short, and how many of them one Dask task tokenises."""
_UNDER_WAY = 4
"""Dask tasks under way for each thread: a scheduler remembers what it was sent until it is done."""
STALE_S = 600.0
"""Unfinished work that nobody has touched for so long was left by a process that is gone."""


@dataclass(frozen=True)
class Window:
    """Tokens [token_start, token_start + len(ids)) of a document: its characters [char_start, char_end)."""

    index: int
    token_start: int
    char_start: int
    char_end: int
    ids: Ints
    starts: Ints
    """First character of every token, relative to char_start."""


def shard_document(home: Path, row: dict[str, Any], tokenizer: Path, config: ShardConfig) -> ShardedDocument:
    """Write the shards of one document (a row of schema.SOURCES) unless they are there already."""
    return shard_documents(home, [row], tokenizer, config)[0]


def shard_documents(
    home: Path, rows: Sequence[dict[str, Any]], tokenizer: Path, config: ShardConfig
) -> list[ShardedDocument]:
    """Write the shards of some documents unless they are there already; the disk is flushed once for all."""
    places = [_directory(home, row, tokenizer, config) for row in rows]
    fresh: dict[Path, Path] = {}
    for directory, row in zip(places, rows, strict=True):
        have_folder(home, str(directory.relative_to(home)), "_DONE")
        if directory not in fresh and not (directory / "_DONE").exists():
            numbers = range(piece_count(row["chars"]))
            tokens = tokenize(_reader(home, row), numbers, tokenizer)
            fresh[directory] = _written(directory, row["document"], tokens, config)
    _publish(fresh)
    return [_done(directory, row) for directory, row in zip(places, rows, strict=True)]


def shard_all(
    home: Path,
    rows: Iterable[dict[str, Any]],
    tokenizer: Path,
    config: ShardConfig,
    client: Any,
    progress: Progress = lambda _: None,
    range_pieces: int = RANGE_PIECES,
) -> Sharded:
    """Shard every document on Dask workers, in the order of `rows`.

    A document of more than `range_pieces` pieces is tokenised in ranges of so many, side by side.

    The home folder must be reachable by the workers under the same path.
    """
    whole, tokens = home.resolve(), tokenizer.resolve()
    folder = _folder(whole, tokens, config)
    sweep(folder)
    done, first = Sharding(folder), dict[Any, int]()

    def submit(some: list[dict[str, Any]]) -> Any:
        if len(some) > 1:
            future = client.submit(shard_documents, whole, some, tokens, config, pure=False)
        else:
            future = _submit(client, whole, some[0], tokens, config, range_pieces)
        first[future] = done.begin([row["document"] for row in some])
        return future

    batches = _batches(rows)
    most = _UNDER_WAY * max(1, sum(client.nthreads().values()))
    finished = as_completed([submit(some) for some in islice(batches, most)])
    for future in finished:
        found = future.result()
        some = found if isinstance(found, list) else [found]
        done.counted(first.pop(future), some)
        progress(len(some))
        for later in islice(batches, 1):
            finished.add(submit(later))
    return done.all()


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Short documents together, so that a task costs less than its work; a long one alone."""
    batch: list[dict[str, Any]] = []
    for row in rows:
        if batch and (row["chars"] > SHORT_CHARS or len(batch) >= BATCH):
            yield batch
            batch = []
        batch.append(row)
        if row["chars"] > SHORT_CHARS:
            yield batch
            batch = []
    if batch:
        yield batch


def _submit(
    client: Any, home: Path, row: dict[str, Any], tokenizer: Path, config: ShardConfig, range_pieces: int
) -> Any:
    pieces = piece_count(row["chars"])
    directory = _directory(home, row, tokenizer, config)
    have_folder(home, str(directory.relative_to(home)), "_DONE")
    if pieces <= range_pieces or (directory / "_DONE").exists():
        return client.submit(shard_document, home, row, tokenizer, config, pure=False)
    starts = range(0, pieces, range_pieces)
    spans = [range(first, min(first + range_pieces, pieces)) for first in starts]
    folder = _ranges(directory)
    ranges = [client.submit(tokenize_range, home, row, tokenizer, folder, span, pure=False) for span in spans]
    return client.submit(_assemble, home, row, tokenizer, config, ranges, pure=False)


def tokenize_range(home: Path, row: dict[str, Any], tokenizer: Path, folder: Path, numbers: range) -> Path:
    """Tokenise pieces of these numbers into a file, unless it is there already."""
    target = folder / f"{numbers.start:08d}-{numbers.stop:08d}-{PIECE_CHARS}.npz"
    if not target.exists():
        pieces = list(tokenize(_reader(home, row), numbers, tokenizer))
        ids, starts = (np.concatenate([piece[column] for piece in pieces]) for column in (0, 1))
        folder.mkdir(parents=True, exist_ok=True)
        with replacing(target) as fresh, fresh.open("wb") as file:
            np.savez(file, ids=ids, starts=starts, end=np.int64(pieces[-1][2]))
    return target


def _assemble(
    home: Path, row: dict[str, Any], tokenizer: Path, config: ShardConfig, ranges: Sequence[Path]
) -> ShardedDocument:
    """Write the shards of a document whose ranges are tokenised, then drop the ranges."""
    directory = _directory(home, row, tokenizer, config)
    _publish({directory: _written(directory, row["document"], map(_load_range, ranges), config)})
    shutil.rmtree(_ranges(directory), ignore_errors=True)
    return _done(directory, row)


def _load_range(path: Path) -> Tokens:
    with np.load(path) as file:
        return file["ids"], file["starts"], int(file["end"])


def _directory(home: Path, row: dict[str, Any], tokenizer: Path, config: ShardConfig) -> Path:
    return _folder(home, tokenizer, config) / str(row["document"])


def _folder(home: Path, tokenizer: Path, config: ShardConfig) -> Path:
    path = tokenizer / "tokenizer.json"
    key = _hash(path, path.stat().st_mtime_ns)[:16]
    return home / "shards" / f"{key}-{config.window}"


@lru_cache(maxsize=8)
def _hash(path: Path, _modified: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _ranges(directory: Path) -> Path:
    return directory.with_name(f"{directory.name}.ranges")


def sweep(folder: Path) -> None:
    """Remove what was left unfinished by processes that are gone."""
    for left in folder.glob("*.new"):
        with suppress(FileNotFoundError):  # another one may sweep too
            if time.time() - left.stat().st_mtime > STALE_S:
                shutil.rmtree(left, ignore_errors=True)


def _written(directory: Path, document: str, tokens: Iterable[Tokens], config: ShardConfig) -> Path:
    """A folder beside `directory` with all shards, marked done."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{document}.", suffix=".new", dir=directory.parent))
    counts = _write(fresh, document, cut_windows(tokens, config), config)
    (fresh / "_DONE").write_text(json.dumps(counts))
    return fresh


def _publish(fresh: Mapping[Path, Path]) -> None:
    """Give finished folders their names, once what is in them is on the disk."""
    if not fresh:
        return
    if several := len(fresh) > 1:
        sync_all(next(iter(fresh.values())))
    with locked(next(iter(fresh)).parent.parent / ".lock"):
        for directory, made in fresh.items():
            if not (
                directory / "_DONE"
            ).exists():  # another run may have been quicker, and read from it by now
                shutil.rmtree(directory, ignore_errors=True)
                replace_file(made, directory, durable=not several)
    for made in fresh.values():
        shutil.rmtree(made, ignore_errors=True)


def _done(directory: Path, row: dict[str, Any]) -> ShardedDocument:
    counts = json.loads((directory / "_DONE").read_text())
    return ShardedDocument(row["document"], counts["windows"], counts["tokens"], directory)


def _reader(home: Path, row: dict[str, Any]) -> ReadText:
    return lambda start, end: read_text(home, row["parsed"], row["part"], start, end)


def cut_windows(tokens: Iterable[Tokens], config: ShardConfig) -> Iterator[Window]:
    """Windows over a stream of tokens: none for no tokens, one for up to a window, then one a started stride.

    Holds one window and what one read of the stream gives.
    """
    ids, starts = np.zeros(0, np.int32), np.zeros(0, np.int64)
    index, end = 0, 0
    for more_ids, more_starts, end in tokens:  # noqa: B007 - the last end is used below
        ids, starts = np.concatenate([ids, more_ids]), np.concatenate([starts, more_starts])
        while len(ids) > config.window:
            # A character whose bytes go on in the next window belongs to both.
            char_end = max(int(starts[config.window]), int(starts[config.window - 1]) + 1)
            yield _window(index, config, ids, starts, char_end)
            ids, starts, index = ids[config.stride :], starts[config.stride :], index + 1
    if len(ids):
        yield _window(index, config, ids, starts, end)


def _window(index: int, config: ShardConfig, ids: Ints, starts: Longs, char_end: int) -> Window:
    own, first = ids[: config.window], int(starts[0]) if index else 0
    relative = (starts[: config.window] - first).astype(np.int32)
    return Window(index, index * config.stride, first, char_end, own, relative)


def _write(folder: Path, document: str, windows: Iterator[Window], config: ShardConfig) -> dict[str, int]:
    """Write shards; returns how many windows, tokens and shards there are."""
    batch: list[Window] = []
    count = tokens = shards = 0
    for window in windows:
        batch.append(window)
        count, tokens = window.index + 1, window.token_start + len(window.ids)
        if len(batch) == config.windows_per_shard:
            _write_shard(folder / f"{shards:05d}.parquet", document, batch)
            batch, shards = [], shards + 1
    if batch:
        _write_shard(folder / f"{shards:05d}.parquet", document, batch)
        shards += 1
    return {"windows": count, "tokens": tokens, "shards": shards}


def _write_shard(path: Path, document: str, windows: Sequence[Window]) -> None:
    columns = {
        "document": [document] * len(windows),
        "window": [window.index for window in windows],
        "token_start": [window.token_start for window in windows],
        "char_start": [window.char_start for window in windows],
        "char_end": [window.char_end for window in windows],
        "ids": [window.ids for window in windows],
        "starts": [window.starts for window in windows],
    }
    table = schema.check(pa.table(columns, schema=schema.WINDOWS), schema.WINDOWS)
    pq.write_table(table, path, compression="zstd", row_group_size=4)


def read_windows(directory: Path, first: int = 0) -> Iterator[Window]:
    """Windows of a document from number `first` on, a few in memory at a time."""
    for path in sorted(directory.glob("*.parquet")):
        with pq.ParquetFile(path) as file:
            last = file.metadata.row_group(file.num_row_groups - 1).column(1).statistics.max
            if last < first:
                continue
            for batch in file.iter_batches(batch_size=4):
                yield from (window for window in map(_from_row, _rows(batch)) if window.index >= first)


def _rows(batch: pa.RecordBatch) -> Iterator[tuple[Any, ...]]:
    names = ("window", "token_start", "char_start", "char_end", "ids", "starts")
    return zip(*(batch.column(name) for name in names), strict=True)


def _from_row(row: tuple[Any, ...]) -> Window:
    index, token_start, char_start, char_end = (value.as_py() for value in row[:4])
    ids, starts = (value.values.to_numpy() for value in row[4:])
    return Window(index, token_start, char_start, char_end, ids, starts)
