"""Errors of the door as gRPC's status codes, and back.

The idea: a code for each kind of error, so that programs in any language know what to do, and two trailing
headers with what they need for it: who holds the context, and when to come again.
"""

from collections.abc import Iterable

import grpc

from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.serve.door import (
    Busy,
    Changed,
    DeadlinePassed,
    Failed,
    HeldElsewhere,
    NotAllowed,
    Unavailable,
    UnknownContext,
)

HOLDER, RETRY_AFTER = "nightread-holder", "retry-after-ms"
"""Trailing headers."""
BUSY_S = 1.0
"""Where a server that is busy does not say for how long."""
_CODES: list[tuple[type[NightreadError], grpc.StatusCode]] = [
    (Busy, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (HeldElsewhere, grpc.StatusCode.FAILED_PRECONDITION),
    (DeadlinePassed, grpc.StatusCode.DEADLINE_EXCEEDED),
    (UnknownContext, grpc.StatusCode.NOT_FOUND),
    (Changed, grpc.StatusCode.ABORTED),
    (NotAllowed, grpc.StatusCode.UNAUTHENTICATED),
    (InvalidInput, grpc.StatusCode.INVALID_ARGUMENT),
    (Unavailable, grpc.StatusCode.UNAVAILABLE),
    (Transient, grpc.StatusCode.UNAVAILABLE),
    (Failed, grpc.StatusCode.INTERNAL),
]
"""The first that an error is of counts."""

Headers = tuple[tuple[str, str], ...]


def status_of(error: NightreadError) -> tuple[grpc.StatusCode, Headers]:
    """The code of an error, and its trailing headers; its message is the status's."""
    code = next((code for kind, code in _CODES if isinstance(error, kind)), grpc.StatusCode.INTERNAL)
    if isinstance(error, HeldElsewhere):
        return code, ((HOLDER, error.address),)
    if isinstance(error, Busy):
        return code, ((RETRY_AFTER, str(round(1000 * error.retry_after_s))),)
    return code, ()


def error_of(
    code: grpc.StatusCode, message: str, trailing: Iterable[tuple[str, str | bytes]] = ()
) -> NightreadError:
    """The error that a status tells of."""
    told = dict(trailing)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        if "larger than max" in message:  # gRPC itself says so of a message
            return InvalidInput(f"{message}: send less at once")
        return Busy(message, int(told[RETRY_AFTER]) / 1000 if RETRY_AFTER in told else BUSY_S)
    if code is grpc.StatusCode.FAILED_PRECONDITION:
        return HeldElsewhere(message, str(told.get(HOLDER, "")))
    if code is grpc.StatusCode.CANCELLED:
        return Unavailable(message)
    kind = next((kind for kind, known in _CODES if known is code), Failed)
    return kind(message)
