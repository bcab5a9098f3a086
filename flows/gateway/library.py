"""What was read and is remembered: runs, sources, documents, records, and citations opened at their place."""

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from flows import looking, versions
from flows.gateway import shapes
from flows.gateway.asked import opening
from flows.gateway.caller import Asking, Caller
from flows.gateway.doors import Doors, doors_of
from flows.gateway.failures import NotFound
from tasks.errors import InvalidInput
from tasks.runs.ledger import ledger_path

router = APIRouter(tags=["library"])

Ident = Annotated[str, Path(min_length=1, max_length=200)]
FINDINGS = 100
"""Of a run, that are told."""
RUNNING = ("process", "host", "flow_run")
"""What a run counts that is about this machine."""


@router.get("/v1/runs", response_model=shapes.Runs)
async def runs(who: Asking, request: Request, limit: Annotated[int, Query(ge=1, le=1000)] = 50) -> Any:
    """Runs, newest first."""
    doors = doors_of(request)

    def found() -> dict[str, Any]:
        rows = looking.runs(doors.config_at(who.home)).data["runs"] if _has_ledger(who) else []
        return {"runs": [_run(row) for row in rows[:limit]], "total": len(rows)}

    return await doors.work(found)


@router.get("/v1/runs/{ident}", response_model=shapes.RunReport)
async def run(ident: Ident, who: Asking, request: Request) -> Any:
    """A run, and what it found: documents that are new, changed, moved or gone since the run before, and
    statements that were changed, superseded or contradicted."""
    doors = doors_of(request)
    return await doors.work(_report, doors, who, ident)


@router.get("/v1/documents", response_model=shapes.Documents)
async def documents(
    who: Asking,
    request: Request,
    uri: Annotated[str, Query(max_length=2000, description="Only this source, folder or glob.")] = "",
    outcome: Annotated[str, Query(max_length=100, description="Only those that ended so, such as ok.")] = "",
    limit: Annotated[int, Query(ge=1, le=1000)] = 50,
) -> Any:
    """Sources by name, and what became of each."""
    doors = doors_of(request)

    def found() -> Any:
        if not _has_ledger(who):
            return {"documents": [], "counts": {}, "total": 0}
        return looking.documents(doors.config_at(who.home), uri, outcome, limit).data

    return await doors.work(found)


@router.get("/v1/documents/{ident}", response_model=shapes.Document)
async def document(ident: Ident, who: Asking, request: Request) -> Any:
    """The sources that hold a document, by its id, and what memory holds of it."""
    return await doors_of(request).work(_document, doors_of(request), who, ident)


@router.get("/v1/documents/{ident}/text", response_model=shapes.Opening)
async def citation(
    ident: Ident,
    who: Asking,
    request: Request,
    start: Annotated[int, Query(ge=0, description="First character, as a citation has it.")],
    end: Annotated[int, Query(ge=1, description="One behind the last.")],
    around: Annotated[int, Query(ge=0, le=5000, description="Characters before and after.")] = 600,
) -> Any:
    """A citation opened: the cited characters of a document, and the text around them."""
    doors = doors_of(request)

    def opened() -> Any:
        from tasks.recall.opening import open_at

        memory = opening(doors, who)().memory
        if not memory.sources_of(ident):
            raise NotFound(f"document {ident!r}: this memory holds none of this id")
        with memory.held():
            return asdict(open_at(memory, ident, start, end, around))

    return await doors.work(opened)


@router.get("/v1/records/{ident}", response_model=shapes.Record)
async def record(ident: Ident, who: Asking, request: Request) -> Any:
    """A record of the memory, with its citations and the records below it."""

    def found() -> Any:
        from tasks.recall import inspect

        try:
            return inspect.record(who.home, ident)
        except InvalidInput as error:
            raise NotFound(f"record {ident!r}: there is none of this id") from error

    return await doors_of(request).work(found)


def _document(doors: Doors, who: Caller, ident: str) -> dict[str, Any]:
    from tasks.recall.documents import covered, listing

    found = listing(who.home, looking.ledger(doors.config_at(who.home)), ident) if _has_ledger(who) else None
    rows = tuple(row for row in found.rows if row.document == ident) if found else ()
    if not found or not rows:
        raise NotFound(f"document {ident!r}: there is none of this id; see /v1/documents")
    known = covered(who.home, rows)
    shown = [{**asdict(row), "coverage": _asdict(known.get(row.document))} for row in rows]
    return {"documents": shown, "total": found.total}


def _report(doors: Doors, who: Caller, ident: str) -> dict[str, Any]:
    from tasks.recall import inspect

    config = doors.config_at(who.home)
    rows = looking.runs(config).data["runs"] if _has_ledger(who) else []
    row = next((one for one in rows if one["run"] == ident), None)
    if row is None:
        raise NotFound(f"run {ident!r}: there is none of this id; see /v1/runs")
    try:
        differs = versions.diff(config, [ident]).data
    except InvalidInput:  # it published nothing, is the first one, or its version was dropped
        differs = {"documents": [], "before": ""}
    found = inspect.found_by(who.home, ident, FINDINGS)
    told = {"documents": differs["documents"], "findings": found, "compared_with": differs["before"]}
    return {**_run(row), **told}


def _run(row: dict[str, Any]) -> dict[str, Any]:
    """A run without what is about this machine."""
    counts = {name: count for name, count in row["counts"].items() if name not in RUNNING}
    return {**row, "counts": counts}


def _asdict(one: Any) -> dict[str, Any] | None:
    return asdict(one) if one else None


def _has_ledger(who: Caller) -> bool:
    """Whether anything was read: to look must not make a ledger."""
    return ledger_path(who.home).exists()
