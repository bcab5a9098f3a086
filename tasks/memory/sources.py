"""Which documents the whole memory cites, after a run that looked at some corpora only.

The idea: a run replaces what is known of the places it looked at, and of nothing else; a document
that could be read once and cannot tonight keeps its memory until it is seen to be gone.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from tasks.errors import InvalidInput
from tasks.ingest.by_document import ByDocument
from tasks.ingest.names import Names
from tasks.ingest.source_rows import Gathered, SourceRows, gathered
from tasks.ingest.uris import Place, below, corpus_of, place
from tasks.runs.ledger import Row
from tasks.text.counted import counted


@dataclass(frozen=True)
class Seen:
    """What a run saw: where it looked, what it found there, and which memory it compared that with."""

    roots: tuple[str, ...]
    """Canonical URIs whose sources were listed: sources under them that are not in `rows` are gone."""
    rows: Sequence[Row]
    """Rows of schema.SOURCES."""
    since: str = ""
    """The run whose publication was current when this one began; "" where there was none."""


def merge_sources(now: pa.Table | None, seen: Seen, base: pa.Table | None) -> pa.Table:
    """Sources of the memory (schema.SOURCES, sorted by uri) after a run has seen what it saw.

    Args:
        now: sources as published.
        base: sources as published when the run began. Where another run has published since, what only
            that one changed stays, and what both changed is as `seen` has it.

    A uri none of whose new rows is ok keeps the ok rows it had, unless it has vanished. What lies under
    an unreadable folder is kept too: not to be seen is not to be gone.
    """
    rows = gathered(seen.rows).table
    unseen = rows.filter(pc.equal(rows["outcome"], "unreadable"))
    closed = sorted(set(unseen["uri"].to_pylist()))
    roots = [place(root) for root in seen.roots]
    merged = Gathered()
    tables = {"before": now, "ours": rows} if base is now else {"before": now, "ours": rows, "then": base}
    for uri, some in _by_uri(tables):
        theirs, found = some.get("before", []), some.get("ours")
        then = theirs if base is now else some.get("then", [])
        if theirs != then and found in (None, some.get("then")):
            merged.add(theirs)  # another run changed it, and this one did not
        elif found is not None:
            merged.add(_updated(theirs, found))
        elif not _looked_at(uri, theirs, roots) or any(below(folder, uri) for folder in closed):
            merged.add(theirs)
    return merged.table()


def _updated(before: list[Row], found: list[Row]) -> list[Row]:
    """Rows of one uri: those found, or the ok ones of before where it can only be read no more.

    A part that is left for the next run is what it was, if it was anything.
    """
    outcomes = {row["outcome"] for row in found}
    good = [row for row in before if row["outcome"] == "ok"]
    if good and "ok" not in outcomes and "vanished" not in outcomes:
        return good
    were = {row["part"]: row for row in good}
    there = [row for row in found if row["outcome"] != "vanished"]
    return [were.get(row["part"], row) if row["outcome"] == "postponed" else row for row in there]


def read_whole(sources: pa.Table) -> Iterator[tuple[str, str]]:
    """Uris and versions of the sources of which nothing is left for the next run, by uri."""
    columns = SourceRows(sources.select(["uri", "part", "version", "outcome"]))
    for uri, rows in groupby(columns.by_uri(), itemgetter("uri")):
        versions = {"" if row["outcome"] == "postponed" else row["version"] for row in rows}
        if len(versions) == 1 and "" not in versions:
            yield uri, versions.pop()


def failed(row: Row) -> bool:
    """Whether a source could not be read, and will not be before something changes."""
    return row["outcome"] not in ("ok", "postponed")


def orphans(before: pa.Table | None, merged: pa.Table) -> list[str]:
    """Documents that `before` cites and no uri of `merged` does: their records must be retired."""
    if before is None:
        return []
    held, there = (_ok(table)["document"].unique() for table in (before, merged))
    return sorted(held.filter(pc.invert(pc.is_in(held, there))).to_pylist())


@dataclass(frozen=True)
class Loss:
    """Of what memory holds of the places a run looked at: how much is not there any more."""

    roots: tuple[str, ...] = ()
    held: int = 0
    """Documents that memory holds of them."""
    documents: frozenset[str] = frozenset()
    """Those that no source anywhere holds now, and that no other text has taken the place of."""
    uris: tuple[str, ...] = ()
    """Where they were."""

    def check(self) -> None:
        """Refuse to retire more than half of what is held: so much is more often lost than deleted.

        Raises:
            InvalidInput: naming the counts and the remedy.
        """
        if 2 * len(self.documents) > self.held:
            raise InvalidInput(
                f"{len(self.documents):,} of {counted(self.held, 'document')} that memory holds of "
                f"{corpus_of(self.roots)} are not there any more, such as {self.uris[0]}. Nothing was "
                f"retired: check that every folder is whole and every share is mounted, or say that it is "
                f"meant with --yes (allow_retire in Prefect)"
            )


def loss(now: pa.Table | None, merged: pa.Table, seen: Seen) -> Loss:
    """What a run would retire by making `merged` of the sources, not counting documents that changed."""
    if now is None:
        return Loss(seen.roots)
    before = _ok(now)
    orphaned = pa.array(orphans(now, merged), pa.string())
    lost = pc.and_not(pc.is_in(before["document"], orphaned), pc.is_in(before["uri"], merged["uri"]))
    gone = before.filter(lost)
    roots = [place(root) for root in seen.roots]
    looked = (any(at.holds(row["uri"]) for at in roots) for row in SourceRows(before.select(["uri"])))
    held = pc.count_distinct(before["document"].filter(pa.array(looked, pa.bool_()))).as_py()
    uris = sorted(set(gone["uri"].to_pylist()))
    return Loss(seen.roots, held, frozenset(gone["document"].to_pylist()), tuple(uris))


def replaced(now: pa.Table | None, found: ByDocument, gone: Collection[str]) -> dict[str, str]:
    """For each new document what its source held before, where that was another document.

    Parts of a container move when one is added, so there only what is gone altogether was replaced.

    Args:
        found: new documents, each with the first source that holds it.
        gone: documents that no source holds any more.
    """
    names = Names(map(part_name, found.rows()))
    held = {}
    for row in _good(now):
        at = names.find(part_name(row))
        if at >= 0 and at != found.place(row["document"]):
            held[part_name(row)] = row["document"]
    rows = found.rows() if held else ()
    pairs = ((row, held.get(part_name(row), "")) for row in rows)
    return {row["document"]: old for row, old in pairs if old and (not row["label"] or old in gone)}


def documents_of(sources: pa.Table | None) -> set[str]:
    """Documents that some source holds."""
    if sources is None:
        return set()
    return set(_ok(sources)["document"].unique().to_pylist())


def held_by(sources: pa.Table | None) -> Names:
    """Documents that some source holds."""
    return Names(row["document"] for row in _good(sources))


def parts_of(sources: pa.Table | None) -> Names:
    """Names of the sources, or parts of one, that hold a document."""
    return Names(map(part_name, _good(sources)))


def told_apart(rows: Iterable[Row]) -> tuple[int, int]:
    """How many documents there are in rows of schema.SOURCES as people count them, and texts of those.

    Texts of one file after the other are versions of one document, and copies of a text are one document;
    each part of a container is a document of its own, since parts move when one is added.
    """
    leads: dict[str, str] = {}

    def first(name: str) -> str:
        while (after := leads.setdefault(name, name)) != name:
            name = after
        return name

    texts = set[str]()
    for row in rows:
        texts.add(row["document"])
        first(row["document"])
        if not row["label"]:
            leads[first(f"uri {row['uri']}")] = first(row["document"])
    return len({first(text) for text in texts}), len(texts)


def part_name(row: Row) -> str:
    """A source and its part, as people find the document: `mails.jsonl#row=12`."""
    return f"{row['uri']}{'#' if row['label'] else ''}{row['label']}"


def _ok(sources: pa.Table) -> pa.Table:
    return sources.filter(pc.equal(sources["outcome"], "ok"))


def _good(sources: pa.Table | None) -> Iterator[Row]:
    """Uri, label and document of the rows that hold one."""
    return iter(SourceRows(_ok(sources).select(["uri", "label", "document"])) if sources is not None else ())


def _by_uri(tables: Mapping[str, pa.Table | None]) -> Iterator[tuple[str, dict[str, list[Row]]]]:
    """For each uri, in order, its rows in each table that has some, by their part. Few are held."""
    sorted_rows = (_named(name, table) for name, table in tables.items() if table is not None)
    together = heapq.merge(*sorted_rows, key=itemgetter(0))
    for uri, some in groupby(together, key=itemgetter(0)):
        found: dict[str, list[Row]] = {}
        for _, name, row in some:
            found.setdefault(name, []).append(row)
        yield uri, found


def _named(name: str, table: pa.Table) -> Iterator[tuple[str, str, Row]]:
    """Uri, name of the table, and row, by uri and part."""
    yield from ((row["uri"], name, row) for row in SourceRows(table).by_uri())


def _looked_at(uri: str, rows: list[Row], roots: list[Place]) -> bool:
    """Whether a run that looked at these places would have seen a uri, were it still there."""
    passed = all(row["outcome"] != "ok" for row in rows)  # perhaps a folder that could not be listed then
    return any(at.holds(uri) or (passed and at.enters(uri)) for at in roots)
