"""A door to the reader at one address, over gRPC.

The idea: the channel connects when it is first used and again whenever it must, so a client may be made
before its reader is up; a call that finds none says so at once.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc

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
        request = pb.OpenRequest(name=wire.named(name), create=create)
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
        reading = _requests(name, pieces, at_tokens)
        return wire.taken_of(_told(lambda: call(reading, timeout_s, self.metadata)))

    def retrieve(
        self, name: Name, question: str, blocks: int = BLOCKS, timeout_s: float | None = None
    ) -> Retrieved:
        request = pb.RetrieveRequest(name=wire.named(name), question=question, blocks=blocks)
        return wire.retrieved_of(self._unary("Retrieve", request, pb.Retrieved, timeout_s))

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        call = self.channel.unary_stream(
            f"/{wire.SERVICE}/Ask", pb.AskRequest.SerializeToString, pb.AskReply.FromString
        )
        request = pb.AskRequest(name=wire.named(name), question=question, new_tokens=new_tokens)
        replies = call(request, timeout_s, self.metadata)
        try:
            while (reply := _told(lambda: next(replies, None))) is not None:
                yield wire.done_of(reply.done) if reply.WhichOneof("part") == "done" else Piece(reply.text)
        finally:
            replies.cancel()

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        request = pb.ScoreRequest(name=wire.named(name), text=text, retrieve=retrieve)
        return wire.scored_of(self._unary("Score", request, pb.Scored, timeout_s))

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        request = pb.SaveRequest(name=wire.named(name))
        return wire.state_of(self._unary("Save", request, pb.State, timeout_s))

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        request = pb.CloseRequest(name=wire.named(name), forget=forget)
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


def _requests(name: Name, pieces: Iterable[str | Sequence[int]], at_tokens: int | None) -> Iterator[Any]:
    yield pb.ReadRequest(name=wire.named(name), at_tokens=at_tokens)
    for piece in pieces:
        if isinstance(piece, str):
            for first in range(0, len(piece), wire.TEXT_CHARS):
                yield pb.ReadRequest(text=piece[first : first + wire.TEXT_CHARS])
        else:
            for first in range(0, len(piece), _IDS):
                yield pb.ReadRequest(ids=pb.TokenIds(ids=piece[first : first + _IDS]))
