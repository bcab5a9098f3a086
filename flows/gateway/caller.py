"""Who asks: the user behind a request, and the one home that is theirs.

The idea: a tenant is a home of its own, HOME/tenants/NAME, so what one tenant may see is a matter of which
folder is opened, and of no condition in a query.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import Depends, HTTPException, Response
from starlette.requests import HTTPConnection

from flows.gateway.doors import Doors, doors_of
from tasks.memory.tenants import home_of
from tasks.serve.addresses import host_of, is_loopback

COOKIE = "nightread"
"""Holds the token of whoever signed in on the pages."""
SIGNED_IN_S = 30 * 86_400
LOCAL = "local"
"""The user where nobody is asked for a token."""


@dataclass(frozen=True)
class Caller:
    """A user of one tenant, and what they may do."""

    user: str
    tenant: str
    """"" is the home itself."""
    home: Path
    may_write: bool

    @property
    def name(self) -> str:
        """By which their requests are counted and logged."""
        return f"{self.user}@{self.tenant}" if self.tenant else self.user


def caller(request: HTTPConnection) -> Caller:
    """The user of this request. Without tokens it is the one who started the gateway on their own machine.

    Raises:
        HTTPException: 401 if a token is needed and none that is known was given.
    """
    found = identified(request)
    if found is None:
        raise HTTPException(
            401,
            "give a token that is known here, as `Authorization: Bearer TOKEN`; whoever runs the gateway "
            "makes one with: nightread token add USER",
            {"WWW-Authenticate": "Bearer"},
        )
    return found


def writer(request: HTTPConnection) -> Caller:
    """The user of this request, if they may change something.

    Raises:
        HTTPException: 403 if not, 401 as `caller`.
    """
    found = caller(request)
    if not found.may_write:
        raise HTTPException(
            403, "your token may read only; one that may do this: nightread token add USER --may write"
        )
    return found


Asking = Annotated[Caller, Depends(caller)]
"""A parameter of a route: who asks."""
Writing = Annotated[Caller, Depends(writer)]
"""A parameter of a route that changes something: who asks, if they may."""


def identified(request: HTTPConnection) -> Caller | None:
    """Who asks; None if that is not known."""
    doors = doors_of(request)
    if not doors.tokens.are_asked_for:
        # a proxy makes of an address of this machine one that everybody reaches: behind it tokens are needed
        passed_on = any(name in request.headers for name in ("x-forwarded-for", "forwarded"))
        named = host_of(request.headers.get("host", ""))
        here = is_loopback(doors.config.serve.host) and is_loopback(named) and not passed_on
        return Caller(LOCAL, "", Path(doors.config.home), may_write=True) if here else None
    return _of_token(doors, _given(request))


def sign_in(request: HTTPConnection, response: Response, token: str) -> Caller:
    """Have a browser send this token with whatever it asks from now on.

    Raises:
        HTTPException: 401 if the token is not known.
    """
    found = _of_token(doors_of(request), token.strip())
    if found is None:
        raise HTTPException(401, "this token is not known here, or was removed")
    response.set_cookie(
        COOKIE,
        token.strip(),
        max_age=SIGNED_IN_S,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return found


def is_signed_in(request: HTTPConnection) -> bool:
    """Whether a browser sends a token that is known here, which it can be made to forget."""
    return _of_token(doors_of(request), request.cookies.get(COOKIE, "")) is not None


def sign_out(response: Response) -> None:
    """Have a browser forget its token."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict")


def _given(request: HTTPConnection) -> str:
    """The token that came with a request; a header counts more than a cookie."""
    if (header := request.headers.get("authorization")) is not None:
        scheme, _, token = header.partition(" ")
        return token.strip() if scheme.lower() == "bearer" else ""
    return request.cookies.get(COOKIE, "")


def _of_token(doors: Doors, token: str) -> Caller | None:
    grant = doors.tokens.grant_of(token) if token else None
    if grant is None:
        return None
    home = home_of(Path(doors.config.home), grant.tenant)
    return Caller(grant.user, grant.tenant, home, may_write=grant.may == "write")
