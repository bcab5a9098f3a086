"""A document opened at a place: the cited characters are marked, whatever became of the source since."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from flows.gateway.caller import Asking
from flows.gateway.doors import Doors, doors_of
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import HEADERS, page
from flows.gateway.service import questions
from tasks.errors import BadDocument, NightreadError, NotFound
from tasks.runs.ledger import Row
from tasks.serve.door import Busy
from tasks.settings import StorageConfig

if TYPE_CHECKING:
    from tasks.recall.view.opened import OpenDocument
    from tasks.recall.view.pages.drawer import Page
    from tasks.recall.view.piece import Piece

router = APIRouter(route_class=PageRoute, include_in_schema=False)

Ident = Annotated[str, Path(min_length=1, max_length=200)]
Number = Annotated[int, Path(ge=1, le=1_000_000)]
Char = Annotated[int | None, Query(ge=0, le=1 << 40)]
CODE = tuple(".c .cpp .css .go .h .java .js .json .py .rs .sh .sql .toml .ts .xml .yaml .yml".split())
"""Endings of sources whose letters should stand below each other."""
PAGE = "page"
MOST_PAGES = 3
"""Pages that are shown at a time."""
PATIENCE_S = 3.0
"""For a document's sources: its text is there already."""
KEPT = {"Cache-Control": "private, max-age=300"}


@router.get("/document/{ident}")
async def document(
    request: Request,
    who: Asking,
    ident: Ident,
    start: Char = None,
    end: Char = None,
    at: Char = 0,
    as_of: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """The text around cited characters, or from a place on."""
    doors = doors_of(request)
    cited = (start, end) if start is not None and end is not None else None

    def opened() -> tuple["OpenDocument", "Piece", dict[str, Any]]:
        from tasks.recall.view.opened import opened_document
        from tasks.recall.view.piece import piece
        from tasks.recall.view.strip import strip
        from tasks.recall.view.tree import node_of

        memory = questions.memory_of(doors, who, as_of)
        found, node = opened_document(memory, ident), node_of(memory, ident)
        told = {
            "document": found,
            "cited": cited,
            "node": node,
            "title": (node and node.title) or found.names[0].rpartition("/")[2],
            "where": strip("This document", found.chars, [cited] if cited else []),
            "is_code": found.rows[0]["uri"].lower().endswith(CODE),
            "as_of": as_of,
        }
        return found, piece(found, cited, at or 0), told

    found, shown, told = await doors.work(opened)
    seen = await _seen(doors, found, shown)
    return await page(request, "document.html", piece=shown, **told, **seen)


@router.get("/document/{ident}/page/{number}.png")
async def picture(
    request: Request,
    who: Asking,
    ident: Ident,
    number: Number,
    as_of: Annotated[str, Query(max_length=100)] = "",
) -> Response:
    """A page of a PDF as a picture, as long as the file is what was read."""
    doors = doors_of(request)

    def drawn() -> bytes:
        from tasks.recall.view.opened import opened_document
        from tasks.recall.view.pages.drawer import drawer

        row = _paged(opened_document(questions.memory_of(doors, who, as_of), ident).rows)
        if row is None:
            raise NotFound("this document has no pages that could be drawn")
        return drawer().picture(row, number, doors.config.storage)

    return Response(await doors.sources.run(drawn), media_type="image/png", headers=HEADERS | KEPT)


async def _seen(doors: Doors, found: "OpenDocument", shown: "Piece") -> dict[str, Any]:
    """What became of the sources, and their pages. The stored text is shown without them where others wait
    for theirs, or it takes long."""
    from tasks.recall.view.opened import MOST_SOURCES, states

    def seen() -> dict[str, Any]:
        some = states(found.rows, doors.config.storage)
        pages, undrawn = _pages(shown, some, doors.config.storage)
        return {"states": some, "pages": pages, "undrawn": undrawn}

    unseen = {"states": [(row, "unknown") for row in found.rows[:MOST_SOURCES]], "pages": [], "undrawn": ""}
    try:
        told = await doors.sources.soon(PATIENCE_S, seen)
    except Busy:
        told = unseen
    return {**told, "more": max(0, len(found.rows) - MOST_SOURCES)}


def _pages(
    shown: "Piece", states: Sequence[tuple[Row, str]], storage: StorageConfig
) -> tuple[list["Page"], str]:
    """The pages that hold cited characters, or the first one of the piece; or why they are not shown."""
    from tasks.recall.view.pages.drawer import drawer

    row = _paged([row for row, state in states if state == "same"])
    blocks = [one for one in shown.cited_blocks or shown.blocks[:1] if one.place == PAGE]
    if row is None or not blocks:
        return [], ""
    pages = []
    try:
        for block in blocks[:MOST_PAGES]:
            cited = "".join(one.text for one in block.words if one.is_cited)
            before = block.words[0].text if not block.words[0].is_cited else ""
            pages.append(drawer().page(row, block.number, storage, before, cited))
    except BadDocument as error:
        return pages, error.reason
    except NightreadError:  # its store answered a moment ago, and does not now
        return pages, "its source cannot be reached just now"
    return pages, ""


def _paged(rows: Sequence[Row]) -> Row | None:
    """A source that is itself a file of pages: of one inside another file there is no picture."""
    return next((row for row in rows if row["uri"].lower().endswith(".pdf") and not row["label"]), None)
