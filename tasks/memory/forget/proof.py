"""The proof of an erasure: a search for words of the documents over everything that the home holds.

The idea: nothing is taken on trust. Every version of every table is read through Lance, its index is asked,
Parquet and SQLite are opened, since their bytes are compressed, and the bytes of every file are searched as
they are. The weights of models are not read: they are no file of ours.
"""

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.home.remote import remote_of
from tasks.ingest.home.whole import elsewhere
from tasks.memory.forget.database import is_database, texts
from tasks.memory.forget.needles import Needles, flat, holds
from tasks.memory.forget.scrub import strings
from tasks.memory.reader import TABLE, connect
from tasks.memory.tenants import TENANTS

CHUNK, OVERLAP = 1 << 24, 1 << 12
"""Bytes of a file that are searched at a time, and those that are searched again with the next."""
BATCH = 1000
"""Texts of a database that are searched at a time."""
WRITTEN = (".json", ".jsonl", ".md", ".html", ".log", ".txt")
"""Texts, which may be escaped."""
ASKED = 8
"""Needles that the full-text index of a version is asked for."""


@dataclass(frozen=True)
class Proof:
    """What was searched, by kind, and where something was found."""

    searched: dict[str, int]
    found: tuple[str, ...]


def prove(home: Path, needles: Needles, spared: Collection[Path]) -> Proof:
    """Search a home.

    Args:
        spared: files that are not searched: the documents themselves, where they lie in the home.
    """
    searched: Counter[str] = Counter()
    found: list[str] = []
    for table in sorted(path.parent for path in home.rglob("*.lance/_versions") if _is_ours(home, path)):
        for place, kind in _in_table(home, table, needles):
            searched[kind] += 1
            found += [place] if place else []
    if remote_of(home):
        for place, kind in _in_versions(connect(home).open_table(TABLE), f"{TABLE}.lance", needles):
            searched[kind] += 1
            found += [place] if place else []
    for name, path in elsewhere(home):
        for kind, hit in _in_file(path, needles):
            searched[kind] += 1
            found += [f"{name}{hit}"] if hit is not None else []
    for path in _files(home, spared):
        for kind, hit in _in_file(path, needles):
            searched[kind] += 1
            found += [f"{path.relative_to(home)}{hit}"] if hit is not None else []
    return Proof(dict(searched), tuple(dict.fromkeys(found)))


def _files(home: Path, spared: Collection[Path]) -> Iterator[Path]:
    """Every file of a home but the weights of models, and the homes of its tenants."""
    for path in sorted(home.rglob("*")):
        ours = path.is_file() and not path.is_symlink() and _is_ours(home, path)
        if ours and path.resolve() not in spared:
            yield path


def _is_ours(home: Path, path: Path) -> bool:
    return path.relative_to(home).parts[0] not in ("models", TENANTS)


def _in_table(home: Path, path: Path, needles: Needles) -> Iterator[tuple[str, str]]:
    """Where something was found, or "", and what was searched: each version of a table, each index asked."""
    import lancedb  # here: it takes a second

    database = lancedb.connect(str(path.parent.resolve()))
    table = database.open_table(path.name.removesuffix(".lance"))
    yield from _in_versions(table, str(path.relative_to(home)), needles)


def _in_versions(table: Any, place: str, needles: Needles) -> Iterator[tuple[str, str]]:
    """The same of an open table."""
    tagged = {tag["version"] for tag in table.tags.list().values()} | {table.version}
    for version in [one["version"] for one in table.list_versions()]:
        table.checkout(version)
        name = f"{place}, version {version}"
        yield name if _in_rows(table, needles) else "", "versions"
        if version in tagged:
            for column in [one.columns[0] for one in table.list_indices() if one.index_type == "FTS"]:
                hit = holds(_asked(table, column, needles), needles)
                yield f"{name}, full-text index of {column}" if hit else "", "full-text indices"


def _in_rows(table: Any, needles: Needles) -> bool:
    names = [field.name for field in table.schema if any(True for _ in strings(pa.array([], field.type)))]
    for batch in table.search().select(names).to_batches():
        some = [one.cast(pa.large_string()) for column in batch.columns for one in strings(column)]
        if some and holds(pa.concat_arrays(some), needles):
            return True
    return False


def _asked(table: Any, column: str, needles: Needles) -> pa.Array:
    """What the index of a column leads to from some of the needles."""
    rows = [
        row
        for words in needles.words[:ASKED]
        for row in table.search(words, query_type="fts", fts_columns=column).limit(3).to_list()
    ]
    return pa.array([row[column] for row in rows], pa.string())


def _in_file(path: Path, needles: Needles) -> Iterator[tuple[str, str | None]]:
    """What was searched of a file, and where in it something was found."""
    yield "files", "" if _in_bytes(path, needles) else None
    if path.suffix in WRITTEN:
        written = flat(path.read_text(encoding="utf-8", errors="replace"))
        yield "texts", "" if holds(pa.array([written]), needles) else None
    elif path.suffix == ".parquet":
        yield "parquet files", "" if _in_parquet(path, needles) else None
    elif is_database(path):
        found = texts(path)
        while some := list(islice(found, BATCH)):
            if holds(pa.array([form for _, text in some for form in (text, flat(text))]), needles):
                yield "sqlite files", f", table {', '.join(sorted({table for table, _ in some}))}"
                return
        yield "sqlite files", None


def _in_bytes(path: Path, needles: Needles) -> bool:
    parts = [path.name.encode() + b"\0"]
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            if holds(pa.array([b"".join((*parts, chunk))], pa.binary()), needles):
                return True
            parts = [chunk[-OVERLAP:]]
    return holds(pa.array(parts, pa.binary()), needles)


def _in_parquet(path: Path, needles: Needles) -> bool:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches():
            some = [one.cast(pa.large_string()) for column in batch.columns for one in strings(column)]
            if some and holds(pa.concat_arrays(some), needles):
                return True
    return False
