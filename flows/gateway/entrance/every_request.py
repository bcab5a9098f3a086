"""The entrance: every request gets an id, a line in the log, and an answer, whatever happens inside.

The idea: the log tells the route by its template, never by what stands in its place, nor a query, a text or a
token; of an error that nobody meant it tells the type. Whoever asks is told the id and nothing more.
"""

import secrets
import time

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.gateway import failures

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""Of every response."""


class EveryRequest:
    """Middleware around all others."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        ident = scope.setdefault("state", {})["request_id"] = secrets.token_hex(8)

        async def sent(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-Id"] = ident
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/v1/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, sent)
        except Exception as error:
            if status:  # what has begun cannot be taken back: the connection ends
                failures.LOG.error("request %s broke off: %s", ident, type(error).__name__)
            else:
                await failures.answer(scope, error)(scope, receive, sent)
        finally:
            _log(scope, status, time.perf_counter() - began)


def _log(scope: Scope, status: int, seconds: float) -> None:
    path, state = getattr(scope.get("route"), "path", "-"), scope["state"]
    if path == "/health" and status == 200:  # whoever looks after the process asks every few seconds
        return
    line = (scope["method"], state.get("route", path), status, 1000 * seconds, state.get("user", "-"))
    failures.LOG.info("%s %s %d %.0f ms %s %s", *line, state["request_id"])
