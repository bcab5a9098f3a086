"""`/mcp`, behind the same entrance as every other route; what answers there is made at the first call.

The idea: what serves MCP wants one task that it begins and ends in. That task waits here from the first call
to the end of the gateway.
"""

import asyncio
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope, Send

from flows.gateway.caller import caller
from flows.gateway.doors import Doors

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager


class Endpoint:
    """An ASGI application, for one event loop."""

    def __init__(self, doors: Doors) -> None:
        self.doors = doors
        self._making = asyncio.Lock()
        self._ending = asyncio.Event()
        self._manager: StreamableHTTPSessionManager | None = None
        self._held: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["route"] = "/mcp"
        caller(HTTPConnection(scope))  # refuses whoever is not known
        async with self._making:
            if self._manager is None:
                self._manager = await self._made()
        await self._manager.handle_request(scope, receive, send)

    async def end(self) -> None:
        """End what the first call has begun."""
        self._ending.set()
        if self._held is not None:
            await self._held

    async def _made(self) -> "StreamableHTTPSessionManager":
        manager = await asyncio.to_thread(_over_http, self.doors)
        ready = asyncio.get_running_loop().create_future()

        async def hold() -> None:
            try:
                async with manager.run():
                    ready.set_result(None)
                    await self._ending.wait()
            except Exception as error:
                if ready.done():
                    raise
                ready.set_exception(error)

        self._held = asyncio.create_task(hold())
        await ready
        return manager


def _over_http(doors: Doors) -> "StreamableHTTPSessionManager":
    from flows.gateway.mcp.server import over_http

    return over_http(doors)
