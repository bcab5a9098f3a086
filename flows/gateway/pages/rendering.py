"""Pages made of templates: everything that is put into one is escaped, and what it may load is told.

The idea: text from documents is data. It is escaped wherever it stands, its control characters are shown and
not obeyed, and the policy of every page lets nothing run or load that this package does not bring itself.
"""

import hashlib
from functools import cache, partial
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from flows.gateway.caller import is_signed_in
from flows.gateway.pages import words
from tasks.text.visible import printable

_FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Cache-Control": "private, no-store",  # a page holds words of documents
    "Referrer-Policy": "same-origin",
}
STATIC = {
    "explorer.css": "text/css; charset=utf-8",
    "explorer.js": "text/javascript; charset=utf-8",
    "moon.svg": "image/svg+xml",
}
"""Every file that pages load, and its type."""
A_YEAR = "public, max-age=31536000, immutable"

_PAGES = Environment(
    loader=FileSystemLoader(_FOLDER / "templates"),
    autoescape=True,
    finalize=lambda value: printable(value) if type(value) is str else value,
    undefined=StrictUndefined,
)


def rendered(template: str, **values: Any) -> str:
    """A template, or a part of a page, with these values."""
    _globals()
    return _PAGES.get_template(template).render(values)


async def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A whole page, made in a thread: a large one would hold up every other answer. The path of the request
    tells which entry of the menu is the current one."""
    told = {"path": request.url.path, "is_signed_in": is_signed_in(request), **values}
    whole = await anyio.to_thread.run_sync(partial(rendered, template, **told))
    return HTMLResponse(whole, status, HEADERS)


def static(name: str) -> Response | None:
    """A file that pages load; None if there is none of this name."""
    if name not in STATIC:
        return None
    return Response(_bytes(name), media_type=STATIC[name], headers={"Cache-Control": A_YEAR})


@cache
def _bytes(name: str) -> bytes:
    return (_FOLDER / "static" / name).read_bytes()


def address_of(name: str) -> str:
    """Where a file is loaded from: it has its hash in it, so a new one is never taken for an old one."""
    return f"/static/{name}?{hashlib.sha256(_bytes(name)).hexdigest()[:12]}"


@cache
def _globals() -> None:
    """What every template may use."""
    _PAGES.globals["static"] = address_of
    _PAGES.globals["words"] = words
