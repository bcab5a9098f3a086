"""Answers that are sent while they are made: a thread makes them, the event loop sends them.

The idea: nothing is sent before the first part is there, so that an error before it has a status of its own;
and a client that leaves ends the thread at its next part.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeVar

from fastapi.responses import StreamingResponse
from starlette.types import Scope

from flows.gateway import failures
from flows.gateway.pool import Pool

T = TypeVar("T")
Put = Callable[[T], None]
"""Called in a thread with the next part."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class Left(Exception):
    """Raised in the thread: nobody listens any more."""


async def begun(pool: Pool, work: Callable[[Put[T]], None]) -> AsyncIterator[T]:
    """The parts that `work` puts, once the first is there.

    Raises:
        Exception: what `work` raised before its first part; of a later one, the iterator.
    """
    parts: asyncio.Queue[T | Exception | None] = asyncio.Queue()
    loop, left = asyncio.get_running_loop(), False

    def put(part: T) -> None:
        if left:
            raise Left
        loop.call_soon_threadsafe(parts.put_nowait, part)

    async def run() -> None:
        try:
            await pool.run(work, put)
            parts.put_nowait(None)
        except Exception as error:
            parts.put_nowait(error)

    task = asyncio.create_task(run())
    first = await parts.get()
    if isinstance(first, Exception):
        raise first

    async def rest() -> AsyncIterator[T]:
        nonlocal left
        part: T | Exception | None = first
        try:
            while part is not None:
                if isinstance(part, Exception):
                    raise part
                yield part
                part = await parts.get()
            await task
        finally:
            left = True

    return rest()


def event(name: str, data: Any) -> bytes:
    """A server-sent event."""
    return f"event: {name}\ndata: {json.dumps(data, default=str)}\n\n".encode()


def event_stream(parts: AsyncIterator[bytes]) -> StreamingResponse:
    """A response of server-sent events."""
    return StreamingResponse(parts, media_type="text/event-stream", headers=HEADERS)


async def with_error(
    parts: AsyncIterator[bytes], scope: Scope, form: Callable[[Any], bytes]
) -> AsyncIterator[bytes]:
    """The parts, and where one fails after others were sent, the error as the last one."""
    try:
        async for part in parts:
            yield part
    except Exception as error:
        status, message, _ = failures.told(error)
        if status == 500:
            failures.LOG.error("request %s failed: %s", failures.request_id(scope), type(error).__name__)
        yield form(failures.body(scope, status, message))
