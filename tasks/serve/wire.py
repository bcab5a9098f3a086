"""What goes over the network: the door's values as messages of reader.proto, its errors as statuses of gRPC.

The idea: each table is read from both sides, so what a client raises is what the reader raised. Messages of
errors name values and remedies; what else a caller needs to go on stands in the trailing metadata.
"""

from dataclasses import fields
from typing import Any

import grpc

from tasks.errors import InvalidInput, NightreadError
from tasks.serve import reader_pb2 as pb
from tasks.serve.door import (
    Busy,
    Changed,
    Cited,
    DeadlinePassed,
    Done,
    Failed,
    HeldElsewhere,
    Name,
    NotAllowed,
    Retrieved,
    Scored,
    State,
    Stats,
    Taken,
    Unavailable,
    UnknownContext,
)

SERVICE = "nightread.v1.Reader"
RETRY_AFTER, HOLDER = "retry-after-ms", "holder"
"""Trailing metadata: milliseconds after which a busy reader may take the call; who holds a context."""
MESSAGE_BYTES = 1 << 20
"""Of one message, in either direction."""
TEXT_CHARS = 1 << 17
"""Of a piece of text in one message: with four bytes a character it fits."""
OPTIONS = [
    ("grpc.max_receive_message_length", MESSAGE_BYTES),
    ("grpc.max_send_message_length", MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.max_pings_without_data", 0),
]
"""Of a channel at both ends: a peer that is gone is known within 40 seconds."""

_CODES: dict[type[Exception], grpc.StatusCode] = {
    UnknownContext: grpc.StatusCode.NOT_FOUND,
    Changed: grpc.StatusCode.ABORTED,
    NotAllowed: grpc.StatusCode.UNAUTHENTICATED,
    Busy: grpc.StatusCode.RESOURCE_EXHAUSTED,
    HeldElsewhere: grpc.StatusCode.FAILED_PRECONDITION,
    DeadlinePassed: grpc.StatusCode.DEADLINE_EXCEEDED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    InvalidInput: grpc.StatusCode.INVALID_ARGUMENT,
    Failed: grpc.StatusCode.INTERNAL,
}
"""Kinds of errors, narrower ones first."""


def status_of(error: Exception) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
    """Code, message and trailing metadata of an error."""
    code = next(code for kind, code in _CODES.items() if isinstance(error, kind))
    extra: tuple[tuple[str, str], ...] = ()
    if isinstance(error, Busy):
        extra = ((RETRY_AFTER, str(round(1000 * error.retry_after_s))),)
    if isinstance(error, HeldElsewhere):
        extra = ((HOLDER, error.address),)
    return code, str(error), extra


def error_of(code: grpc.StatusCode, message: str, trailing: Any) -> NightreadError:
    """The error of a status that a client got; what no reader says is that it cannot be reached."""
    extra = {one[0]: one[1] for one in trailing or ()}
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        if RETRY_AFTER not in extra:  # of gRPC itself
            return InvalidInput(f"{message}: send smaller pieces")
        return Busy(message, int(extra[RETRY_AFTER]) / 1000)
    if code == grpc.StatusCode.FAILED_PRECONDITION:
        return HeldElsewhere(message, str(extra.get(HOLDER, "")))
    kinds = {known: kind for kind, known in _CODES.items()}
    found = kinds.get(code, Unavailable)
    made: NightreadError = found(message)  # type: ignore[assignment]
    return made


def name_of(message: Any) -> Name:
    return Name(message.tenant, message.key)


def named(name: Name) -> Any:
    return pb.Name(tenant=name.tenant, key=name.key)


def state_message(state: State) -> Any:
    return pb.State(**_plain(state))


def state_of(message: Any) -> State:
    return State(message.tokens, message.chars, message.saved, message.bytes)


def taken_message(taken: Taken) -> Any:
    return pb.Taken(tokens=taken.tokens, state=state_message(taken.state), seconds=taken.seconds)


def taken_of(message: Any) -> Taken:
    return Taken(message.tokens, state_of(message.state), message.seconds)


def retrieved_message(found: Retrieved) -> Any:
    return pb.Retrieved(blocks=map(_cited_message, found.blocks), seconds=found.seconds)


def retrieved_of(message: Any) -> Retrieved:
    return Retrieved(tuple(map(_cited_of, message.blocks)), message.seconds)


def done_message(done: Done) -> Any:
    plain = {name: value for name, value in _plain(done).items() if name != "citations"}
    return pb.Done(citations=map(_cited_message, done.citations), **plain)


def done_of(message: Any) -> Done:
    cited = tuple(map(_cited_of, message.citations))
    return Done(cited, message.tokens, message.ended, message.seconds, message.first_s)


def scored_message(scored: Scored) -> Any:
    return pb.Scored(nats=scored.nats, tokens=scored.tokens)


def scored_of(message: Any) -> Scored:
    return Scored(message.nats, message.tokens)


def stats_message(stats: Stats) -> Any:
    return pb.StatsReply(**_plain(stats))


def stats_of(message: Any) -> Stats:
    return Stats(**{one.name: getattr(message, one.name) for one in fields(Stats)})


def _cited_message(cited: Cited) -> Any:
    return pb.Cited(**_plain(cited))


def _cited_of(message: Any) -> Cited:
    return Cited(**{one.name: getattr(message, one.name) for one in fields(Cited)})


def _plain(value: Any) -> dict[str, Any]:
    return {one.name: getattr(value, one.name) for one in fields(value)}
