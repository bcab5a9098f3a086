"""OpenAI's API, as far as a memory can serve it: models, chat completions, vector stores.

The idea: a program that was written for it changes its base URL, and gets answers whose citations open. There
is one vector store, the memory of whoever asks.
"""

import json
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request

from flows.gateway import streams
from flows.gateway.caller import Asking
from flows.gateway.doors import doors_of
from flows.gateway.failures import request_id
from flows.gateway.openai import answers, chat, stores
from flows.gateway.openai.answers import Answered
from flows.gateway.service import questions
from tasks.errors import NotFound

router = APIRouter(tags=["OpenAI"])
OWNER = "nightread"
ABOUT = {
    chat.MEMORY: "answers in the words of what was read, with checked citations",
    chat.READER: "answers from one long context, which memory_key names",
}
DONE = b"data: [DONE]\n\n"
Store = Annotated[str, Path(max_length=200)]


@router.get("/v1/models")
async def models(who: Asking, request: Request) -> Any:
    """The models that chat completions may name; the reader's is one of them where there is a reader."""
    some = [name for name in ABOUT if name != chat.READER or doors_of(request).reader]
    return {"object": "list", "data": [_model(name) for name in some]}


@router.get("/v1/models/{name}")
async def model(name: Annotated[str, Path(max_length=200)], who: Asking) -> Any:
    """One of them."""
    if name not in ABOUT:
        raise _no_model(name)
    return _model(name)


@router.post("/v1/chat/completions")
async def completions(body: chat.Completion, who: Asking, request: Request) -> Any:
    """The last message answered, whole or as a stream, with citations as annotations of the message. What was
    found is told under `nightread`, beside what OpenAI's API has."""
    doors, base = doors_of(request), str(request.base_url).rstrip("/")
    if body.model == chat.MEMORY:
        questions.check_session(who, body.memory_key)
        work, pool = answers.from_memory(doors, who, body, base), doors.pool
    elif body.model == chat.READER:
        work, pool = answers.from_reader(doors, who, body), doors.reading
    else:
        raise _no_model(body.model)
    envelope = chat.Envelope(body.model, request_id(request.scope))
    if body.stream:
        parts = _chunks(await streams.begun(pool, work), envelope, body)
        return streams.event_stream(streams.with_error(parts, request.scope, _data))
    made = list[str | Answered]()
    await pool.run(work, made.append)
    return _whole(made[-1], envelope)


@router.get("/v1/vector_stores")
async def vector_stores(who: Asking, request: Request) -> Any:
    """The caller's memory, as the one vector store there is; none where nothing was read."""
    return await doors_of(request).work(stores.listed, doors_of(request), who)


@router.get("/v1/vector_stores/{store}")
async def vector_store(store: Store, who: Asking, request: Request) -> Any:
    """The caller's memory."""
    stores.check(store)
    return await doors_of(request).work(stores.described, doors_of(request), who)


@router.post("/v1/vector_stores/{store}/search")
async def search(store: Store, body: stores.Search, who: Asking, request: Request) -> Any:
    """Records that answer a query, best first."""
    stores.check(store)
    return await doors_of(request).work(stores.searched, doors_of(request), who, body)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": STARTED, "owned_by": OWNER, "about": ABOUT[name]}


STARTED = int(time.time())


def _no_model(name: str) -> NotFound:
    return NotFound(f"model {name!r}: there is none of this name; give one of {', '.join(ABOUT)}")


def _whole(answer: str | Answered, envelope: chat.Envelope) -> Any:
    assert isinstance(answer, Answered)
    message = {"content": answer.text, "annotations": answer.annotations}
    usage = chat.usage(answer.prompt_tokens, answer.tokens)
    return envelope.whole(message, answer.reason, usage, answer.more)


async def _chunks(
    parts: AsyncIterator[str | Answered], envelope: chat.Envelope, body: chat.Completion
) -> AsyncIterator[bytes]:
    yield _data(envelope.chunk({"role": "assistant", "content": ""}))
    async for part in parts:
        if isinstance(part, str):
            yield _data(envelope.chunk({"content": part}))
            continue
        yield _data(envelope.chunk({"annotations": part.annotations}))
        yield _data(envelope.chunk({}, part.reason, **part.more))
        if body.stream_options and body.stream_options.include_usage:
            yield _data(envelope.usage(chat.usage(part.prompt_tokens, part.tokens)))
    yield DONE


def _data(value: Any) -> bytes:
    return f"data: {json.dumps(value, default=str)}\n\n".encode()
