"""The published memory, as readers see it: a table pinned at the version one run published.

The idea: `published.json` names a run and a table version, `run.json` of every run names the run before
it. Following that chain gives every published run; one that died before its commit is not on it.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tasks import schema
from tasks.errors import InvalidInput, Transient
from tasks.ingest.by_document import Holders
from tasks.ingest.home.remote import database, needed, shown
from tasks.ingest.names import Names
from tasks.ingest.source_rows import SourceRows
from tasks.memory import dropped
from tasks.memory.dropped import is_dropped, told
from tasks.memory.nearest import Nearest, nearest
from tasks.memory.resident import Resident, resident
from tasks.runs.ledger import Row

TABLE = "records"
IDS = 1_000
"""Ids that one query names at most: a condition is parsed, and a long one takes much memory."""

RUN_NAME = re.compile(r"(?=.{1,100}$)[A-Za-z0-9][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)*")
"""What is at once a folder name and a Lance tag."""


@dataclass(frozen=True)
class Memory:
    """The memory as one run published it. `table` is pinned: later runs do not change what it answers."""

    home: Path
    run: str
    version: int
    time: str
    table: Any
    moment: datetime | None = None
    """As of when it was asked for: that of the run which was named, or the time; None for now."""

    @cached_property
    def is_empty(self) -> bool:
        return self.count() == 0

    def count(self, where: str | None = None) -> int:
        """How many records there are."""
        return int(self.table.count_rows(where))

    @cached_property
    def sources(self) -> pa.Table:
        """Every source (schema.SOURCES) as that run knew it."""
        return sources_of_run(self.home, self.run)

    @property
    def uris(self) -> list[str]:
        """Uris of the sources, those that could not be read among them."""
        uris: list[str] = self.sources["uri"].to_pylist()
        return uris

    @cached_property
    def _holders(self) -> Holders:
        return Holders(SourceRows(self.sources))

    def sources_of(self, document: str) -> list[Row]:
        """Every source that holds this document: an exact duplicate is cited under all its uris."""
        return self._holders.get(document)

    def records(self, ids: Sequence[str]) -> list[Row]:
        """The records of these ids that exist, in the order asked."""
        found: dict[str, Row] = {}
        for at in range(0, len(ids), IDS):
            some = self.rows(f"id IN ({quoted(ids[at : at + IDS])})")
            found.update((row["id"], row) for row in some)
        return [found[one] for one in ids if one in found]

    def taken(
        self, rows: Collection[int], columns: Sequence[str], where: str | None = None
    ) -> dict[int, Row]:
        """Some columns of the records in these rows of the table that exist and satisfy an SQL condition, by
        row id. Nothing is searched for, so it costs the same in a table of any size."""
        if not rows:
            return {}
        wanted = [name for name in columns if name in self.columns]
        kept = self.resident.taken(rows, wanted) if self.resident and not where else None
        if kept is not None:
            found = kept
        elif where:
            among = f"_rowid IN ({', '.join(map(str, sorted(rows)))}) AND ({where})"
            found = self.table.search().select(wanted).with_row_id(True).where(among).to_arrow()
        else:
            found = self.table.take_row_ids(sorted(rows)).select(wanted).with_row_id().to_arrow()
        return {row.pop("_rowid"): row for row in found.to_pylist()}

    def numbers(self, where: str) -> list[int]:
        """Row ids of the records that satisfy an SQL condition."""
        found = self.table.search().select(["id"]).with_row_id(True).where(where).to_arrow()
        numbers: list[int] = found["_rowid"].to_pylist()
        return numbers

    def holding(self, column: str, values: Collection[str], columns: Sequence[str]) -> list[Row]:
        """Some columns of the records whose list in a column holds any of these values."""
        kept = self.resident.holding(column, values) if self.resident else None
        if kept is not None:
            return list(self.taken(kept, columns).values())
        where = f"array_has_any({column}, [{quoted(sorted(values))}])"
        return self.rows(where, columns) if self.count(where) else []  # counted by the index alone

    def made_under(self, key: str) -> Names:
        """Documents of which there are records that were made under this cache key."""
        made = self.batches(f"document != '' AND skip_key = {quoted([key])}", ["document"])
        return Names(document for batch in made for document in batch["document"].unique().to_pylist())

    @cached_property
    def resident(self) -> Resident | None:
        """What is kept of its records in memory: nothing, until `keep`."""
        return None

    @cached_property
    def nearest(self) -> dict[str, Nearest]:
        """What finds the nearest vectors of a column in memory: none, until `keep`."""
        return {}

    @property
    def kept_bytes(self) -> int:
        """What that takes."""
        vectors = sum(one.nbytes for one in self.nearest.values())
        return vectors + (self.resident.nbytes if self.resident else 0)

    def keep(self, columns: Sequence[str], vectors: Sequence[str] = ()) -> None:
        """From now on have these columns of all records in memory, and these of vectors, if they are not too
        large for it."""
        self.__dict__["resident"] = resident(self.table, [name for name in columns if name in self.columns])
        self.__dict__["nearest"] = nearest(self.table, [name for name in vectors if name in self.columns])

    @cached_property
    def columns(self) -> frozenset[str]:
        """Columns that its table has: one of an earlier version lacks those of schema.ADDED."""
        return frozenset(self.table.schema.names)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Say what became of the version where its files go while the block reads in it.

        Raises:
            InvalidInput: if an upkeep or an erasure has dropped it.
            Transient: if the same memory lies in another version now.
        """
        try:
            yield
        except (OSError, RuntimeError, ValueError) as error:
            there = connect(self.home).open_table(TABLE).list_versions()
            if self.version in {one["version"] for one in there}:
                raise
            runs = list(history(self.home))
            row = next((one for one in runs if one["run"] == self.run), {})
            if is_dropped(row):
                raise InvalidInput(f"{told(row)}; {dropped.nearest(row, runs)}") from error
            raise Transient(
                f"the memory of run {self.run} lies elsewhere since it was opened: ask again"
            ) from error

    def rows(
        self, where: str | None = None, columns: Sequence[str] = (), limit: int | None = None
    ) -> list[Row]:
        """Whole records, or some columns of them, that satisfy an SQL condition (values: `quoted`).

        Columns that the table lacks are left out.

        Args:
            limit: any so many of them, where there are more.
        """
        return [row for batch in self.batches(where, columns, limit) for row in batch.to_pylist()]

    def batches(
        self, where: str | None = None, columns: Sequence[str] = (), limit: int | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Like `rows`, in bounded memory."""
        wanted = [name for name in columns or schema.RECORDS.names if name in self.columns]
        query = self.table.search().select(wanted)
        query = query.where(where) if where else query
        yield from (query if limit is None else query.limit(limit)).to_batches()


def quoted(values: Iterable[str]) -> str:
    """SQL string literals, comma between: a value is data, whatever characters it holds."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)


def published(home: Path) -> Row | None:
    """{run, version, time} of the run that readers see, or None where nothing was ever published."""
    path = home / "memory" / "published.json"
    found: Row | None = json.loads(path.read_text()) if path.exists() else None
    return found


def history(home: Path) -> Iterator[Row]:
    """run.json of every published run, newest first. A run that died before its commit is not here."""
    at = published(home)
    name = at["run"] if at else ""
    while name:
        row = run_json(home, name)
        yield row
        name = row["previous"]


def run_before(home: Path, run: str) -> str:
    """The run that was current when this one published.

    Raises:
        InvalidInput: if the run has published nothing, or nothing was published before it.
    """
    row = run_json(home, run)
    if "same_as" in row:
        raise InvalidInput(f"run {run} has changed nothing: it found the memory of {row['same_as']} current")
    if not row.get("previous"):
        why = "is the first that was published" if row else "has published nothing"
        raise InvalidInput(f"run {run!r} {why}; name two runs (see: nightread runs)")
    return str(row["previous"])


def open_memory(home: Path, as_of: str | None = None) -> Memory:
    """The memory as last published, or as of a run or an ISO time (UTC where it names no zone).

    Raises:
        InvalidInput: if there is no memory, no such run, no run that early, or its version was dropped.
    """
    at = published(home)
    if at is None:
        raise InvalidInput(f"there is no memory in {shown(home)!r} yet; make one with: nightread read URI")
    moment = None
    if as_of is not None:
        at, moment = _as_of(home, as_of)
    table = connect(home).open_table(TABLE)
    try:
        table.checkout(at["version"])
    except ValueError:  # dropped after we looked: the run leads to another version now
        at = (published(home) or at) if as_of is None else _as_of(home, as_of)[0]
        table.checkout(at["version"])
    return Memory(home, at["run"], at["version"], at["time"], table, moment)


def memories(home: Path) -> Iterator[Memory]:
    """The memory of every published run whose version is still there, oldest first, each version once."""
    at, seen = published(home) or {}, set[int]()
    for row in reversed(list(history(home))):
        version = at["version"] if row["run"] == at["run"] else row["version"]
        if not is_dropped(row) and version not in seen:
            seen.add(version)
            table = connect(home).open_table(TABLE)
            table.checkout(version)
            yield Memory(home, row["run"], version, row["time"], table)


def _as_of(home: Path, as_of: str) -> tuple[Row, datetime]:
    """run.json of the run whose memory is meant, unless its version was dropped, and the moment."""
    runs = list(history(home))
    row, moment = _meant(home, runs, as_of)
    if is_dropped(row):
        raise InvalidInput(f"{told(row)}; {dropped.nearest(row, runs)}")
    return row, moment


def _meant(home: Path, runs: list[Row], as_of: str) -> tuple[Row, datetime]:
    unchanged = run_json(home, as_of) if RUN_NAME.fullmatch(as_of) else {}
    for row in runs:
        if row["run"] in (as_of, unchanged.get("same_as", "")):
            return row, datetime.fromisoformat((unchanged or row)["time"])
    try:
        moment = datetime.fromisoformat(as_of)
    except ValueError:
        latest = ", ".join(f"{row['run']} ({row['time']})" for row in runs[:5])
        raise InvalidInput(
            f"no run {as_of!r} was published, and it is no ISO time; latest: {latest}"
        ) from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    for row in runs:
        if datetime.fromisoformat(row["time"]) <= moment:
            return row, moment
    first = f"{runs[-1]['run']} at {runs[-1]['time']}"
    raise InvalidInput(f"nothing was published by {as_of}; the first run was {first}")


# Where things are.


def connect(home: Path) -> Any:
    import lancedb  # here: it takes a second, and without a memory it is of no use

    place, options = database(home)
    return lancedb.connect(place, storage_options=options)


def named(folder: Path, run: str) -> Path:
    if not RUN_NAME.fullmatch(run):
        raise InvalidInput(
            f"run {run!r} is no name: use at most 100 letters, digits, '-', '_' and single dots inside"
        )
    return folder / run


def run_folder(home: Path, run: str) -> Path:
    return named(home / "memory" / "runs", run)


def sources_of_run(home: Path, run: str) -> pa.Table:
    """Every source (schema.SOURCES) of the memory as a run published it."""
    folder = run_folder(home, run).relative_to(home)
    return schema.with_added(pq.read_table(needed(home, f"{folder}/sources.parquet")))


def run_json(home: Path, run: str) -> Row:
    path = run_folder(home, run) / "run.json"
    found: Row = json.loads(path.read_text()) if path.exists() else {}
    return found
