"""`/v1/sessions`: dialogues that are kept by their keys."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from flows import sessions
from flows.gateway.caller import Asking, Writing
from flows.gateway.doors import doors_of
from flows.gateway.json_api import shapes
from flows.gateway.service.conversation import Context
from tasks.errors import InvalidInput, NotFound

router = APIRouter(tags=["sessions"])
Key = Annotated[str, Path(min_length=1, max_length=200)]


@router.get("/v1/sessions", response_model=shapes.Sessions)
async def listed(who: Asking, request: Request) -> Any:
    """Every session, the one that was used last first."""
    config = doors_of(request).config_at(who.home)
    return await doors_of(request).work(lambda: sessions.session(config, "list").data)


@router.get("/v1/sessions/{key}", response_model=shapes.Session)
async def shown(
    key: Key, who: Asking, request: Request, last: Annotated[int, Query(ge=1, le=1000)] = sessions.SHOWN
) -> Any:
    """The newest rounds of a session, oldest first."""
    config = doors_of(request).config_at(who.home)

    def found() -> Any:
        try:
            return sessions.session(config, "show", key, last=last).data
        except InvalidInput as error:
            raise NotFound(str(error)) from error

    return await doors_of(request).work(found)


@router.delete("/v1/sessions/{key}", response_model=shapes.Gone)
async def forgotten(key: Key, who: Writing, request: Request) -> Any:
    """Remove a session with its rounds and its memory, and the reader's context of this key."""
    doors = doors_of(request)

    def gone() -> Any:
        context = doors.reader is not None and Context(doors, who, key).forget()
        try:
            return sessions.session(doors.config_at(who.home), "forget", key, yes=True).data
        except InvalidInput as error:
            if context:
                return {"key": key, "rounds": 0}
            raise NotFound(str(error)) from error

    return await (doors.reading if doors.reader else doors.pool).run(gone)
