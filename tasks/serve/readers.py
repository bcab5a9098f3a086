"""Several readers behind one door: a context is asked for where it is held, and elsewhere when that one dies.

The idea: the directory knows who holds what; where it does not, rendezvous hashing does. A reader that cannot
be reached is passed over, one that does not hold the context says who does; while a dead one's lease lasts,
the call waits, as long as its deadline or our patience allows. An answer that broke off is written again
elsewhere: what was given out already is passed over, and where the new one reads differently, the caller is
told to ask again, so that no text is ever made of two answers.
"""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TypeVar

from tasks.errors import NightreadError, Transient
from tasks.serve.directory import opened as directories
from tasks.serve.directory.base import Directory, Load
from tasks.serve.door import (
    BLOCKS,
    NEW_TOKENS,
    Changed,
    DeadlinePassed,
    Done,
    HeldElsewhere,
    Name,
    Piece,
    ReaderDoor,
    Retrieved,
    Scored,
    State,
    Stats,
    Taken,
    Unavailable,
)
from tasks.serve.resuming import PieceOfText, unread
from tasks.serve.routing import ranked
from tasks.settings import ServeConfig

T = TypeVar("T")
PAUSES_S = (0.05, 0.1, 0.2, 0.5, 1.0)
"""Between rounds in which no reader could answer; the last one again and again."""
AVOIDED_S = 5.0
"""So long one that could not be reached is asked only after the others."""


class BrokenOff(Unavailable):
    """An answer ended halfway, and another reader words it differently: ask again."""


@dataclass
class _Call:
    """One call, over all readers that it is tried at."""

    name: Name
    until: float | None
    tried: set[str] = field(default_factory=set)
    """In this round."""
    rounds: int = 0
    told: str = ""
    """Who holds the context, as a reader says."""
    error: NightreadError | None = None
    """Of the last reader that was tried."""
    looking: float | None = None
    """Since when a reader is waited for, later by the time that one was at work; None where one has given a
    part of what is asked for."""

    def left(self) -> float | None:
        """Seconds to its deadline, if it has one."""
        if self.until is None:
            return None
        if (left := self.until - time.monotonic()) <= 0:
            raise DeadlinePassed(f"{self.name.key}: no reader answered in time: ask again, with more time")
        return left

    def was_with_a_reader(self, since: float) -> None:
        """A reader had the call since then, and failed at it: in this time none was waited for."""
        if self.looking is not None:
            self.looking += time.monotonic() - since


class Readers:
    """A door to readers at several addresses; `ReaderDoor` says what each call does.

    Args:
        addresses: readers that are asked where the directory knows of none, or none of its can answer.
        directory: who holds what; closed with this.
        connect: a door to the reader at an address; kept, and shut by this.
        patience_s: how long a call without a deadline looks for a reader that goes on with it; by default for
            longer than a lease, so that what a dead one held is opened by another.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        directory: Directory,
        connect: Callable[[str], ReaderDoor],
        patience_s: float | None = None,
    ) -> None:
        self.addresses, self.directory, self.connect = tuple(addresses), directory, connect
        self.patience_s = patience_s if patience_s is not None else 2 * directory.lease_s + 10
        self.lock = threading.Lock()
        self.doors: dict[str, ReaderDoor] = {}
        self.avoided: dict[str, float] = {}
        """Addresses that could not be reached, and until when they come last."""

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        return self._asked(name, timeout_s, lambda door, left: door.open(name, create, left))

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        """After an error it goes on behind what was read by then, see `resuming`; pieces that are no list or
        tuple cannot be gone through twice, and are read by one reader or by none."""
        call, began = self._call(name, timeout_s), time.monotonic()
        first = self._begun(call)
        if at_tokens is not None and at_tokens != first.tokens:
            raise Changed(f"{name.key}: holds {first.tokens:,} tokens, not {at_tokens:,}: read on from there")
        rest: Iterable[PieceOfText] = pieces
        at, broke_off = at_tokens, False
        while True:
            address, asked = self._next(call), time.monotonic()
            try:
                # also with nothing left: what is acknowledged is durable
                taken = self._door(address).read(name, rest, at, call.left())
                break
            except (HeldElsewhere, Unavailable, Changed) as error:
                call.was_with_a_reader(asked)
                if not isinstance(pieces, list | tuple) or (isinstance(error, Changed) and not broke_off):
                    raise
                self._passed_over(call, address, error)
                state, broke_off = self._begun(call), True
                if state.tokens > (first.tokens if at is None else at):
                    call.looking = None
                rest, at = unread(name.key, pieces, first, state), state.tokens
        tokens = taken.state.tokens - first.tokens if broke_off else taken.tokens
        return Taken(tokens, taken.state, time.monotonic() - began)

    def retrieve(
        self, name: Name, question: str, blocks: int = BLOCKS, timeout_s: float | None = None
    ) -> Retrieved:
        return self._asked(name, timeout_s, lambda door, left: door.retrieve(name, question, blocks, left))

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        call, sent = self._call(name, timeout_s), ""
        while True:
            address, asked = self._next(call), time.monotonic()
            try:
                answer = self._door(address).ask(name, question, new_tokens, call.left())
                for part in _behind(answer, sent):
                    if isinstance(part, Piece):
                        sent, call.looking = sent + part.text, None
                    yield part
            except BrokenOff:
                raise
            except (HeldElsewhere, Unavailable) as error:
                call.was_with_a_reader(asked)
                self._passed_over(call, address, error)
            else:
                return

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        return self._asked(name, timeout_s, lambda door, left: door.score(name, text, retrieve, left))

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        return self._asked(name, timeout_s, lambda door, left: door.save(name, left))

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        return self._asked(name, timeout_s, lambda door, left: door.close(name, forget, left))

    def stats(self) -> Stats:
        """Sums over the readers that can be reached; the model is the first one's."""
        reached = []
        for address in self._nodes():
            try:
                reached.append(self._door(address).stats())
            except Transient:
                self.avoided[address] = time.monotonic() + AVOIDED_S
        if not reached:
            raise Unavailable("no reader can be reached: start one with `nightread serve reader`")
        sums = {
            one.name: sum(getattr(stats, one.name) for stats in reached)
            for one in fields(Stats)
            if one.name not in ("node", "model", "seconds")
        }
        return replace(reached[0], node="", seconds=max(stats.seconds for stats in reached), **sums)

    def shut(self) -> None:
        with self.lock:
            doors, self.doors = self.doors, {}
        for door in doors.values():
            door.shut()
        self.directory.close()

    def _begun(self, call: _Call) -> State:
        """A context as it stands, for a read; an empty one is begun where there is none."""
        return self._tried(call, lambda door, left: door.open(call.name, True, left))

    def _asked(self, name: Name, timeout_s: float | None, ask: Callable[[ReaderDoor, float | None], T]) -> T:
        return self._tried(self._call(name, timeout_s), ask)

    def _tried(self, call: _Call, ask: Callable[[ReaderDoor, float | None], T]) -> T:
        """The answer of the first reader that gives one."""
        while True:
            address = self._next(call)
            try:
                return ask(self._door(address), call.left())
            except (HeldElsewhere, Unavailable) as error:
                self._passed_over(call, address, error)

    def _call(self, name: Name, timeout_s: float | None) -> _Call:
        return _Call(name, None if timeout_s is None else time.monotonic() + timeout_s)

    def _door(self, address: str) -> ReaderDoor:
        with self.lock:
            if address not in self.doors:
                self.doors[address] = self.connect(address)
            return self.doors[address]

    def _nodes(self) -> dict[str, Load]:
        """Readers that live, as far as the directory knows, or else all that are named."""
        try:
            living = self.directory.nodes()
        except Transient:
            living = {}
        return living or {address: Load() for address in self.addresses}

    def _next(self, call: _Call) -> str:
        """The reader to ask next; waits where all were asked."""
        while True:
            for address in self._order(call):
                if address not in call.tried:
                    return address
            self._wait(call)

    def _order(self, call: _Call) -> list[str]:
        """The holder, then the others, then those that could not be reached, then those long unheard of."""
        nodes, now = self._nodes(), time.monotonic()
        others = ranked(call.name, nodes)
        others.sort(key=lambda address: self.avoided.get(address, 0.0) > now)
        others += [address for address in self.addresses if address not in nodes]
        holder = call.told or self._holder(call.name)
        return [holder, *others] if holder else others

    def _holder(self, name: Name) -> str | None:
        try:
            return self.directory.holder(*name)
        except Transient:
            return None  # a reader says it when it is asked

    def _passed_over(self, call: _Call, address: str, error: NightreadError) -> None:
        call.error = error
        if isinstance(error, HeldElsewhere):
            call.told = error.address
        if isinstance(error, Unavailable):
            self.avoided[address] = time.monotonic() + AVOIDED_S
        if isinstance(error, HeldElsewhere | Unavailable):
            call.tried.add(address)

    def _wait(self, call: _Call) -> None:
        """Pause before all are asked again.

        Raises:
            Unavailable: if the call's time is over by then; if it has no deadline, our patience.
        """
        now = time.monotonic()
        call.looking = now if call.looking is None else call.looking
        end = call.looking + self.patience_s if call.until is None else call.until
        pause = PAUSES_S[min(call.rounds, len(PAUSES_S) - 1)]
        if now + pause >= end:
            known = (
                call.error
                or "none is known: start one with `nightread serve reader`, or name it in serve.readers"
            )
            raise Unavailable(f"{call.name.key}: no reader can answer now: {known}") from call.error
        time.sleep(pause)
        call.rounds, call.told = call.rounds + 1, ""
        call.tried.clear()


def _behind(answer: Iterator[Piece | Done], sent: str) -> Iterator[Piece | Done]:
    """What comes of an answer behind `sent`, which was given out already.

    Raises:
        BrokenOff: if it does not begin so.
    """
    try:
        for part in answer:
            text = part.text if isinstance(part, Piece) else ""
            known, fresh = text[: len(sent)], text[len(sent) :]
            if not sent.startswith(known) or (sent and isinstance(part, Done)):
                raise BrokenOff("the answer broke off, and another reader words it differently: ask again")
            sent = sent[len(known) :]
            if isinstance(part, Done):
                yield part
            elif fresh:
                yield Piece(fresh)
    finally:
        if isinstance(answer, Generator):
            answer.close()


def opened(serve: ServeConfig) -> Readers:
    """The readers that the settings name, and those that the directory knows; no one is called yet.

    Raises:
        InvalidInput: if `serve.redis_url` is none of a Redis.
    """
    from tasks.serve.client import Client

    known_by = Path(serve.ca_bundle) if serve.ca_bundle else None
    return Readers(serve.readers, directories.opened(serve), lambda address: Client(address, known_by))
