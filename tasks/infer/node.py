"""A node: the ranks of one machine, fed from the desk, watched over and replaced when they fail.

A rank that dies, gives no sign for `hang_s` or outgrows its memory is killed, and its group with it; the desk
hears of it, the shard is given to another, and a new group takes its place.
"""

import selectors
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

from tasks.errors import NightreadError, Transient
from tasks.infer.group import Group, Rank, Setup
from tasks.infer.queue import Counter, Handed, row_of

TICK_S = 0.2
"""How often ranks are looked at when none of them says anything."""
FAILED_STARTS = 5
"""So many groups in a row that ended without a window: it is no document's fault."""
LEAVE_S = 5.0
"""What a rank gets to end by itself."""


class Node:
    """The groups of this machine, and the loop that feeds and watches them.

    Args:
        setup: `setup.infer.workers` processes are kept running, in groups of `setup.infer.sequence_parallel`.
        desk: where shards come from and windows go to.
        name: of the node, unique among all.
    """

    def __init__(self, setup: Setup, desk: Counter, name: str = "here") -> None:
        self.setup, self.desk, self.name = setup, desk, name
        self.groups: list[Group] = []
        self.handed: list[tuple[Group, Handed]] = []
        self.started = self.useless = 0
        self.selector = selectors.DefaultSelector()

    def work(self) -> None:
        """Read until the desk has nothing left.

        Raises:
            NightreadError: if ranks cannot be started, or one met an error that no document is to blame for.
        """
        with self._running():
            while self.desk.open():
                for key, _ in self.selector.select(TICK_S):
                    self._listen(*key.data)
                self._hand_in()
                for group in list(self.groups):
                    if why := group.ailment(self.setup.infer):
                        self._replace(group, why)
                self._feed_all()

    @contextmanager
    def _running(self) -> Iterator[None]:
        try:
            for place in range(self.setup.infer.workers // self.setup.infer.sequence_parallel):
                self._start(place)
            yield
        finally:
            for group in self.groups:
                group.close(0.0 if sys.exc_info()[0] else LEAVE_S)
            self.selector.close()

    def _start(self, place: int) -> None:
        self.started += 1
        group = Group(f"{self.name}/{self.started}", place, self.setup)
        self.groups.append(group)
        for rank in group.ranks:
            self.selector.register(_pipe(rank), selectors.EVENT_READ, (group, rank))

    def _listen(self, group: Group, rank: Rank) -> None:
        for message in rank.messages():
            self._on(group, rank, message)

    def _on(self, group: Group, rank: Rank, message: dict[str, Any]) -> None:
        handle: dict[str, Callable[[], None]] = {
            "ready": lambda: group.start(rank, message["rows"]),
            "heard": lambda: None,
            "window": lambda: self._window(group, message),
            "done": lambda: self._done(group, message["row"]),
            "error": lambda: self._error(message),
        }
        handle[message["kind"]]()

    def _window(self, group: Group, message: dict[str, Any]) -> None:
        self.useless = 0
        row = row_of(group.name, message["row"])
        self.handed.append((group, (row, message["window"], message["payload"], message["tokens"])))

    def _hand_in(self) -> None:
        """Windows that came together are kept together; each group waits to be told."""
        if self.handed:
            kept = self.desk.keep([window for _, window in self.handed])
            for (group, _), answer in zip(self.handed, kept, strict=True):
                group.answer(answer)
            self.handed.clear()

    def _done(self, group: Group, row: int) -> None:
        self.desk.done(row_of(group.name, row))
        group.busy.remove(row)

    def _error(self, message: dict[str, Any]) -> None:
        kind = Transient if message["transient"] else NightreadError
        raise kind(f"a reader of node {self.name} failed: {message['error']}")

    def _feed_all(self) -> None:
        """Row by row in turns, so that no group takes all there is."""
        hungry = list(self.groups)
        while hungry:
            hungry = [group for group in hungry if self._feed(group)]

    def _feed(self, group: Group) -> bool:
        """Give a free row of a group something to read, if there is any."""
        row = group.free
        job = None if row is None else self.desk.take(row_of(group.name, row))
        if row is None or job is None:
            return False
        group.read(row, job.as_dict())
        return True

    def _replace(self, group: Group, why: str) -> None:
        """Bury a group and start another in its place."""
        self.groups.remove(group)
        for rank in group.ranks:
            self.selector.unregister(_pipe(rank))
        group.kill()
        for rank in group.ranks:  # what they said last
            self._listen(group, rank)
        self._hand_in()
        said = group.said()
        group.close()
        self.useless += not group.busy
        for row in group.busy:
            self.desk.died(row_of(group.name, row), why)
        if not group.busy and self.useless >= FAILED_STARTS:
            raise NightreadError(
                f"{FAILED_STARTS} readers of node {self.name} ended, one after the other, before they read "
                f"anything; the last: {why}\n{said}"
            )
        if self.desk.open():
            self._start(group.place)


def _pipe(rank: Rank) -> IO[bytes]:
    assert rank.process.stdout is not None
    return rank.process.stdout
