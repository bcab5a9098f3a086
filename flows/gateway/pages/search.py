"""The first page: a question, what answers it as it is checked, and the passages that are like it.

The idea: one address tells all that was asked, so a page can be kept and sent. It comes whole where no script
runs; where one does, the same parts come as events.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from flows.gateway import streams
from flows.gateway.caller import Asking, Caller
from flows.gateway.doors import Doors, doors_of
from flows.gateway.pages import words
from flows.gateway.pages.failures import PageRoute
from flows.gateway.pages.rendering import page, rendered
from flows.gateway.service import questions
from tasks.errors import InvalidInput
from tasks.memory.reader import history, published

router = APIRouter(route_class=PageRoute, include_in_schema=False)

MOMENTS = 30
"""Earlier memories that one can choose to ask."""
MORE = 10
"""Passages that are shown at a time."""


class Asked(BaseModel):
    """What an address asks for; "" is no condition."""

    q: str = Field("", max_length=questions.MOST_CHARS)
    document: str = Field("", max_length=questions.MOST_CHARS)
    as_of: str = Field("", max_length=100)
    level: str = Field("", max_length=20)
    date: str = Field("", max_length=10)
    label: str = Field("", max_length=40)
    without_label: str = Field("", max_length=40)
    n: int = Field(MORE, ge=1, le=100)

    @property
    def filters(self) -> dict[str, str | None]:
        """As `tasks.recall.hits.recalled` takes them."""
        names = ("document", "level", "date", "label", "without_label")
        return {name: getattr(self, name).strip() or None for name in names}

    @property
    def is_filtered(self) -> bool:
        return any(self.filters.values()) or bool(self.as_of)


Given = Annotated[Asked, Query()]


@router.get("/")
async def search(request: Request, who: Asking, given: Given) -> Response:
    """The page, with what answers where something is asked."""
    doors = doors_of(request)

    def found() -> dict[str, Any]:
        values = _page(who, given)
        if not given.q.strip() or not published(who.home):
            return values
        try:
            return values | _answer(doors, who, given, lambda claim: None) | _passages(doors, who, given)
        except InvalidInput as error:
            return values | {"problem": f"{error}."}

    return await page(request, "search.html", **await doors.work(found))


@router.get("/answers")
async def answers(request: Request, who: Asking, given: Given) -> Response:
    """The same as events: `claim` for each as soon as it is checked, `answer`, `passages`, `done`."""
    doors = doors_of(request)

    def work(put: streams.Put[bytes]) -> None:
        def told(claim: Mapping[str, Any]) -> None:
            put(streams.event("claim", rendered("claim.html", claim=claim, as_of=given.as_of)))

        put(streams.event("answer", rendered("answer.html", **_answer(doors, who, given, told))))
        put(streams.event("passages", rendered("passages.html", **_passages(doors, who, given))))
        put(streams.event("done", ""))

    return streams.event_stream(await streams.begun(doors.pool, work))


def _page(who: Caller, given: Asked) -> dict[str, Any]:
    """What the form shows."""
    runs = [row for row, _ in zip(history(who.home), range(MOMENTS), strict=False)]
    moments = [(row["run"], f"on {words.moment(row['time'])}") for row in runs[1:]]
    if given.as_of and given.as_of not in {run for run, _ in moments}:
        moments.append((given.as_of, given.as_of))
    shown = {"asked": given, "is_filtered": given.is_filtered, "moments": moments}
    return {
        **shown,
        "as_of": given.as_of,
        "last": runs[0] if runs else None,
        "problem": "",
        "reply": None,
        "found": None,
        "more": "",
    }


def _answer(doors: Doors, who: Caller, given: Asked, told: Callable[[Any], None]) -> dict[str, Any]:
    """Values of `answer.html`."""
    from tasks.recall.ask.replies import answered
    from tasks.recall.filters import Filters
    from tasks.recall.view.strip import strips

    open_it = questions.opener(doors, who, given.as_of or None)
    reply = answered(
        open_it,
        given.q,
        doors.config.recall,
        None,
        given.document.strip() or None,
        lambda claim: told(claim.as_json()),
        Filters(
            dates=_one(given.date), labels=_one(given.label), without_labels=_one(given.without_label) or ()
        ),
    )
    cited = [one for claim in reply["claims"] for one in claim["citations"]] or reply["nearest"]
    shown = {"level": given.level.strip(), "is_filtered": given.is_filtered, "as_of": given.as_of}
    return {**shown, "reply": reply, "strips": strips(open_it().memory, cited)}


def _passages(doors: Doors, who: Caller, given: Asked) -> dict[str, Any]:
    """Values of `passages.html`."""
    from tasks.recall.hits import recalled

    config = doors.config.recall
    config = replace(config, k=given.n, candidates=max(given.n, config.candidates))
    open_it = questions.opener(doors, who, given.as_of or None)
    found = recalled(open_it, given.q, config, given.filters)
    is_more = len(found["hits"]) == given.n and given.n + MORE <= 100
    more = words.with_given("/", given.model_dump(), n=given.n + MORE) if is_more else ""
    return {"found": found, "more": more, "as_of": given.as_of, "is_filtered": given.is_filtered}


def _one(value: str) -> list[str] | None:
    """A condition; "" is none."""
    return [value.strip()] if value.strip() else None
