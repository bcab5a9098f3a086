"""Readers without a model, for tests of what stands before readers: texts, under claims in a directory."""

import zlib
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields

from tasks.serve.directory.base import Directory, Held, Load
from tasks.serve.door import (
    Changed,
    DeadlinePassed,
    Done,
    HeldElsewhere,
    Name,
    Piece,
    Retrieved,
    Scored,
    State,
    Stats,
    Taken,
    Unavailable,
    UnknownContext,
)

Store = dict[Name, str]
"""What all nodes can open."""


def text(piece: str | Sequence[int]) -> str:
    """Of a piece: token i is the character with that number."""
    return piece if isinstance(piece, str) else "".join(map(chr, piece))


@dataclass
class Node:
    """A `ReaderDoor`. A token is a character; every answer is the context's text, word by word."""

    address: str
    directory: Directory
    store: Store
    dead: bool = False
    dies_behind: int | None = None
    """Pieces of an answer behind which it dies."""
    late_behind: int | None = None
    """Tokens of a read behind which its time is over."""
    calls: list[str] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    """Of retrievals."""
    shuts: int = 0
    forgotten: Counter[Name] = field(default_factory=Counter)

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        self._claim("open", name)
        if create:
            self.store.setdefault(name, "")
        if name not in self.store:
            raise UnknownContext(f"{name.key}: never read")
        return self._state(name)

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        self._claim("read", name)
        read = "".join(map(text, pieces))
        held = self.store.get(name, "")
        if at_tokens not in (None, len(held)):
            raise Changed(f"{name.key}: holds {len(held)} tokens")
        self.store[name] = held + read[: self.late_behind]
        if self.late_behind is not None:
            raise DeadlinePassed(f"{name.key}: took too long")
        return Taken(len(read), self._state(name), 0.0)

    def retrieve(
        self, name: Name, question: str, blocks: int = 16, timeout_s: float | None = None
    ) -> Retrieved:
        self._claim("retrieve", name)
        self.timeouts.append(timeout_s)
        return Retrieved((), 0.0)

    def ask(
        self, name: Name, question: str, new_tokens: int = 128, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        self._claim("ask", name)
        words = self.store[name].split(" ")
        for count, word in enumerate(words):
            if count == self.dies_behind:
                self.dead = True
                raise Unavailable(f"{self.address} died")
            yield Piece(f"{word} ")
        yield Done((), len(words), True, 0.0)

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        self._claim("score", name)
        return Scored(-1.0, len(text))

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        self._claim("save", name)
        return self._state(name)

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        self._claim("close", name)
        if forget:
            self.store.pop(name, None)
            self.forgotten[name] += 1
        self.directory.release(*name, self.address)

    def stats(self) -> Stats:
        if self.dead:
            raise Unavailable(f"{self.address} is dead")
        counts = {one.name: 1 for one in fields(Stats)} | {"node": self.address, "model": "none"}
        return Stats(**counts)  # type: ignore[arg-type]

    def shut(self) -> None:
        self.shuts += 1

    def beat(self, load: Load | None = None) -> None:
        self.directory.beat(self.address, [], load or Load())

    def _claim(self, call: str, name: Name) -> None:
        self.calls.append(call)
        if self.dead:
            raise Unavailable(f"{self.address} is dead")
        try:
            self.directory.claim(*name, self.address)
        except Held as held:
            raise HeldElsewhere(str(held), held.by) from held

    def _state(self, name: Name) -> State:
        held = self.store[name]
        ids, size = array("i", map(ord, held)).tobytes(), len(held)
        crcs = zlib.crc32(held.encode()), zlib.crc32(ids)
        return State(size, size, size, size, *crcs, self.forgotten[name])
