"""Errors on pages: said in the words of the error, on a page that leads on; whoever is not known signs in."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import RedirectResponse, Response
from fastapi.routing import APIRoute

from flows.gateway import failures
from flows.gateway.pages.rendering import page

HEADINGS = {
    400: "This cannot be shown",
    403: "You may not do this",
    404: "There is nothing here",
    429: "Too many at a time",
    503: "Not just now",
}


class PageRoute(APIRoute):
    """A route whose errors are pages too."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:  # also what nobody meant: of that the log has the type
                return await problem(request, error)

        return handled


async def problem(request: Request, error: Exception) -> Response:
    """The page of an error."""
    status, message, headers = failures.told(error)
    if status == 500:
        failures.LOG.error("request %s failed: %s", failures.request_id(request.scope), type(error).__name__)
    if status == 401 and request.method == "GET":
        came = f"{request.url.path}?{request.url.query}" if request.url.query else request.url.path
        return RedirectResponse(f"/sign-in?to={quote(came)}", 303, {"Cache-Control": "no-store"})
    said = failures.without_home(request.scope, message)
    heading = HEADINGS.get(status, "Something went wrong")
    shown = await page(request, "problem.html", status, heading=heading, message=said)
    for name, value in headers.items():
        shown.headers[name] = value
    return shown
