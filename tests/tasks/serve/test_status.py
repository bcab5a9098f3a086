"""An error crosses the wire and is the same on the other side."""

import grpc
import pytest

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
from tasks.serve.status import error_of, status_of

KINDS = [Changed, DeadlinePassed, Failed, InvalidInput, NotAllowed, Unavailable, UnknownContext]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_comes_back_as_it_was(kind: type[NightreadError]) -> None:
    code, trailing = status_of(kind("said"))
    back = error_of(code, "said", trailing)
    assert type(back) is kind
    assert str(back) == "said"


def test_what_the_caller_needs_comes_with_it() -> None:
    held = error_of(*_sent(HeldElsewhere("there", "10.0.0.2:8322")))
    assert isinstance(held, HeldElsewhere)
    assert held.address == "10.0.0.2:8322"
    busy = error_of(*_sent(Busy("full", 2.5)))
    assert isinstance(busy, Busy)
    assert busy.retry_after_s == 2.5


def test_every_kind_has_a_code_of_its_own() -> None:
    codes = [status_of(kind(""))[0] for kind in KINDS]
    assert len(set(codes)) == len(codes)
    assert status_of(Transient(""))[0] is grpc.StatusCode.UNAVAILABLE
    assert status_of(NightreadError(""))[0] is grpc.StatusCode.INTERNAL


def test_what_another_server_says_is_understood() -> None:
    assert isinstance(error_of(grpc.StatusCode.UNKNOWN, ""), Failed)
    assert isinstance(error_of(grpc.StatusCode.CANCELLED, ""), Unavailable)
    busy = error_of(grpc.StatusCode.RESOURCE_EXHAUSTED, "")
    assert isinstance(busy, Busy)
    assert busy.retry_after_s > 0


def _sent(error: NightreadError) -> tuple[grpc.StatusCode, str, tuple[tuple[str, str], ...]]:
    code, trailing = status_of(error)
    return code, str(error), trailing
