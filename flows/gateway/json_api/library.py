"""What was read and is remembered: runs, sources, documents, records, and citations opened at their place."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from flows.gateway.caller import Asking
from flows.gateway.doors import doors_of
from flows.gateway.json_api import shapes
from flows.gateway.service import library

router = APIRouter(tags=["library"])

Ident = Annotated[str, Path(min_length=1, max_length=200)]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/v1/runs", response_model=shapes.Runs)
async def runs(who: Asking, request: Request, limit: Limit = 50) -> Any:
    """Runs, newest first."""
    doors = doors_of(request)
    return await doors.work(library.runs, doors, who, limit)


@router.get("/v1/runs/{ident}", response_model=shapes.RunReport)
async def run(ident: Ident, who: Asking, request: Request) -> Any:
    """A run, and what it found: documents that are new, changed, moved or gone since the run before, and
    statements that were changed, superseded or contradicted."""
    doors = doors_of(request)
    return await doors.work(library.report, doors, who, ident)


@router.get("/v1/documents", response_model=shapes.Documents)
async def documents(
    who: Asking,
    request: Request,
    uri: Annotated[str, Query(max_length=2000, description="Only this source, folder or glob.")] = "",
    outcome: Annotated[str, Query(max_length=100, description="Only those that ended so, such as ok.")] = "",
    limit: Limit = 50,
) -> Any:
    """Sources by name, and what became of each."""
    doors = doors_of(request)
    return await doors.work(library.documents, doors, who, uri, outcome, limit)


@router.get("/v1/documents/{ident}", response_model=shapes.Document)
async def document(ident: Ident, who: Asking, request: Request) -> Any:
    """The sources that hold a document, by its id, and what memory holds of it."""
    doors = doors_of(request)
    return await doors.work(library.document, doors, who, ident)


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
    return await doors.work(library.citation, doors, who, ident, start, end, around)


@router.get("/v1/records/{ident}", response_model=shapes.Record)
async def record(ident: Ident, who: Asking, request: Request) -> Any:
    """A record of the memory, with its citations and the records below it."""
    return await doors_of(request).work(library.record, who, ident)
