"""Attention: which blocks of a long context the reader fetches for a question, and what it says from them."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from flows.gateway import failures
from flows.gateway.caller import Asking, Caller
from flows.gateway.doors import Doors, doors_of
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import page
from flows.gateway.service import questions
from tasks.errors import NightreadError
from tasks.serve.door import BLOCKS, Cited, Done, Name, Piece, ReaderDoor

router = APIRouter(route_class=PageRoute, include_in_schema=False)

PATIENCE_S = 120.0
"""For an answer, or for a context to be opened."""


class Wanted(BaseModel):
    """A context by its key, and what is asked of it."""

    key: str = Field("", max_length=200)
    q: str = Field("", max_length=questions.MOST_CHARS)
    answer: bool = False
    """Whether the reader writes an answer too, which takes it seconds."""


@router.get("/attention")
async def attention(request: Request, who: Asking, wanted: Annotated[Wanted, Query()]) -> Response:
    """The strip of a context, and the blocks that a question fetches."""
    doors = doors_of(request)
    values: dict[str, Any] = {"wanted": wanted, "problem": "", "state": None, "blocks": [], "said": ""}
    status, headers = 200, dict[str, str]()
    if doors.reader is None:
        values["problem"] = "no reader is here: start nightread serve, which has one"
    elif wanted.key and wanted.q.strip():
        try:
            values |= await doors.reading.run(_fetched, doors, who, wanted)
        except (NightreadError, HTTPException) as error:
            status, message, headers = failures.told(error)
            values["problem"] = failures.without_home(request.scope, message)
    shown = await page(request, "attention.html", status, **values)
    shown.headers.update(headers)
    return shown


def _fetched(doors: Doors, who: Caller, wanted: Wanted) -> dict[str, Any]:
    """Values of the page."""
    from tasks.recall.view.strip import strip

    assert doors.reader is not None
    reader, name = doors.reader(), Name(who.tenant, wanted.key)
    state = reader.open(name, timeout_s=PATIENCE_S)
    said, blocks = _answer(reader, name, wanted.q) if wanted.answer else ("", ())
    if not wanted.answer:
        found = reader.retrieve(name, wanted.q, BLOCKS, PATIENCE_S).blocks
        blocks = tuple(sorted(found, key=lambda one: one.token_start))
    best = max((one.score for one in blocks), default=0.0) or 1.0
    spans = [(one.token_start, one.token_end) for one in blocks]
    told = {"state": state, "blocks": blocks, "best": best, "said": said}
    return told | {"where": strip(wanted.key, state.tokens, spans)}


def _answer(reader: ReaderDoor, name: Name, question: str) -> tuple[str, tuple[Cited, ...]]:
    """What the reader writes, and the blocks that it writes from."""
    said, blocks = list[str](), tuple[Cited, ...]()
    for part in reader.ask(name, question, timeout_s=PATIENCE_S):
        match part:
            case Piece():
                said.append(part.text)
            case Done():
                blocks = part.citations
    return "".join(said), blocks
