"""What goes over the network: the door's values as messages of reader.proto, and back.

The idea: fields are called alike on both sides, so most values need no more than their names.
"""

from dataclasses import fields
from typing import Any

from tasks.serve import reader_pb2 as pb
from tasks.serve.door import Cited, Done, Name, Retrieved, Scored, State, Stats, Taken

SERVICE = "nightread.v1.Reader"
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
    # by default a server takes more than two of these in silence for an attack, and ends the call
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
]
"""Of a channel at both ends: a peer that is gone is known within 40 seconds."""
CLIENT_OPTIONS = [
    *OPTIONS,
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]
"""A reader that was started again is found within seconds; gRPC itself looks for it ever more seldom."""


def name_of(message: Any) -> Name:
    return Name(message.tenant, message.key)


def named(name: Name) -> Any:
    return pb.Name(tenant=name.tenant, key=name.key)


def state_message(state: State) -> Any:
    return pb.State(**_plain(state))


def state_of(message: Any) -> State:
    return State(**{one.name: getattr(message, one.name) for one in fields(State)})


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
