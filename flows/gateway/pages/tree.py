"""The tree of what was read: walked from all documents down to the words that a summary quotes."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from flows.gateway.caller import Asking
from flows.gateway.doors import doors_of
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import HEADERS, page, rendered
from flows.gateway.service import questions
from tasks.memory.reader import published

router = APIRouter(route_class=PageRoute, include_in_schema=False)
Ident = Annotated[str, Path(min_length=1, max_length=200)]
AsOf = Annotated[str, Query(max_length=100)]


@router.get("/tree")
async def tree(request: Request, who: Asking) -> Response:
    """Every corpus that was read, and what is right below it."""
    doors = doors_of(request)

    def found() -> list[Any]:
        from tasks.recall.view.tree import below_of, roots

        if not published(who.home):
            return []
        memory = questions.memory_of(doors, who)
        return [(one, *below_of(memory, one)) for one in roots(memory)]

    return await page(request, "tree.html", roots=await doors.work(found), as_of="")


@router.get("/record/{ident}")
async def record(request: Request, who: Asking, ident: Ident, as_of: AsOf = "") -> Response:
    """What memory holds of one record, now or as of a run, and where in the tree it stands."""
    doors = doors_of(request)

    def found() -> Any:
        from tasks.recall.view.tree import place_of_record

        return place_of_record(questions.memory_of(doors, who, as_of), ident)

    return await page(request, "record.html", place=await doors.work(found), as_of=as_of)


@router.get("/record/{ident}/below")
async def below(request: Request, who: Asking, ident: Ident, as_of: AsOf = "") -> Response:
    """The nodes below one, as a part of a page."""
    doors = doors_of(request)

    def found() -> str:
        from tasks.recall.view.tree import place_of_record

        place = place_of_record(questions.memory_of(doors, who, as_of), ident)
        return rendered("below.html", nodes=place.below, more=place.more, as_of=as_of)

    return HTMLResponse(await doors.work(found), headers=HEADERS)
