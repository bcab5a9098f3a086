"""The engine behind gRPC: its calls as handlers, each waiting for what the computing thread delivers.

The idea: handlers wait without a thread of their own, so a thousand callers are told "busy" at once and cost
nothing while they wait; everything that computes is the engine's. A caller that goes away ends its call.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from tasks.errors import InvalidInput, NightreadError
from tasks.serve import reader_pb2 as pb
from tasks.serve import wire
from tasks.serve.door import BLOCKS, NEW_TOKENS, Done, Failed, Name
from tasks.serve.engine import Engine
from tasks.serve.job import END, Inbox, Job, Steps
from tasks.serve.status import status_of

log = logging.getLogger(__name__)
_PAUSE_S = 0.02
"""Between two tries to give text to a read whose inbox is full."""

Context = Any
"""A ServicerContext of gRPC, which has no types."""
Begin = Callable[[Job], Steps]


class Service:
    """Handlers of the service Reader."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def handler(self) -> grpc.GenericRpcHandler:
        """All of them, by their names in reader.proto."""
        unary: dict[str, tuple[Any, Any, Any]] = {
            "Open": (self.open, pb.OpenRequest, pb.State),
            "Retrieve": (self.retrieve, pb.RetrieveRequest, pb.Retrieved),
            "Score": (self.score, pb.ScoreRequest, pb.Scored),
            "Save": (self.save, pb.SaveRequest, pb.State),
            "Close": (self.close, pb.CloseRequest, pb.Closed),
            "Stats": (self.stats, pb.StatsRequest, pb.StatsReply),
        }
        handlers = {
            name: grpc.unary_unary_rpc_method_handler(_told(method, request), None, reply.SerializeToString)
            for name, (method, request, reply) in unary.items()
        }
        handlers["Read"] = grpc.stream_unary_rpc_method_handler(
            _told(self.read, None), None, pb.Taken.SerializeToString
        )
        handlers["Ask"] = grpc.unary_stream_rpc_method_handler(self.ask, None, pb.AskReply.SerializeToString)
        return grpc.method_handlers_generic_handler(wire.SERVICE, handlers)

    async def open(self, request: Any, context: Context) -> Any:
        calls = self.engine.calls
        state = await self._asked(request, context, lambda job: calls.open(job, request.create))
        return wire.state_message(state)

    async def retrieve(self, request: Any, context: Context) -> Any:
        calls, blocks = self.engine.calls, request.blocks or BLOCKS
        found = await self._asked(request, context, lambda job: calls.retrieve(job, request.question, blocks))
        return wire.retrieved_message(found)

    async def score(self, request: Any, context: Context) -> Any:
        calls = self.engine.calls
        scored = await self._asked(
            request, context, lambda job: calls.score(job, request.text, request.retrieve)
        )
        return wire.scored_message(scored)

    async def save(self, request: Any, context: Context) -> Any:
        return wire.state_message(await self._asked(request, context, self.engine.calls.save))

    async def close(self, request: Any, context: Context) -> Any:
        calls = self.engine.calls
        await self._asked(request, context, lambda job: calls.close(job, request.forget))
        return pb.Closed()

    async def stats(self, request: Any, context: Context) -> Any:
        return wire.stats_message(self.engine.stats())

    async def read(self, requests: AsyncIterator[bytes], context: Context) -> Any:
        begun = await anext(requests, None)
        if begun is None:
            raise InvalidInput("no message came: name the context in the first one")
        first = _parsed(pb.ReadRequest, begun)
        at_tokens = first.at_tokens if first.HasField("at_tokens") else None
        call = _Call(self.engine, wire.name_of(first.name), context, Inbox())
        call.begin(lambda job: self.engine.calls.read(job, at_tokens))
        giving = asyncio.ensure_future(call.give_all(first, requests))
        try:
            return wire.taken_message(await call.next())
        finally:
            giving.cancel()
            call.end()

    async def ask(self, data: bytes, context: Context) -> AsyncIterator[Any]:
        try:
            request = _parsed(pb.AskRequest, data)
        except InvalidInput as error:
            await _abort(context, error)
        call = _Call(self.engine, wire.name_of(request.name), context)
        new_tokens = request.new_tokens or NEW_TOKENS
        try:
            call.begin(lambda job: self.engine.calls.ask(job, request.question, new_tokens))
            while not isinstance(part := await call.next(), Done):
                yield pb.AskReply(text=part.text)
            yield pb.AskReply(done=wire.done_message(part))
        except NightreadError as error:
            await _abort(context, error)
        finally:
            call.end()

    async def _asked(self, request: Any, context: Context, begin: Begin) -> Any:
        call = _Call(self.engine, wire.name_of(request.name), context)
        call.begin(begin)
        try:
            return await call.next()
        finally:
            call.end()


class _Call:
    """One call of a caller that waits for it."""

    def __init__(self, engine: Engine, name: Name, context: Context, inbox: Inbox | None = None) -> None:
        self.engine, self.loop = engine, asyncio.get_running_loop()
        self.events: asyncio.Queue[object] = asyncio.Queue()
        left = context.time_remaining()
        until = None if left is None else time.monotonic() + left
        self.job = Job(name, self._deliver, until, inbox)

    def _deliver(self, event: object) -> None:
        with suppress(RuntimeError):  # the loop has ended: nobody waits
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)

    def begin(self, steps: Begin) -> None:
        self.engine.submit(self.job, steps(self.job))

    async def give_all(self, first: Any, requests: AsyncIterator[bytes]) -> None:
        """Give a read its pieces as they come."""
        try:
            await self._give(first)
            async for request in requests:
                await self._give(_parsed(pb.ReadRequest, request))
            await self._offer(END)
        except InvalidInput as error:
            self._deliver(error)
        except Exception as error:  # the caller went away, or sent what is no message
            log.info("a read ended early: %s", type(error).__name__)
            self._deliver(Failed("the stream of text broke: what came before was read"))

    async def _give(self, request: Any) -> None:
        kind = request.WhichOneof("piece")
        if kind is not None:
            await self._offer(request.text if kind == "text" else list(request.ids.ids))

    async def _offer(self, item: object) -> None:
        assert self.job.inbox is not None
        while not self.job.inbox.offer(item):
            await asyncio.sleep(_PAUSE_S)

    async def next(self) -> Any:
        """What is delivered next; an error is raised."""
        event = await self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def end(self) -> None:
        self.engine.cancel(self.job)


def _parsed(kind: Any, data: bytes) -> Any:
    try:
        return kind.FromString(data)
    except DecodeError as error:
        raise InvalidInput(
            f"no {kind.DESCRIPTOR.name} of reader.proto: {len(data)} bytes that mean nothing"
        ) from error


def _told(method: Any, kind: Any) -> Any:
    """A handler whose errors are statuses; `kind` is its message's, None where a stream of them comes."""

    async def handle(request: Any, context: Context) -> Any:
        try:
            return await method(request if kind is None else _parsed(kind, request), context)
        except NightreadError as error:
            return await _abort(context, error)

    return handle


async def _abort(context: Context, error: NightreadError) -> None:
    code, trailing = status_of(error)
    await context.abort(code, str(error), trailing)
