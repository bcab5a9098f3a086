"""What a question asks for, and its answer from an open memory: the same for every protocol.

The idea: JSON, OpenAI's chat and MCP differ in how a question comes in and an answer goes out, and in nothing
between.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from threading import Lock
from typing import Any, Literal, TypeVar

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from flows.gateway.failures import first
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory
from tasks.recall.opened import Opened
from tasks.recall.rerank import Reranker
from tasks.serve.door import Busy

Level = Literal["passage", "window", "section", "document", "corpus"]
"""Of a record."""
MOST_CHARS = 2000
"""Of a question, or a filter."""
RERANK_AGAIN_S = 5.0
_RERANKING = Lock()


class Recall(BaseModel):
    """A question, and which records may answer it."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=MOST_CHARS, examples=["Who pays the rent?"])
    k: int | None = Field(None, ge=1, le=100, description="Records returned; recall.k of them by default.")
    level: Level | None = Field(None, description="Only records of this level.")
    document: str | None = Field(
        None, min_length=1, max_length=MOST_CHARS, description="Only this source, folder or glob."
    )
    date: str | None = Field(
        None, max_length=10, description="Only what is of this day, month or year.", examples=["2024-03"]
    )
    entity: str | None = Field(
        None, max_length=200, description="Only what names this person, place or company."
    )
    label: str | None = Field(None, max_length=200, description="Only what has this label.")
    without_label: str | None = Field(None, max_length=200, description="Only what has not this label.")
    as_of: str | None = Field(
        None,
        max_length=100,
        description="The memory as it was: a run id, or an ISO time (in UTC by default).",
    )
    rerank: bool = Field(False, description="Whether the reader re-ranks: better, and it takes seconds.")


class Ask(BaseModel):
    """A question that is to be answered from what was read, and said in a session."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(min_length=1, max_length=MOST_CHARS, examples=["Who pays the rent?"])
    k: int | None = Field(None, ge=1, le=50, description="Claims at most; 5 by default.")
    document: str | None = Field(
        None, min_length=1, max_length=MOST_CHARS, description="Only this source, folder or glob."
    )
    memory_key: str | None = Field(
        None,
        min_length=1,
        max_length=200,
        description="A session, begun where there is none: what was said in it answers too, and the question "
        "becomes a round of it. Needs a token that may write.",
    )


Model = TypeVar("Model", bound=BaseModel)


def made(model: type[Model], **values: Any) -> Model:
    """What another protocol asks for, checked as the JSON API's is.

    Raises:
        InvalidInput: if a value is out of bounds.
    """
    try:
        return model(**values)
    except ValidationError as error:
        raise InvalidInput(first(error.errors())) from error


def recall(doors: Doors, who: Caller, wanted: Recall) -> dict[str, Any]:
    """Hits for a question, as the command `recall` finds them. Blocks."""
    from tasks.recall.hits import recalled

    config = doors.config.recall
    if wanted.k is not None:
        config = replace(config, k=wanted.k, candidates=max(wanted.k, config.candidates))
    filters = wanted.model_dump(exclude={"question", "k", "as_of", "rerank"})
    open_it = opener(doors, who, wanted.as_of)
    if not (wanted.rerank or config.rerank):
        return {"question": wanted.question, **recalled(open_it, wanted.question, config, filters)}
    with _alone():
        load = partial(_reranker, doors, who)
        return {"question": wanted.question, **recalled(open_it, wanted.question, config, filters, load)}


@contextmanager
def _alone() -> Iterator[None]:
    """One question is re-ranked at a time: it takes all cores for seconds."""
    if not _RERANKING.acquire(blocking=False):
        raise Busy("another question is being re-ranked: ask again in a moment, or without", RERANK_AGAIN_S)
    try:
        yield
    finally:
        _RERANKING.release()


def _reranker(doors: Doors, who: Caller) -> Reranker:
    from tasks.recall.rerank import load_reranker

    try:
        return load_reranker(who.home, doors.config.infer, doors.config.shard)
    except ValueError as error:
        raise InvalidInput(f"rerank: {error}") from error


def ask(
    doors: Doors, who: Caller, wanted: Ask, told: Callable[[Any], None] = lambda claim: None
) -> dict[str, Any]:
    """The reply to a question, as the command `ask` gives it. Blocks.

    Args:
        told: gets every claim as soon as it is checked, where no session is asked.
    """
    config = doors.config
    if wanted.memory_key is None:
        from tasks.recall.ask.replies import answered

        open_it = opener(doors, who)
        return answered(open_it, wanted.question, config.recall, wanted.k, wanted.document, told)
    from tasks.recall.levels.replies import answered as answered_in

    return answered_in(
        who.home,
        wanted.memory_key,
        wanted.question,
        config.infer.embedder,
        config.recall,
        config.shard.stride,
        wanted.k,
        wanted.document,
        new=True,
        open_it=opener(doors, who),
    )


def check_session(who: Caller, key: str | None) -> None:
    """Refuse a session to those who may not write: it keeps what is said in it.

    Raises:
        HTTPException: 403.
    """
    if key is not None and not who.may_write:
        raise HTTPException(
            403, "memory_key: a session keeps what is said in it, and your token may read only"
        )


def opener(doors: Doors, who: Caller, as_of: str | None = None) -> Callable[[], Opened]:
    """Opens the memory of a caller, or has it open."""
    return partial(doors.memories.of, who.home, as_of)


def memory_of(doors: Doors, who: Caller, as_of: str = "") -> Memory:
    """The memory of a caller, as it is now or was after a run."""
    return opener(doors, who, as_of or None)().memory
