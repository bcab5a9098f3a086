"""Through a real gateway a door is a door: what was told is read once, answers and errors come back."""

from collections.abc import Iterator

import pytest

from flows.config import load
from flows.gateway.run import running
from tasks.bench.load.gateway import BEHIND, Gateway
from tasks.bench.load.sessions import sessions
from tasks.bench.load.traffic import Traffic
from tasks.errors import NightreadError
from tasks.serve.door import Busy, Cited, DeadlinePassed, Done, Name, Piece, Unavailable
from tests.tasks.bench.load.test_traffic import Reader

NAME = Name("", "book")


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def door(reader: Reader, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    settings = [
        f"home={tmp_path_factory.mktemp('gateway')}",
        "serve.port=0",
        "serve.requests_per_minute=100000",
    ]
    with running(load("tiny", settings), lambda: reader) as url:
        yield Gateway(int(url.rpartition(":")[2]), reader)


def test_what_is_told_is_read_and_asked(door: Gateway, reader: Reader) -> None:
    assert door.answers()
    for line in ("Call me Ishmael.", "Some years ago."):
        door.read(NAME, [line + BEHIND])
    text = f"Call me Ishmael.{BEHIND}Some years ago.{BEHIND}"
    assert reader.store[NAME] == text
    *pieces, done = door.ask(NAME, "Who?")
    assert "".join(piece.text for piece in pieces if isinstance(piece, Piece)) == text
    assert isinstance(done, Done)
    assert done.citations == (Cited(0, 0, 0, len(text), text),)


def test_a_load_through_it_is_checked_like_any_other(door: Gateway) -> None:
    run = Traffic(door, sessions(6, 1), requests=60, clients=3, seed=0, timeout_s=60)
    assert not any(one.error for one in run.tell())
    run.run()
    assert run.lost == []
    assert {(one.error, one.wrong) for one in run.done} == {("", "")}
    assert all(one.found for one in run.done if one.kind != "read")


@pytest.mark.parametrize(
    "error", [Busy("again later", 7.0), Unavailable("no reader"), DeadlinePassed("too late")]
)
def test_an_error_comes_back_as_it_was(
    door: Gateway, reader: Reader, error: NightreadError, monkeypatch: pytest.MonkeyPatch
) -> None:
    door.read(NAME, ["One more." + BEHIND])

    def fails(*_: object) -> Iterator[Piece | Done]:
        raise error
        yield

    monkeypatch.setattr(reader, "ask", fails)
    with pytest.raises(type(error)) as told:
        list(door.ask(NAME, "Who?"))
    assert getattr(told.value, "retry_after_s", 0) == getattr(error, "retry_after_s", 0)


def test_an_answer_that_fails_halfway_is_an_error_too(
    door: Gateway, reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks_off(*_: object) -> Iterator[Piece | Done]:
        yield Piece("Call")
        raise Unavailable("died")

    monkeypatch.setattr(reader, "ask", breaks_off)
    answer = door.ask(NAME, "Who?")
    assert next(answer) == Piece("Call")
    with pytest.raises(Unavailable):
        next(answer)


def test_a_gateway_that_is_gone_is_unavailable(reader: Reader) -> None:
    gone = Gateway(1, reader)
    assert not gone.answers()
    with pytest.raises(Unavailable, match="cannot be reached"):
        list(gone.ask(NAME, "Who?"))
