"""Every page of the explorer, and the files that pages load."""

from fastapi import APIRouter, HTTPException
from fastapi.responses import Response

from flows.gateway.pages import attention, document, runs, search, signing, tree
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import static

PAGES = (search, document, tree, runs, attention, signing)
router = APIRouter(route_class=PageRoute, include_in_schema=False)
for one in PAGES:
    router.include_router(one.router)


@router.get("/static/{name}")
async def file(name: str) -> Response:
    """A file of this package, named by itself alone."""
    if (found := static(name)) is None:
        raise HTTPException(404, "there is no such file")
    return found
