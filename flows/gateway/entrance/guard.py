"""Whose pages may ask: other sites that a browser has open may not, and only our own name is answered.

The idea: a browser sends requests wherever a page wants, with the user's cookies, and from this very machine.
It tells which site wanted it (`Origin`, `Sec-Fetch-Site`) and which name it looked up (`Host`): a page whose
name was made to lead here (DNS rebinding) names itself there.
"""

from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from flows.gateway.doors import doors_of
from tasks.serve.addresses import host_of, is_loopback

HARMLESS = frozenset({"GET", "HEAD", "OPTIONS"})


class Guard:
    """Middleware that refuses what another site's page has sent."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            request = HTTPConnection(scope)
            serve = doors_of(request).config.serve
            if is_loopback(serve.host):
                _check_host(request, serve.origins)
            _check_site(request, serve.origins, changes=scope["method"] not in HARMLESS)
        await self.app(scope, receive, send)


def _check_host(request: HTTPConnection, origins: tuple[str, ...]) -> None:
    named = host_of(request.headers.get("host", ""))
    if not is_loopback(named) and named not in {host_of(_netloc(one)) for one in origins}:
        raise HTTPException(
            421,
            "this gateway listens on its own machine only: ask for 127.0.0.1 or localhost, or make tokens "
            "and name the address under which it is reached in serve.origins",
        )


def _check_site(request: HTTPConnection, origins: tuple[str, ...], changes: bool) -> None:
    """Another site may lead here by a link, and embed nothing: to be asked costs, even where it changes
    nothing."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "")
    followed = not changes and request.headers.get("sec-fetch-mode") == "navigate"
    if origin is not None and (changes or site == "cross-site"):
        own = _netloc(origin) == request.headers.get("host", "")
        allowed = own or origin in origins
    else:
        allowed = site != "cross-site" or followed
    if not allowed:
        raise HTTPException(
            403, "a page of another site has sent this: name that site in serve.origins if it may"
        )


def _netloc(address: str) -> str:
    """Host and port of an address; "" of what is none."""
    try:
        return urlsplit(address).netloc
    except ValueError:
        return ""
