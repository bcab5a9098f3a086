"""The three steps of ingest, as a run takes them: discover, parse, shard."""

import logging
import time
from array import array
from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

from tasks.ingest import discover as sources
from tasks.ingest.by_document import ByDocument
from tasks.ingest.cluster import check_copy, connect
from tasks.ingest.forgotten import Forgotten
from tasks.ingest.home.remote import is_kept
from tasks.ingest.listing import Listing, listed
from tasks.ingest.parse import parse_all, parser_key
from tasks.ingest.parse.ocr import could_read_more
from tasks.ingest.shard import shard_all
from tasks.ingest.sharded import Sharded, sharded
from tasks.ingest.source_rows import Gathered, SourceRows
from tasks.ingest.storage import Found
from tasks.ingest.uris import below, corpus_of, place
from tasks.runs.ledger import Ledger, Row
from tasks.runs.run import Progress, Run
from tasks.text.counted import counted

_log = logging.getLogger("nightread")
FLUSH_SOURCES, FLUSH_S = 500, 2.0
"""Sources, and seconds, after which the ledger is told of what was parsed."""


def admit(run: Run) -> None:
    """Let in again what was forgotten and is named now, each by its own URI."""
    if count := Forgotten(run.home).admit(run.uris, folders=False):
        run.ledger.look_again()
        _log.info("discover: %s, named to be read, no longer forgotten", counted(count, "document"))


def discover(run: Run, known: Collection[str] = ()) -> Listing:
    """Every source under the run's uris, each once, in a fixed order.

    Args:
        known: uris of the sources that memory holds: a place that held one of them may be empty now.
    """
    sources.check_apart(run.uris, run.home)
    found = listed(sources.discover(run.uris, run.home, run.storage, known))
    _log.info("discover: %s under %s", counted(len(found), "source"), corpus_of(run.uris))
    return found


def parse(run: Run, found: Listing, progress: Progress) -> SourceRows:
    """Parse what is new or changed; a row of schema.SOURCES for each document, or for what holds none."""
    key = parser_key(run.parse)
    rows = Gathered()

    def put(some: list[Row]) -> None:
        rows.add(some)
        progress(1)

    fresh = array("q")
    for number, one in enumerate(found):
        known = run.ledger.known_source(one.uri, one.version, key, is_kept)
        if known is None or could_read_more(known, run.parse):
            fresh.append(number)
        else:
            put(known)
    with ExitStack() as stack:
        client = stack.enter_context(connect(run.cluster)) if fresh and run.cluster.address else None
        if client:
            check_copy(client, run.home, run.cluster.address)
        parsed = parse_all(found.take(fresh), run.home, run.parse, run.storage, client)
        for some in remembered(run.ledger, key, parsed):
            put(some)
    all_ = SourceRows(rows.table())
    bad = all_.without("ok", "forgotten")
    run.ledger.release(_gone(run, found, bad))
    run.ledger.quarantine(run.run, bad)
    for row in bad:
        _log.info("parse: %s is in quarantine: %s, %s", row["uri"], row["outcome"], row["reason"])
    _log.info("parse: %s, of which %s new or changed", counted(len(found), "source"), f"{len(fresh):,}")
    return all_


def remembered(ledger: Ledger, key: str, parsed: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """The rows of each source, which the ledger is told of many at a time: each time it flushes the disk.

    A process that is killed loses what was told last; the texts are there, and are found again.
    """
    due: list[Row] = []
    sources, last = 0, time.monotonic()
    try:
        for rows in parsed:
            due += rows
            sources += 1
            yield rows
            if sources >= FLUSH_SOURCES or time.monotonic() - last > FLUSH_S:
                ledger.remember_source(due, key)
                due, sources, last = [], 0, time.monotonic()
    finally:
        if due:
            ledger.remember_source(due, key)


def _gone(run: Run, found: Iterable[Found], bad: Iterable[Row]) -> set[str]:
    """Sources in quarantine that this run would have seen, were they still there."""
    quarantined = {row["uri"] for row in run.ledger.quarantined()}
    if not quarantined:
        return quarantined
    quarantined.difference_update(one.uri for one in found)
    places = [place(sources.root(uri, run.home)) for uri in run.uris]
    closed = [row["uri"] for row in bad if row["outcome"] == "unreadable"]
    return {
        uri
        for uri in quarantined
        if any(at.holds(uri) or at.enters(uri) for at in places)
        and not any(below(folder, uri) for folder in closed)
    }


def shard(run: Run, todo: ByDocument, tokenizer: Path, progress: Progress) -> Sharded:
    """Windows of these documents, each with a source that holds it, as Parquet shards cut on Dask workers."""
    if not todo:
        return sharded([])
    with connect(run.cluster) as client:
        check_copy(client, run.home, run.cluster.address)
        documents = shard_all(run.home, todo.rows(), tokenizer, run.shard, client, progress)
    _log.info("shard: %s in %s", counted(len(documents), "document"), counted(documents.windows, "window"))
    return documents
