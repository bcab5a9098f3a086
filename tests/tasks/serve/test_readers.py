"""A context is asked for where it is held, and elsewhere when that reader dies."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tasks.errors import Transient
from tasks.serve.directory.base import Directory, Load
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import (
    Busy,
    Changed,
    DeadlinePassed,
    Done,
    Name,
    Piece,
    Taken,
    Unavailable,
    UnknownContext,
)
from tasks.serve.readers import BrokenOff, Readers
from tasks.serve.resuming import Interleaved
from tasks.serve.routing import ranked
from tests.tasks.serve.nodes import Node, Store, text

A, B, C = "10.0.0.1:8322", "10.0.0.2:8322", "10.0.0.3:8322"
BOOK = Name("", "book")
LEASE_S = 0.3


class Nodes(dict[str, Node]):
    """Three nodes over one directory and store; `readers` goes to whichever a test leaves alive."""

    def __init__(self, lease_s: float = LEASE_S, clock: Callable[[], float] = time.monotonic) -> None:
        self.directory, self.store = LocalDirectory(lease_s, clock=clock), Store()
        super().__init__({one: Node(one, self.directory, self.store) for one in (A, B, C)})
        self.readers = Readers(tuple(self), self.directory, self.__getitem__, patience_s=60)

    def holder(self) -> Node:
        """The node that holds the book; it is opened where it is not."""
        self.readers.open(BOOK, create=True)
        return self[self.directory.holder(*BOOK) or ""]

    def others(self, *but: Node) -> list[Node]:
        return [node for node in self.values() if node not in but]


def said(answer: Iterator[Piece | Done]) -> str:
    return "".join(part.text for part in answer if isinstance(part, Piece))


def test_a_context_stays_where_it_is_held() -> None:
    nodes = Nodes(60)
    nodes.readers.read(BOOK, ["the whale"])
    holder = nodes[nodes.directory.holder(*BOOK) or ""]
    for _ in range(5):
        assert said(nodes.readers.ask(BOOK, "who?")) == "the whale "
        nodes.readers.retrieve(BOOK, "who?")
        nodes.readers.score(BOOK, "text")
        nodes.readers.save(BOOK)
    assert [node.calls for node in nodes.others(holder)] == [[], []]
    nodes.readers.close(BOOK)
    assert nodes.directory.holder(*BOOK) is None


def test_another_gateway_finds_the_holder_too() -> None:
    nodes = Nodes(60)
    nodes[C].open(BOOK, create=True)
    blind = LocalDirectory(60)  # of another process: the readers say who holds it
    other = Readers((A, B, C), blind, nodes.__getitem__, patience_s=60)
    assert other.open(BOOK).tokens == 0
    assert nodes.directory.holder(*BOOK) == C
    nodes[C].calls.clear()
    assert nodes.readers.open(BOOK).tokens == 0
    assert nodes[C].calls == ["open"]


def test_contexts_spread_over_readers_and_over_idle_ones_first() -> None:
    names = [Name("acme", f"book-{i}") for i in range(600)]
    equal = Counter(ranked(name, {A: Load(), B: Load(), C: Load()})[0] for name in names)
    assert min(equal.values()) > 150
    uneven = Counter(ranked(name, {A: Load(), B: Load(queued=9), C: Load()})[0] for name in names)
    assert 10 < uneven[B] < 60
    moved = [
        name
        for name in names
        if ranked(name, {A: Load(), C: Load()})[0] != ranked(name, dict.fromkeys((A, B, C), Load()))[0]
    ]
    assert len(moved) == equal[B], "where one goes, only what was its own moves"


def test_nodes_are_those_that_beat_where_any_do() -> None:
    nodes = Nodes(60)
    nodes[B].beat()
    nodes.readers.open(BOOK, create=True)
    assert nodes.directory.holder(*BOOK) == B
    unnamed = Readers((), nodes.directory, nodes.__getitem__, patience_s=60)
    assert unnamed.open(BOOK).tokens == 0


def test_what_a_dead_reader_held_is_opened_by_another_when_its_lease_is_over() -> None:
    nodes = Nodes()
    holder = nodes.holder()
    holder.dead = True
    nodes.store[BOOK] = "kept in the store"
    assert said(nodes.readers.ask(BOOK, "who?")) == "kept in the store "
    assert nodes.directory.holder(*BOOK) in {node.address for node in nodes.others(holder)}


def test_an_answer_that_broke_off_goes_on_where_another_reader_writes_the_same() -> None:
    nodes = Nodes()
    nodes.store[BOOK] = "call me Ishmael some years ago"
    nodes.holder().dies_behind = 3
    assert said(nodes.readers.ask(BOOK, "who?")) == "call me Ishmael some years ago "


def test_no_text_is_made_of_two_answers() -> None:
    nodes = Nodes()
    nodes.store[BOOK] = "call me Ishmael some years ago"
    nodes.holder().dies_behind = 3
    answer = nodes.readers.ask(BOOK, "who?")
    assert [next(answer) for _ in range(3)] == [Piece("call "), Piece("me "), Piece("Ishmael ")]
    nodes.store[BOOK] = "call me Jonah"
    with pytest.raises(BrokenOff, match="ask again") as broken:
        next(answer)
    assert isinstance(broken.value, Transient)


def test_an_answer_that_ends_before_what_was_given_out_is_another_one() -> None:
    nodes = Nodes()
    nodes.store[BOOK] = "call me Ishmael some years ago"
    nodes.holder().dies_behind = 3
    answer = nodes.readers.ask(BOOK, "who?")
    next(answer)
    next(answer)
    nodes.store[BOOK] = "call"
    with pytest.raises(BrokenOff):
        list(answer)


@pytest.mark.parametrize("read", [0, 1, 4, 5, 8, 11])
@pytest.mark.parametrize("pieces", [["once ", "and", " on"], [[1, 2, 3, 4, 5], [6, 7, 8], [9, 10, 11]]])
def test_a_read_goes_on_behind_what_a_reader_had_read_when_it_died(
    pieces: list[str | list[int]], read: int
) -> None:
    nodes = Nodes()
    nodes.store[BOOK] = "before "
    holder, whole = nodes.holder(), "".join(text(piece) for piece in pieces)

    def reads_some_and_dies(*_: object) -> None:
        nodes.store[BOOK] += whole[:read]
        holder.dead = True
        raise Unavailable("died before it said so")

    holder.read = reads_some_and_dies  # type: ignore[method-assign, assignment]
    taken = nodes.readers.read(BOOK, pieces, at_tokens=7)
    assert nodes.store[BOOK] == "before " + whole
    assert (taken.tokens, taken.state.tokens) == (11, 18)


def test_a_read_does_not_go_on_behind_what_another_caller_read() -> None:
    nodes = Nodes()
    holder = nodes.holder()

    def another_reads(*_: object) -> None:
        nodes.store[BOOK] += "something longer"
        holder.dead = True
        raise Unavailable("died")

    holder.read = another_reads  # type: ignore[method-assign, assignment]
    with pytest.raises(Interleaved, match="book: holds 16 tokens, 0 before"):
        nodes.readers.read(BOOK, ["once"])
    with pytest.raises(Changed, match="holds 16 tokens, not 3"):
        nodes.readers.read(BOOK, ["once"], at_tokens=3)
    assert nodes.store[BOOK] == "something longer"


@pytest.mark.parametrize("others", ["twice", "two", "onto", "once"])
def test_a_read_is_acknowledged_only_where_all_of_it_was_read(others: str) -> None:
    """What another caller read meanwhile may be as long as the beginning of this text, or as all of it."""
    nodes = Nodes()
    holder, other = nodes.holder(), nodes.readers

    def dies_and_another_reads(*_: object) -> None:
        holder.dead = True
        del holder.read
        other.read(BOOK, [others])
        raise Unavailable("died")

    holder.read = dies_and_another_reads  # type: ignore[method-assign, assignment]
    if others == "once":  # nobody can tell whose it is, and all of it is there
        assert nodes.readers.read(BOOK, ["on", "ce"]).state.tokens == 4
    else:
        with pytest.raises(Interleaved, match="read what it lacks") as told:
            nodes.readers.read(BOOK, ["on", "ce"])
        assert not isinstance(told.value, Transient), "nobody tries the same again by himself"
    assert nodes.store[BOOK] == others


def test_what_another_caller_reads_before_a_read_has_begun_does_not_matter() -> None:
    nodes = Nodes(60)
    holder = nodes.holder()
    read = holder.read

    def after_another(name: Name, *rest: Any) -> Taken:
        holder.read = read  # type: ignore[method-assign]
        nodes.readers.read(BOOK, ["first, "])
        return read(name, *rest)

    holder.read = after_another  # type: ignore[method-assign, assignment]
    taken = nodes.readers.read(BOOK, ["then"])
    assert (taken.tokens, nodes.store[BOOK]) == (4, "first, then")


def test_what_was_read_is_confirmed_by_a_reader_before_it_is_acknowledged() -> None:
    nodes = Nodes()
    holder = nodes.holder()

    def reads_all_and_dies(*_: object) -> None:
        nodes.store[BOOK] += "once"
        holder.dead = True
        raise Unavailable("died")

    holder.read = reads_all_and_dies  # type: ignore[method-assign, assignment]
    assert nodes.readers.read(BOOK, ["once"]).tokens == 4
    assert sum(node.calls.count("read") for node in nodes.others(holder)) == 1
    assert nodes.store[BOOK] == "once"


def test_pieces_that_come_once_are_sent_once() -> None:
    nodes = Nodes()
    nodes.holder()
    taken = nodes.readers.read(BOOK, iter(["one ", "two"]))
    assert (taken.tokens, nodes.store[BOOK]) == (7, "one two")


def test_errors_of_the_caller_come_back_at_once() -> None:
    nodes = Nodes(60)
    with pytest.raises(UnknownContext):
        nodes.readers.open(BOOK)
    assert sum(len(node.calls) for node in nodes.values()) == 1


def test_a_busy_reader_is_the_callers_to_wait_for() -> None:
    nodes = Nodes(60)
    holder = nodes.holder()

    def busy(*_: object) -> None:
        raise Busy("queue full", 1.5)

    holder.retrieve = busy  # type: ignore[method-assign, assignment]
    with pytest.raises(Busy) as refused:
        nodes.readers.retrieve(BOOK, "who?")
    assert refused.value.retry_after_s == 1.5


def test_a_call_ends_by_its_deadline_and_says_why() -> None:
    nodes = Nodes(60)
    nodes.holder().dead = True
    with pytest.raises(Unavailable, match=r"book: no reader can answer now: .*holds it"):
        nodes.readers.retrieve(BOOK, "who?", timeout_s=0.5)
    with pytest.raises(DeadlinePassed):
        nodes.readers.retrieve(BOOK, "who?", timeout_s=0.0)


@dataclass
class Clock:
    """Stands in for the module `time`."""

    now: float = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("tasks.serve.readers.time", clock)
    return clock


def test_waiting_for_a_dead_reader_gives_a_call_no_deadline(clock: Clock) -> None:
    nodes = Nodes(10.0, clock.monotonic)
    holder = nodes.holder()
    holder.dead = True
    nodes.readers.retrieve(BOOK, "who?")
    assert clock.now > 1010
    assert [node.timeouts for node in nodes.others(holder) if node.timeouts] == [[None]]
    nodes.holder().dead = True
    with pytest.raises(Unavailable, match="no reader can answer now"):
        nodes.readers.retrieve(BOOK, "who?", timeout_s=5.0)


def test_patience_begins_anew_where_a_reader_went_on_with_the_call(clock: Clock) -> None:
    """Two readers die in one answer, and patience is for the lease of one."""
    nodes = Nodes(10.0, clock.monotonic)
    nodes.store[BOOK] = "call me Ishmael some years ago"
    impatient = Readers(tuple(nodes), nodes.directory, nodes.__getitem__, patience_s=15.0)
    nodes.holder().dies_behind = 1
    words = list[str]()
    for part in impatient.ask(BOOK, "who?"):
        words += [part.text] if isinstance(part, Piece) else []
        if len(words) == 2:
            nodes[nodes.directory.holder(*BOOK) or ""].dies_behind = 3
    assert "".join(words) == "call me Ishmael some years ago "
    assert clock.now > 1020
    nodes.holder().dead = True
    with pytest.raises(Unavailable, match="no reader can answer now"):
        Readers(tuple(nodes), nodes.directory, nodes.__getitem__, patience_s=5.0).retrieve(BOOK, "who?")


@pytest.mark.parametrize("method", ["read", "ask"])
def test_time_with_a_reader_that_died_in_the_end_is_none_of_our_patience(clock: Clock, method: str) -> None:
    """Whoever holds the context is dead, and the next one works for long and dies without a word."""
    nodes, died = Nodes(10.0, clock.monotonic), list[Node]()
    nodes.store[BOOK] = "call me"
    patient = Readers(tuple(nodes), nodes.directory, nodes.__getitem__, patience_s=25.0)
    first = nodes.holder()
    first.dead = True

    def works_and_dies(node: Node, whole: Callable[..., Any]) -> Callable[..., Any]:
        def work(*given: Any) -> Any:
            if died:
                return whole(*given)
            node._claim(method, BOOK)
            clock.now += 600
            nodes.directory.claim(*BOOK, node.address)  # its heartbeats kept the lease until now
            node.dead = True
            died.append(node)
            raise Unavailable("died")

        return work

    for node in nodes.others(first):
        setattr(node, method, works_and_dies(node, getattr(node, method)))
    if method == "read":
        assert patient.read(BOOK, [" Ishmael"]).state.chars == len("call me Ishmael")
    else:
        assert said(patient.ask(BOOK, "who?")) == "call me "
    assert len(died) == 1
    assert 1620 < clock.now < 1630
    nodes.holder().dead = True
    with pytest.raises(Unavailable, match="no reader can answer now"):
        patient.retrieve(BOOK, "who?", timeout_s=5.0)


def test_where_no_reader_is_known_the_remedy_is_said() -> None:
    directory: Directory = LocalDirectory(60)
    nobody = Readers((), directory, lambda address: pytest.fail(address), patience_s=0.1)
    with pytest.raises(Unavailable, match="nightread serve reader"):
        nobody.open(BOOK)
    with pytest.raises(Unavailable, match="nightread serve reader"):
        nobody.stats()


def test_stats_are_sums_over_those_that_live_and_doors_are_shut_once() -> None:
    nodes = Nodes()
    nodes[B].dead = True
    stats = nodes.readers.stats()
    assert (stats.contexts, stats.seconds, stats.node, stats.model) == (2, 1, "", "none")
    nodes.readers.shut()
    nodes.readers.shut()
    assert [node.shuts for node in nodes.values()] == [1, 1, 1]
