"""The engine of this process behind a door: for a gateway that has its reader with it.

The idea: a call waits on a queue of its own for what the computing thread delivers.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

from tasks.serve.door import BLOCKS, NEW_TOKENS, Done, Name, Piece, Retrieved, Scored, State, Stats, Taken
from tasks.serve.engine import Engine
from tasks.serve.job import END, Inbox, Job, Steps

_PAUSE_S = 0.01
"""Between two tries to give text to a read whose inbox is full."""


@dataclass
class Embedded:
    """See `tasks.serve.door.ReaderDoor`. Shutting it stops the engine."""

    engine: Engine

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        found: State = self._asked(name, timeout_s, lambda job: self.engine.calls.open(job, create))
        return found

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        call = _Call(self.engine, name, timeout_s, Inbox())
        call.begin(lambda job: self.engine.calls.read(job, at_tokens))
        try:
            for piece in pieces:
                call.give(piece)
            call.give(END)
            taken: Taken = call.next()
        finally:
            call.end()
        return taken

    def retrieve(
        self, name: Name, question: str, blocks: int = BLOCKS, timeout_s: float | None = None
    ) -> Retrieved:
        found: Retrieved = self._asked(
            name, timeout_s, lambda job: self.engine.calls.retrieve(job, question, blocks)
        )
        return found

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        call = _Call(self.engine, name, timeout_s)
        call.begin(lambda job: self.engine.calls.ask(job, question, new_tokens))
        try:
            while True:
                part: Piece | Done = call.next()
                yield part
                if isinstance(part, Done):
                    return
        finally:
            call.end()

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        found: Scored = self._asked(name, timeout_s, lambda job: self.engine.calls.score(job, text, retrieve))
        return found

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        found: State = self._asked(name, timeout_s, self.engine.calls.save)
        return found

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        self._asked(name, timeout_s, lambda job: self.engine.calls.close(job, forget))

    def stats(self) -> Stats:
        return self.engine.stats()

    def shut(self) -> None:
        self.engine.stop()

    def _asked(self, name: Name, timeout_s: float | None, steps: Callable[[Job], Steps]) -> Any:
        call = _Call(self.engine, name, timeout_s)
        call.begin(steps)
        try:
            return call.next()
        finally:
            call.end()


class _Call:
    """One call of a thread that waits for it."""

    def __init__(
        self, engine: Engine, name: Name, timeout_s: float | None, inbox: Inbox | None = None
    ) -> None:
        self.engine, self.events = engine, SimpleQueue[object]()
        until = None if timeout_s is None else time.monotonic() + timeout_s
        self.job = Job(Name(*name), self.events.put, until, inbox)

    def begin(self, steps: Callable[[Job], Steps]) -> None:
        self.engine.submit(self.job, steps(self.job))

    def give(self, piece: object) -> None:
        """Give text to a read; an error that it ended with is raised."""
        assert self.job.inbox is not None
        while not self.job.inbox.offer(piece):
            if not self.events.empty():
                self.next()
            time.sleep(_PAUSE_S)

    def next(self) -> Any:
        """What is delivered next."""
        event = self.events.get()
        if isinstance(event, Exception):
            raise event
        return event

    def end(self) -> None:
        self.engine.cancel(self.job)
