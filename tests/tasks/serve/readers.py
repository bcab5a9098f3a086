"""A tiny reader, engines of it, and servers of these on loopback."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from model.context.heads import Heads
from model.reader import Reader
from tasks.serve.client import Client
from tasks.serve.directory.base import Directory
from tasks.serve.door import Done, Name, Piece, ReaderDoor
from tasks.serve.embedded import Embedded
from tasks.serve.engine import Engine, Limits
from tasks.serve.server import Listen, serve

HEADS = Heads(((0, 1), (1, 2)), 3)
NAME = Name("", "night")
START_S = 120.0
LEASE_S = 600.0
Start = Callable[..., Embedded]
"""Starts a node: its directory, name and limits."""


@dataclass(frozen=True)
class Tiny:
    """What engines of the tiny model are made of."""

    reader: Reader
    folder: Path

    def engine(
        self, home: Path, directory: Directory, node: str = "here", limits: Limits | None = None
    ) -> Engine:
        return Engine(self.reader, HEADS, self.folder, home, directory, node, limits)


@contextmanager
def served(engine: Engine, listen: Listen | None = None) -> Iterator[str]:
    """The address of a server of this engine, which is stopped at the end."""
    ready, ended, address = threading.Event(), threading.Event(), list[str]()

    def told(where: str) -> None:
        address.append(where)
        ready.set()

    async def end() -> None:
        while not ended.is_set():
            await asyncio.sleep(0.02)

    def work() -> None:
        try:
            asyncio.run(serve(listen or Listen("127.0.0.1:0"), lambda _: engine, told, end))
        finally:
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(START_S)
        assert address, "the server did not start"
        yield address[0]
    finally:
        ended.set()
        thread.join()


@contextmanager
def client_of(engine: Engine) -> Iterator[Client]:
    with served(engine) as address:
        client = Client(address)
        try:
            grpc.channel_ready_future(client.channel).result(START_S)  # however busy the machine is
            yield client
        finally:
            client.shut()


def text_of(words: int, seed: int = 0) -> str:
    """Sentences that are all different, some of them with letters of several bytes and tokens."""
    return "".join(
        f"The {number + seed}th keeper of Ø{number} wrote {number * 7919 + seed} pages.\n"
        for number in range(words)
    )


def answered(
    door: ReaderDoor, name: Name, question: str, new_tokens: int = 8, timeout_s: float | None = None
) -> tuple[str, Done]:
    """An answer's whole text, and what came last."""
    *pieces, done = door.ask(name, question, new_tokens, timeout_s)
    assert isinstance(done, Done)
    assert all(isinstance(piece, Piece) and piece.text for piece in pieces)
    return "".join(piece.text for piece in pieces if isinstance(piece, Piece)), done


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)
