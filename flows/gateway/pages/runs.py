"""What was done: runs with what each found, sources with what became of them, and what could not be read."""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from flows import looking
from flows.gateway.caller import Asking, Caller, Writing
from flows.gateway.doors import Doors, doors_of
from flows.gateway.pages import words
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import page
from flows.gateway.service import flow_runs, library
from tasks.memory.reader import RUN_NAME, run_folder
from tasks.runs.ledger import Row

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Ident = Annotated[str, Path(min_length=1, max_length=100)]
MORE = 50
"""Rows that are shown at a time."""
Limit = Annotated[int, Query(ge=1, le=2000)]


@router.get("/runs")
async def runs(request: Request, who: Asking, n: Limit = MORE) -> Response:
    """Runs, newest first."""
    doors = doors_of(request)
    found = await doors.work(library.runs, doors, who, n)
    more = words.with_given("/runs", {"n": n + MORE}) if found["total"] > n else ""
    return await page(request, "runs.html", runs=found["runs"], total=found["total"], more=more)


@router.get("/runs/{ident}")
async def run(request: Request, who: Asking, ident: Ident) -> Response:
    """A run: what is new, changed, gone and conflicting, as its report has it."""
    doors = doors_of(request)
    return await page(request, "run.html", **await doors.work(_run, doors, who, ident))


@router.get("/documents")
async def documents(
    request: Request,
    who: Asking,
    uri: Annotated[str, Query(max_length=2000)] = "",
    outcome: Annotated[str, Query(max_length=40)] = "",
    n: Limit = MORE,
) -> Response:
    """Sources by name, and what became of each."""
    doors = doors_of(request)
    found = await doors.work(_documents, doors, who, uri, outcome, n)
    more = words.with_given("/documents", {"uri": uri, "outcome": outcome}, n=n + MORE)
    given: dict[str, Any] = {"uri": uri, "outcome": outcome, "more": more if found["total"] > n else ""}
    return await page(request, "documents.html", **found, **given)


@router.get("/unread")
async def unread(
    request: Request, who: Asking, begun: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    """What could not be read, and why."""
    doors = doors_of(request)

    def found() -> dict[str, Any]:
        rows = library.quarantined(doors, who)["documents"]
        corpora = _corpora(doors, who, rows) if rows else []
        return {"rows": rows, "corpora": corpora, "may_retry": who.may_write, "begun": begun}

    return await page(request, "unread.html", **await doors.work(found))


@router.post("/unread")
async def retry(request: Request, who: Writing) -> Response:
    """Have these read again, with the corpora that hold them, and come back to what is left."""
    doors = doors_of(request)

    begun = await doors.work(flow_runs.start, who, lambda: flow_runs.to_retry(doors, who))
    return RedirectResponse(words.with_given("/unread", {"begun": len(begun)}), 303)


def _run(doors: Doors, who: Caller, ident: str) -> dict[str, Any]:
    """A run with its report, or what is known where it has none."""
    from tasks.report.again import read_report
    from tasks.report.page import SECTIONS, compared, facts, lead

    row = library.run(doors, who, ident)
    kept = read_report(run_folder(who.home, ident)) if RUN_NAME.fullmatch(ident) else None
    told: dict[str, Any] = {
        "run": row,
        "lead": "",
        "sections": [],
        "compared": [],
        "facts": [],
        "contents": None,
    }
    if kept is None:
        return told
    outcome, contents = kept
    sections = [
        (name, remark, contents.of(status), contents.count(status)) for status, name, _, remark in SECTIONS
    ]
    return told | {
        "lead": lead(outcome, contents),
        "sections": [one for one in sections if one[2]],
        "compared": compared(contents),
        "contents": contents,
        "facts": facts(outcome),
    }


def _documents(doors: Doors, who: Caller, uri: str, outcome: str, most: int) -> dict[str, Any]:
    """Sources, and why none is shown where the place that is asked for holds none."""
    from tasks.errors import InvalidInput

    try:
        return {**library.documents(doors, who, uri, outcome, most), "problem": ""}
    except InvalidInput as error:
        return {"documents": [], "counts": {}, "total": 0, "problem": f"{error}"}


def _corpora(doors: Doors, who: Caller, rows: list[Row]) -> list[tuple[str, int]]:
    """Corpora that a retry reads again, and how many of these sources each holds."""
    with looking.ledger(doors.config_at(who.home)) as ledger:
        known: Mapping[str, Row] = {row["run"]: row for row in ledger.runs()}
    counts = Counter(" ".join(known[row["run"]]["corpus"]) for row in rows if row["run"] in known)
    return sorted(counts.items())
