"""`/v1/recall` and `/v1/ask`: records for a question, and its answer, whole or claim by claim."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

from fastapi import APIRouter, Request

from flows.gateway import streams
from flows.gateway.caller import Asking
from flows.gateway.doors import doors_of
from flows.gateway.json_api import shapes
from flows.gateway.service import questions

router = APIRouter(tags=["questions"])
STREAM = {
    "text/event-stream": {
        "schema": {"type": "string"},
        "example": 'event: claim\ndata: {"text": "..."}\n\nevent: reply\ndata: {"question": "..."}\n\n',
    }
}


@router.post("/v1/recall", response_model=shapes.Recalled)
async def recall(body: questions.Recall, who: Asking, request: Request) -> Any:
    """Records of the memory that answer a question, best first, each with its quotes and their citations."""
    doors = doors_of(request)
    return await doors.work(questions.recall, doors, who, body)


@router.post(
    "/v1/ask", response_model=shapes.Reply, responses={200: {"model": shapes.Reply, "content": STREAM}}
)
async def ask(body: questions.Ask, who: Asking, request: Request) -> Any:
    """The sentences of what was read that answer a question, each with the places that hold it, or that
    nothing there does. With `Accept: text/event-stream` every claim is an event `claim` as soon as it is
    checked, and the whole reply the last event, `reply`."""
    questions.check_session(who, body.memory_key)
    doors = doors_of(request)
    if "text/event-stream" not in request.headers.get("accept", ""):
        return await doors.work(questions.ask, doors, who, body)

    def work(put: streams.Put[bytes]) -> None:
        reply = questions.ask(doors, who, body, lambda claim: put(streams.event("claim", claim.as_json())))
        put(streams.event("reply", shapes.Reply.model_validate(reply).model_dump()))

    parts: AsyncIterator[bytes] = await streams.begun(doors.pool, work)
    return streams.event_stream(streams.with_error(parts, request.scope, partial(streams.event, "error")))
