"""Every source by what became of it: version, outcome and reason, when it was read and by which run.

The idea: the memory says what is remembered, the ledger what was parsed besides; only the rows that are shown
are asked for their run, so that a listing of a million sources costs a pass over their names.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from heapq import nsmallest
from pathlib import Path

from tasks.errors import InvalidInput
from tasks.ingest.omitted import remark
from tasks.ingest.source_rows import SourceRows
from tasks.ingest.uris import canonical, place
from tasks.memory.reader import Memory, open_memory, published, quoted
from tasks.memory.sources import part_name
from tasks.recall.coverage import Coverage, coverage
from tasks.runs.ledger import Ledger, Row
from tasks.schema import ADDED_SOURCES, OUTCOMES

UNREMEMBERED = "not remembered"
"""Outcome of a source that was parsed once and that memory does not hold."""


@dataclass(frozen=True)
class Listed:
    """A source, or a document inside one, and what became of it."""

    source: str
    outcome: str
    """One of schema.OUTCOMES, or `UNREMEMBERED`."""
    reason: str
    """Why it could not be read, or what is not in its text."""
    document: str
    """Its id; "" where it has no text."""
    version: str
    chars: int
    run: str = ""
    """That read it last, or found last that it cannot be read."""
    read: str = ""
    """When, ISO."""


@dataclass(frozen=True)
class Listing:
    """Sources of one place, and how many there are."""

    rows: tuple[Listed, ...]
    """The first of them, by name."""
    counts: dict[str, int]
    """All of them, by outcome."""

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def listing(home: Path, ledger: Ledger, uri: str = "", outcome: str = "", limit: int = 50) -> Listing:
    """What became of the sources under a URI.

    Args:
        uri: a source, a folder or a glob, the last part of a source's name, or a document's id; "" is all.
        outcome: only those that ended so; "" is any.
        limit: rows that are returned.

    Raises:
        InvalidInput: if there is no such outcome.
    """
    known = (*OUTCOMES, UNREMEMBERED)
    if outcome and outcome not in known:
        raise InvalidInput(f"--outcome {outcome}: give one of {', '.join(known)}")
    memory = open_memory(home) if published(home) else None
    shown: list[Row] = []
    counts: Counter[str] = Counter()
    for named in _ways(uri):
        rows = _counted(filter(named, _rows(memory, ledger)), counts)
        wanted = (row for row in rows if outcome in ("", row["outcome"]))
        shown = nsmallest(limit, wanted, key=lambda row: (row["uri"], row["part"]))
        if counts:
            break
    if outcome:
        counts = Counter({outcome: counts[outcome]})
    return Listing(tuple(_listed(memory, ledger, shown)), {name: n for name, n in counts.most_common() if n})


def covered(home: Path, rows: tuple[Listed, ...]) -> dict[str, Coverage]:
    """What memory holds of these documents, and what it does not, by their ids."""
    documents = {row.document for row in rows if row.outcome == "ok"}
    return coverage(open_memory(home), documents) if documents else {}


def _rows(memory: Memory | None, ledger: Ledger) -> Iterator[Row]:
    """Of every source, one after the other."""
    yield from SourceRows(memory.sources) if memory else ()
    yield from _unremembered(memory, ledger)


def _counted(rows: Iterable[Row], counts: Counter[str]) -> Iterator[Row]:
    for row in rows:
        counts[row["outcome"]] += 1
        yield row


def _unremembered(memory: Memory | None, ledger: Ledger) -> list[Row]:
    """Rows of sources that the ledger knows and the memory does not."""
    held = set(memory.uris) if memory else set()
    rows = ledger.source_rows([uri for uri in ledger.source_uris() if uri not in held])
    gone = {"outcome": UNREMEMBERED, "reason": "it is gone, or left for the next run"}
    return [{**ADDED_SOURCES, **row, **(gone if row["outcome"] == "ok" else {})} for row in rows]


def _ways(uri: str) -> list[Callable[[Row], bool]]:
    """What a URI may name: the second where the first finds nothing."""
    if not uri:
        return [lambda row: True]
    where, end = place(canonical(uri)), f"/{uri.strip('/')}"
    return [
        lambda row: where.holds(row["uri"]) or uri in (row["document"], part_name(row)),
        lambda row: row["uri"].endswith(end),
    ]


def _listed(memory: Memory | None, ledger: Ledger, rows: list[Row]) -> list[Listed]:
    documents = sorted({row["document"] for row in rows if row["outcome"] == "ok"})
    readings: dict[str, tuple[str, str]] = {}
    if memory and documents:
        where = f"level = 'document' AND document IN ({quoted(documents)})"
        for one in memory.rows(where, ["document", "run", "created"]):
            readings[one["document"]] = one["run"], one["created"].isoformat()
    bad = {(row["uri"], row["part"]): (row["run"], row["since"]) for row in ledger.quarantined()}
    found = []
    for row in rows:
        read = readings.get(row["document"]) if row["outcome"] == "ok" else bad.get((row["uri"], row["part"]))
        reason, (run, when) = row["reason"] or remark(row), read or ("", "")
        name, text = part_name(row), row["document"]
        found.append(Listed(name, row["outcome"], reason, text, row["version"], row["chars"], run, when))
    return found
