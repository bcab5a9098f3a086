"""The memory as a vector store of OpenAI's API: one, called `memory`, that of whoever asks."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from flows.gateway.service import questions
from tasks.errors import InvalidInput, NotFound
from tasks.memory.reader import published

STORE = "memory"
FILTERS = ("level", "document", "date", "entity", "label")


class Comparison(BaseModel):
    """What a field of a record must be."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["eq"]
    key: Literal["level", "document", "date", "entity", "label"]
    value: str = Field(min_length=1, max_length=questions.MOST_CHARS)


class Compound(BaseModel):
    """Several of them together."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["and"]
    filters: list[Comparison] = Field(min_length=1, max_length=len(FILTERS))


class Search(BaseModel):
    """A query, and which records may answer it."""

    model_config = ConfigDict(extra="ignore")

    query: str | list[str] = Field(description="A question, or parts of one.")
    max_num_results: int = Field(10, ge=1, le=50)
    filters: Comparison | Compound | None = Field(
        None, description="eq on level, document, date, entity, label."
    )


def check(store: str) -> None:
    """Refuse a store that there is not.

    Raises:
        NotFound: naming the one there is.
    """
    if store != STORE:
        raise NotFound(f"vector store {store!r}: there is one, {STORE!r}: the memory of whoever asks")


def listed(doors: Doors, who: Caller) -> dict[str, Any]:
    """The one store, or none where nothing was read."""
    found = [described(doors, who)] if published(who.home) else []
    ends = {"first_id": STORE, "last_id": STORE} if found else {"first_id": None, "last_id": None}
    return {"object": "list", "data": found, **ends, "has_more": False}


def described(doors: Doors, who: Caller) -> dict[str, Any]:
    """The memory, and how many sources it holds."""
    memory = doors.memories.of(who.home).memory
    at, count = int(datetime.fromisoformat(memory.time).timestamp()), memory.sources.num_rows
    files = {"in_progress": 0, "completed": count, "failed": 0, "cancelled": 0, "total": count}
    return {
        "id": STORE,
        "object": "vector_store",
        "name": STORE,
        "created_at": at,
        "last_active_at": int(time.time()),
        "status": "completed",
        "usage_bytes": 0,
        "file_counts": files,
        "metadata": {"run": memory.run},
    }


def searched(doors: Doors, who: Caller, search: Search) -> dict[str, Any]:
    """A page of results for a query. Blocks."""
    query = search.query if isinstance(search.query, str) else " ".join(search.query)
    if not 0 < len(query) <= questions.MOST_CHARS:
        raise InvalidInput(f"query: give 1 to {questions.MOST_CHARS:,} characters, not {len(query):,}")
    wanted = {"question": query, "k": search.max_num_results, **dict(_conditions(search))}
    found = questions.recall(doors, who, questions.made(questions.Recall, **wanted))
    return {
        "object": "vector_store.search_results.page",
        "search_query": [query] if isinstance(search.query, str) else search.query,
        "data": [_result(hit) for hit in found["hits"]],
        "has_more": False,
        "next_page": None,
    }


def _conditions(search: Search) -> Iterator[tuple[str, str]]:
    match search.filters:
        case Comparison() as one:
            yield one.key, one.value
        case Compound() as all_of:
            yield from ((one.key, one.value) for one in all_of.filters)


def _result(hit: dict[str, Any]) -> dict[str, Any]:
    quotes = hit["quotes"]
    citation = quotes[0]["citation"] if quotes else ""
    told = {"level": hit["level"], "title": hit["title"], "section": hit["section"], "citation": citation}
    return {
        "file_id": hit["document"],
        "filename": citation.rsplit(":", 2)[0] or hit["title"],
        "score": hit["score"],
        "attributes": {"record": hit["id"], **{name: str(value)[:512] for name, value in told.items()}},
        "content": [{"type": "text", "text": hit["text"] or hit["summary"]}],
    }
