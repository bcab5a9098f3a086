"""Limits: how many requests a user may make, how much one may hold, and how long it may take to arrive.

The idea: a request is let in by what is known without reading it, then read as a whole, up to a size and
within a time, before anything is done for it. What is refused is refused at once.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from flows.gateway.caller import identified

BODY_S = 30.0
"""In which a body must have come."""
SEND_S = 60.0
"""In which a client must have taken the next part of an answer."""
STRANGER_BYTES = 65_536
"""Of a body from somebody who is not known: a token fits, and nothing big."""
MOST_KNOWN = 10_000
"""Users and addresses whose requests are counted: of one more, the one that asked longest ago is let go."""
FREE = ("/health", "/static/")
"""Paths that are not counted: they cost nothing, and pages load several."""


class Rates:
    """A token bucket a user: a minute's requests at once, and then as they come back."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.most, self.clock = float(per_minute), clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, user: str) -> float:
        """0 if this request may be made, which counts it; else the seconds until one may."""
        now = self.clock()
        left, since = self._left.get(user, (self.most, now))
        left = min(self.most, left + (now - since) * self.most / 60)
        wait = (1 - left) * 60 / self.most if left < 1 else 0.0
        self._left[user] = (left, now) if wait else (left - 1, now)
        self._left.move_to_end(user)
        if len(self._left) > MOST_KNOWN:
            self._left.popitem(last=False)
        return wait


class Limits:
    """Middleware: the rate first, then the size and the time of the body, then how fast answers are taken."""

    def __init__(self, app: ASGIApp, per_minute: int, body_bytes: int) -> None:
        self.app, self.rates, self.most = app, Rates(per_minute), body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(FREE):
            await self.app(scope, receive, send)
            return
        most = self._let_in(scope)
        whole = await _whole_body(HTTPConnection(scope), receive, most)
        await self.app(scope, _replayed(whole, receive), _patient(send))

    def _let_in(self, scope: Scope) -> int:
        """How many bytes the body may have.

        Raises:
            HTTPException: 429 if the user must wait.
        """
        request = HTTPConnection(scope)
        who = identified(request)
        scope["state"]["user"] = who.name if who else "-"
        client = f"address {request.client.host}" if request.client else "address"
        if (wait := self.rates.wait_s(f"user {who.name}" if who else client)) > 0:
            raise HTTPException(
                429,
                f"more than {self.rates.most:.0f} requests in a minute: ask again in {wait:.0f} s "
                f"(serve.requests_per_minute)",
                {"Retry-After": str(int(wait) + 1)},
            )
        return self.most if who else min(self.most, STRANGER_BYTES)


async def _whole_body(request: HTTPConnection, receive: Receive, most: int) -> bytes:
    """Every byte of a request's body.

    Raises:
        HTTPException: 413 if it is too large, 408 if it comes too slowly.
    """
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most:
        raise _too_large(most)
    if not length and "transfer-encoding" not in request.headers:
        return b""
    try:
        return await asyncio.wait_for(_read(receive, most), BODY_S)
    except TimeoutError:
        raise HTTPException(408, f"the body did not come within {BODY_S:.0f} s") from None


async def _read(receive: Receive, most: int) -> bytes:
    parts, size, more = list[bytes](), 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "the body ended too early")
        parts.append(message.get("body", b""))
        size, more = size + len(parts[-1]), message.get("more_body", False)
        if size > most:
            raise _too_large(most)
    return b"".join(parts)


def _too_large(most: int) -> HTTPException:
    return HTTPException(
        413, f"the body is larger than {most:,} bytes (serve.body_mb)", {"Connection": "close"}
    )


def _replayed(body: bytes, receive: Receive) -> Receive:
    """What a request receives: its body once, and then what happens to its connection."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def _patient(send: Send) -> Send:
    """Sends, and gives up on a client that does not take what it asked for."""

    async def sent(message: Message) -> None:
        await asyncio.wait_for(send(message), SEND_S)

    return sent
