"""What a publish adds and retires, decided against the memory as it is published at that moment.

The idea: a run plans from the memory it began with, and another run may publish meanwhile. So a run hands
over what it saw and what it read, and only under the committer's lock does that become a list of changes.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from sys import intern

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema
from tasks.errors import NightreadError
from tasks.ingest.uris import is_corpus
from tasks.memory.reader import Memory
from tasks.memory.sources import Seen, documents_of, merge_sources, orphans
from tasks.memory.staging import check_offsets, staged_batches
from tasks.runs.ledger import Row
from tasks.text.counted import counted


@dataclass(frozen=True)
class Replaced:
    """What a run wrote anew: the records of it that memory held before are retired."""

    key: str = ""
    """Cache key the documents were read under: records under another key are retired."""
    documents: Collection[str] = ()
    corpus: Collection[str] = ()
    """Canonical URIs of the corpus whose records were merged again; empty where none was."""


@dataclass(frozen=True)
class Changes:
    """What a publish does to the memory it finds."""

    sources: pa.Table
    """Every source (schema.SOURCES) of the whole memory, sorted by uri and part."""
    new: set[str]
    """Ids of staged records that are not there yet, or under another title."""
    gone: list[str]
    """Ids of records to delete."""


def changes(
    now: Memory | None, base: pa.Table | None, staged: Sequence[Path], seen: Seen, replaced: Replaced
) -> Changes:
    """Compare what a run saw and staged with the memory as published now.

    Args:
        base: sources as published when the run began.

    Raises:
        NightreadError: if a document the run builds on was retired by another run meanwhile.
        ValueError: if a staged record quotes what no source holds.
    """
    before = now.sources if now else None
    sources = merge_sources(before, seen, base)
    good = sources.filter(pc.equal(sources["outcome"], "ok"))
    chars = dict(zip(good["document"].to_pylist(), good["chars"].to_pylist(), strict=True))
    cited, fresh = _cited(staged)
    _check_kept(documents_of(base) - documents_of(before), cited, fresh, seen, set(chars))
    coming = _verified(staged, chars)
    retired = set(orphans(before, sources))
    present, gone = _compared(now, coming, retired, replaced)
    return Changes(sources, coming.keys() - present, gone)


def _compared(
    now: Memory | None, coming: Mapping[str, str], retired: set[str], replaced: Replaced
) -> tuple[set[str], list[str]]:
    """Ids that memory holds already of those that are coming, and ids of records to delete.

    A column at a time: this passes over every record of the memory.
    """
    present, gone = set[str](), list[str]()
    ids, orphaned, anew = (
        pa.array(sorted(some), pa.string()) for some in (coming, retired, replaced.documents)
    )
    columns = ["id", "document", "skip_key", "title"]
    for batch in now.batches("level != 'corpus'", columns) if now else ():
        here = pc.is_in(batch["id"], ids)
        stale = pc.and_(pc.is_in(batch["document"], anew), pc.not_equal(batch["skip_key"], replaced.key))
        going = pc.and_not(pc.or_(pc.is_in(batch["document"], orphaned), stale), here)
        gone += batch["id"].filter(going).to_pylist()
        for row in batch.filter(here).to_pylist():
            (present.add if coming[row["id"]] == _told(row) else gone.append)(row["id"])
    for row in now.rows("level = 'corpus'", [*columns, "corpus", "quotes", "text"]) if now else ():
        if coming.get(row["id"]) == _told(row):
            present.add(row["id"])
        elif row["id"] in coming or row["document"] in retired or _replaces(replaced, row, retired):
            gone.append(row["id"])
    return present, gone


def _told(row: Row) -> str:
    """What of a record may change while its id stays: its document's title, or those that a corpus lists."""
    return str(row.get("title", "")) if row["document"] else str(row["text"])


def _replaces(replaced: Replaced, row: Row, retired: set[str]) -> bool:
    """Whether a run replaces the record of a corpus: its own, or any that quotes a document which is gone."""
    merged = bool(replaced.corpus) and is_corpus(row["corpus"], replaced.corpus)
    return merged or any(quote["document"] in retired for quote in row["quotes"])


def _cited(staged: Sequence[Path]) -> tuple[set[str], set[str]]:
    """Documents that staged records quote, and those they are records of."""
    cited, fresh = set[str](), set[str]()
    for batch in staged_batches(staged, ["document", "quotes"]):
        fresh |= set(batch["document"].to_pylist()) - {""}
        cited |= {quote["document"] for quote in pc.list_flatten(batch["quotes"]).to_pylist()}
    return cited, fresh


def _check_kept(lost: set[str], cited: set[str], fresh: set[str], seen: Seen, merged: set[str]) -> None:
    """Refuse to publish on documents that another run has retired, unless this one brings them itself."""
    ours = {row["document"] for row in seen.rows if row["outcome"] == "ok"} & merged
    if missing := lost & (cited | fresh | ours) - (fresh & merged):
        # not Transient: the same step would embed all of it again, and find the same
        raise NightreadError(
            f"another run has retired {counted(len(missing), 'document')} meanwhile that this run builds on; "
            f"read again: what was read is kept"
        )


def _verified(staged: Sequence[Path], chars: dict[str, int]) -> dict[str, str]:
    """Ids of the staged records, each verified against the sources, with what may change of each."""
    coming: dict[str, str] = {}
    for batch in staged_batches(staged):
        check_offsets(schema.check(pa.Table.from_batches([batch]), schema.RECORDS), chars)
        for row in batch.select(["id", "document", "title", "text"]).to_pylist():
            if row["document"] not in chars and row["document"]:
                raise ValueError(f"record {row['id']!r} is of {row['document']!r}, which no source holds")
            coming[row["id"]] = intern(_told(row))
    return coming
