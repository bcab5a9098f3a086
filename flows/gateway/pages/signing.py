"""Signing in: a token that is given once is sent by the browser from then on, and to this gateway alone."""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.exceptions import HTTPException

from flows.gateway.caller import sign_in, sign_out
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import page

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/sign-in")
async def form(request: Request, to: Annotated[str, Query(max_length=4000)] = "/") -> Response:
    """The form."""
    return await page(request, "sign_in.html", to=inside(to), problem="")


@router.post("/sign-in")
async def signed_in(request: Request) -> Response:
    """Lead to where one came from, or say that the token is not known."""
    given = parse_qs((await request.body()).decode("utf-8", "replace"))
    token, to = (given.get(name, [""])[0] for name in ("token", "to"))
    answer = RedirectResponse(inside(to), 303)
    try:
        sign_in(request, answer, token)
    except HTTPException as error:
        return await page(request, "sign_in.html", 401, to=inside(to), problem=str(error.detail))
    return answer


@router.post("/sign-out")
async def signed_out() -> Response:
    """Forget the token, and have the browser drop what it keeps: pictures of pages open for five minutes."""
    answer = RedirectResponse("/sign-in", 303, {"Clear-Site-Data": '"cache"'})
    sign_out(answer)
    return answer


def inside(to: str) -> str:
    """An address of this gateway; "/" in place of one that leads elsewhere, or that a browser may read so."""
    is_ours = to.startswith("/") and not to.startswith("//") and "\\" not in to and to.isprintable()
    return to if is_ours else "/"
