"""What is looked up in a caller's home: the same for every protocol.

The idea: rows are those of the commands `runs`, `documents` and `show`, without what is about the machine
that reads. To look makes nothing: where nothing was read, there is nothing.
"""

from dataclasses import asdict
from typing import Any

from flows import looking, versions
from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from flows.gateway.service.questions import memory_of
from tasks.errors import InvalidInput, NotFound
from tasks.runs.ledger import Row, ledger_path

FINDINGS = 100
"""Of a run, that are told."""
OURS = ("process", "host", "flow_run")
"""What a run counts that is about this machine."""
PUBLISHED = "published"


def runs(doors: Doors, who: Caller, limit: int) -> Row:
    """Runs, newest first."""
    rows = _runs(doors, who)
    return {"runs": [_shown(row) for row in rows[:limit]], "total": len(rows)}


def report(doors: Doors, who: Caller, ident: str) -> Row:
    """A run, and what is new, changed, gone and conflicting since the run before.

    Raises:
        NotFound: if there is no such run.
    """
    row = run(doors, who, ident)
    from tasks.recall import inspect

    try:
        differs = versions.diff(doors.config_at(who.home), [ident]).data
    except InvalidInput:  # it published nothing, is the first one, or its version was dropped
        differs = {"documents": [], "before": ""}
    found = inspect.found_by(who.home, ident, FINDINGS)
    told = {"documents": differs["documents"], "findings": found, "compared_with": differs["before"]}
    return {**row, **told}


def run(doors: Doors, who: Caller, ident: str) -> Row:
    """A run by its id.

    Raises:
        NotFound: if there is none.
    """
    row = next((one for one in _runs(doors, who) if one["run"] == ident), None)
    if row is None:
        raise NotFound(f"run {ident[:80]!r}: there is none of this id")
    return _shown(row)


def newest(doors: Doors, who: Caller) -> Row:
    """The report of the last run that published.

    Raises:
        NotFound: if none has.
    """
    published = (row["run"] for row in _runs(doors, who) if row["status"] == PUBLISHED)
    if (ident := next(published, None)) is None:
        raise NotFound("no run has published anything yet")
    return report(doors, who, ident)


def documents(doors: Doors, who: Caller, uri: str, outcome: str, limit: int) -> Row:
    """Sources by name, and what became of each."""
    if not _has_ledger(who):
        return {"documents": [], "counts": {}, "total": 0}
    return looking.documents(doors.config_at(who.home), uri, outcome, limit).data


def document(doors: Doors, who: Caller, ident: str) -> Row:
    """The sources that hold a document, and what memory holds of it.

    Raises:
        NotFound: if there is no such document.
    """
    from tasks.recall.documents import covered, listing

    if not _has_ledger(who):
        raise _no_document(ident)
    with looking.ledger(doors.config_at(who.home)) as ledger:
        found = listing(who.home, ledger, ident)
    rows = tuple(row for row in found.rows if row.document == ident)
    if not rows:
        raise _no_document(ident)
    known = covered(who.home, rows)
    shown = [{**asdict(row), "coverage": _asdict(known.get(row.document))} for row in rows]
    return {"documents": shown, "total": found.total}


def citation(doors: Doors, who: Caller, ident: str, start: int, end: int, around: int) -> Row:
    """Characters of a document, and those around them.

    Raises:
        NotFound: if there is no such document.
        InvalidInput: if it has no such characters.
    """
    from tasks.recall.opening import open_at

    memory = memory_of(doors, who)
    if not memory.sources_of(ident):
        raise _no_document(ident)
    with memory.held():
        return asdict(open_at(memory, ident, start, end, around))


def record(who: Caller, ident: str) -> Row:
    """A record with its citations.

    Raises:
        NotFound: if there is no such record.
    """
    from tasks.recall import inspect

    try:
        return inspect.record(who.home, ident)
    except InvalidInput as error:
        raise NotFound(f"record {ident[:80]!r}: there is none of this id") from error


def quarantined(doors: Doors, who: Caller) -> Row:
    """Documents that could not be read, and why."""
    if not _has_ledger(who):
        return {"documents": []}
    with looking.ledger(doors.config_at(who.home)) as ledger:
        return {"documents": ledger.quarantined()}


def _no_document(ident: str) -> NotFound:
    return NotFound(f"document {ident[:80]!r}: this memory holds none of this id")


def _runs(doors: Doors, who: Caller) -> list[Row]:
    found: list[Row] = looking.runs(doors.config_at(who.home)).data["runs"] if _has_ledger(who) else []
    return found


def _shown(row: Row) -> Row:
    counts = {name: count for name, count in row["counts"].items() if name not in OURS}
    return {**row, "counts": counts}


def _asdict(one: Any) -> Row | None:
    return asdict(one) if one else None


def _has_ledger(who: Caller) -> bool:
    return ledger_path(who.home).exists()
