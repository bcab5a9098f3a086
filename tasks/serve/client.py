"""A door to the reader at one address, over gRPC.

The idea: the channel connects when it is first used and again whenever it must, so a client may be made
before its reader is up; a call that finds none says so at once.
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

from tasks.errors import InvalidInput
from tasks.serve import reader_pb2 as pb
from tasks.serve import wire
from tasks.serve.door import BLOCKS, NEW_TOKENS, Done, Name, Piece, Retrieved, Scored, State, Stats, Taken
from tasks.serve.status import error_of

TOKEN_VARIABLE = "NIGHTREAD_READER_TOKEN"
"""Environment variable that holds the token of readers, on both sides."""
STATS_S = 10.0
"""Deadline of `stats`, which takes no time: a reader that hangs is passed over."""
_IDS = 1 << 15
"""Token ids in one message."""


class Client:
    """See `tasks.serve.door.ReaderDoor`.

    Args:
        address: HOST:PORT.
        ca_bundle: file of certificates (PEM) by which the reader is known; None is no encryption.
        token: what the reader asks for; by default what the environment holds.
    """

    def __init__(self, address: str, ca_bundle: Path | None = None, token: str | None = None) -> None:
        self.address = address
        given = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
        self.metadata = (("authorization", f"Bearer {given}"),) if given else ()
        if ca_bundle is None:
            self.channel = grpc.insecure_channel(address, wire.CLIENT_OPTIONS)
        else:
            known = grpc.ssl_channel_credentials(ca_bundle.read_bytes())
            self.channel = grpc.secure_channel(address, known, wire.CLIENT_OPTIONS)

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        request = _message(pb.OpenRequest, name, create=create)
        return wire.state_of(self._unary("Open", request, pb.State, timeout_s))

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        call = self.channel.stream_unary(
            f"/{wire.SERVICE}/Read", pb.ReadRequest.SerializeToString, pb.Taken.FromString
        )
        sent = _Sent(_requests(name, pieces, at_tokens))
        sent.call = call.future(sent, timeout_s, self.metadata)
        sent.begins.set()
        try:
            return wire.taken_of(_told(sent.call.result))
        except grpc.FutureCancelledError:
            assert sent.error is not None, "nobody else cancels"
            raise sent.error from None
        finally:
            sent.call.cancel()

    def retrieve(
        self, name: Name, question: str, blocks: int = BLOCKS, timeout_s: float | None = None
    ) -> Retrieved:
        request = _message(pb.RetrieveRequest, name, question=question, blocks=blocks)
        return wire.retrieved_of(self._unary("Retrieve", request, pb.Retrieved, timeout_s))

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        call = self.channel.unary_stream(
            f"/{wire.SERVICE}/Ask", pb.AskRequest.SerializeToString, pb.AskReply.FromString
        )
        request = _message(pb.AskRequest, name, question=question, new_tokens=new_tokens)
        replies = call(request, timeout_s, self.metadata)
        try:
            while (reply := _told(lambda: next(replies, None))) is not None:
                yield wire.done_of(reply.done) if reply.WhichOneof("part") == "done" else Piece(reply.text)
        finally:
            replies.cancel()

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        request = _message(pb.ScoreRequest, name, text=text, retrieve=retrieve)
        return wire.scored_of(self._unary("Score", request, pb.Scored, timeout_s))

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        request = _message(pb.SaveRequest, name)
        return wire.state_of(self._unary("Save", request, pb.State, timeout_s))

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        request = _message(pb.CloseRequest, name, forget=forget)
        self._unary("Close", request, pb.Closed, timeout_s)

    def stats(self) -> Stats:
        return wire.stats_of(self._unary("Stats", pb.StatsRequest(), pb.StatsReply, STATS_S))

    def shut(self) -> None:
        self.channel.close()

    def _unary(self, method: str, request: Any, reply: Any, timeout_s: float | None) -> Any:
        call = self.channel.unary_unary(
            f"/{wire.SERVICE}/{method}", type(request).SerializeToString, reply.FromString
        )
        return _told(lambda: call(request, timeout_s, self.metadata))


def _told(call: Callable[[], Any]) -> Any:
    """A call's reply; its status is raised as the error that it stands for."""
    try:
        return call()
    except grpc.RpcError as error:
        raise error_of(error.code(), error.details() or "", error.trailing_metadata() or ()) from error


class _Sent:
    """What is sent to be read. An error of the caller's own pieces ends the call and is kept, for gRPC would
    only log it."""

    def __init__(self, requests: Iterator[Any]) -> None:
        self.requests, self.begins = requests, threading.Event()
        self.call: Any = None
        self.error: Exception | None = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        self.begins.wait()
        try:
            return next(self.requests)
        except StopIteration:
            raise
        except Exception as error:
            self.error = error
            self.call.cancel()  # before the end is told: what came so far is not all
            raise StopIteration from error


def _message(kind: Any, name: Name | None = None, **fields: Any) -> Any:
    """A message, of a context if one is named.

    Raises:
        InvalidInput: if it cannot be sent: half of a surrogate pair has no UTF-8, a token id has 32 bits.
    """
    try:
        return kind(**({} if name is None else {"name": wire.named(name)}), **fields)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"this cannot be sent to a reader: {error}") from error


def _requests(name: Name, pieces: Iterable[str | Sequence[int]], at_tokens: int | None) -> Iterator[Any]:
    yield _message(pb.ReadRequest, name, at_tokens=at_tokens)
    for piece in pieces:
        if isinstance(piece, str):
            for first in range(0, len(piece), wire.TEXT_CHARS):
                yield _message(pb.ReadRequest, text=piece[first : first + wire.TEXT_CHARS])
        else:
            for first in range(0, len(piece), _IDS):
                ids = _message(pb.TokenIds, ids=piece[first : first + _IDS])
                yield pb.ReadRequest(ids=ids)
