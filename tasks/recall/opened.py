"""A memory that is open to be asked: the table, and the embedder that questions need.

The idea: a command opens one for its one question; what serves many keeps it, and opens it anew only where a
run has published since. What answers faster from memory is read by one thread, for one home after another.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from model.hardware import return_freed
from tasks.memory.embedders import made_by, question_embedder, same
from tasks.memory.reader import Memory, open_memory, published
from tasks.recall.text_cache import forget_texts

MOST_OPEN = 8
"""Memories that stay open."""
MOST_BYTES = 1 << 30
"""That all of them together have in memory, of which each has at most a half (`Memory.keep`). The one that is
being read takes up to 640 MiB on top of this."""
Embed = Callable[[Sequence[str]], Any]
"""Texts to unit vectors, one row each."""


@dataclass(frozen=True)
class Opened:
    """A memory, and what embeds the questions that it is asked. Safe for use by several threads."""

    memory: Memory
    embedder: str
    """A folder or a hub name; "" is the default one."""

    @cached_property
    def embed(self) -> Embed:
        """Loaded for the first question.

        Raises:
            InvalidInput: if another embedder made the vectors of the memory.
        """
        return question_embedder(self.memory, self.embedder)


def opened(home: Path, embedder: str, as_of: str | None = None) -> Opened:
    """The memory of a home as last published, or as of a run or a time.

    Raises:
        InvalidInput: if there is none.
    """
    return Opened(open_memory(home, as_of), embedder)


class Kept:
    """Memories that stay open between questions, by home; each is the newest that was published there."""

    def __init__(self, embedder: str) -> None:
        self.embedder = embedder
        self._open: OrderedDict[Path, Opened] = OrderedDict()
        self._opening: dict[Path, Lock] = {}
        self._unread: dict[Path, Opened] = {}
        self._is_reading = False
        self._lock = Lock()

    def of(self, home: Path, as_of: str | None = None) -> Opened:
        """That of a home as it is now; one of an earlier moment is opened for its one question.

        Raises:
            InvalidInput: if there is no memory in this home.
        """
        if as_of is not None:
            return opened(home, self.embedder, as_of)
        with self._own(home):  # nobody waits for another home to be opened
            held, now = self._open.get(home), published(home)
            if held and now and (held.memory.run, held.memory.version) == (now["run"], now["version"]):
                self._hold(home, held)
                return held
            self._let_go(home)
            fresh = opened(home, self.embedder)
            if held:
                _take_over(held, fresh)
            self._hold(home, fresh)
            self._read_soon(home, fresh)
            return fresh

    def drop(self, home: Path) -> None:
        """Let go of a memory, as after an erasure; one that is being opened is waited for."""
        with self._own(home):
            self._let_go(home)

    def _own(self, home: Path) -> Lock:
        with self._lock:
            return self._opening.setdefault(home, Lock())

    def _let_go(self, home: Path) -> None:
        with self._lock:
            self._open.pop(home, None)
        forget_texts()  # some were its records', even where it was let go before

    def _hold(self, home: Path, one: Opened) -> None:
        """It was asked last."""
        with self._lock:
            self._open[home] = one
            self._open.move_to_end(home)
            self._make_room()

    def _make_room(self) -> None:
        """Of more than are kept, those that were asked longest ago are let go. Under the lock."""
        while len(self._open) > MOST_OPEN or self._bytes() > MOST_BYTES:
            self._open.popitem(last=False)

    def _bytes(self) -> int:
        return sum(one.memory.kept_bytes for one in self._open.values())

    def _read_soon(self, home: Path, one: Opened) -> None:
        """Have a memory read by the one thread that reads."""
        with self._lock:
            self._unread[home] = one
            if self._is_reading:
                return
            self._is_reading = True
        Thread(target=self._read_all, name="keep-records", daemon=True).start()

    def _read_all(self) -> None:
        while one := self._next():
            keep(one.memory)
            with self._lock:
                self._make_room()

    def _next(self) -> Opened | None:
        """The one to read that was opened last; not one that was let go meanwhile."""
        with self._lock:
            while self._unread:
                home, one = self._unread.popitem()
                if self._open.get(home) is one:
                    return one
            self._is_reading = False
            return None


def keep(memory: Memory) -> None:
    """Have what is searched, ranked and shown in memory; until then questions read it from the table."""
    from tasks.recall.candidates import SEARCHES, SPAN
    from tasks.recall.hit import COLUMNS
    from tasks.recall.related import LEADS

    # the version is gone: whoever asks is told; or there is no room
    with suppress(OSError, RuntimeError, ValueError, MemoryError):
        vectors = [one.column for one in SEARCHES if not one.by_words]
        memory.keep(tuple(dict.fromkeys((*SPAN, *COLUMNS, LEADS))), vectors)
    return_freed()


def _take_over(before: Opened, now: Opened) -> None:
    """The loaded embedder goes on where it made the vectors of the new version too."""
    if "embed" in before.__dict__ and same(made_by(before.memory), made_by(now.memory)):
        now.__dict__["embed"] = before.embed
