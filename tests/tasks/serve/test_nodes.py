"""Nodes that share a home: who holds a context, who opens it next, what is lost, and what never is.

Run: pytest tests/tasks/serve/test_nodes.py
"""

import threading
import zlib
from collections.abc import Callable, Iterator

import pytest

from tasks.errors import InvalidInput
from tasks.serve.contexts import TRANSCRIPT
from tasks.serve.directory.base import Quota
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Busy, Changed, Done, HeldElsewhere, Name, Piece, Unavailable
from tasks.serve.embedded import Embedded
from tasks.serve.engine import Limits
from tasks.serve.readers import Readers
from tasks.serve.resuming import Interleaved
from tests.tasks.serve.readers import LEASE_S, NAME, Start, Tiny, answered, text_of, until

TEXT = text_of(60)
QUESTION = "How many pages did the 7th keeper write?"


def test_a_context_is_asked_where_it_is_held_and_opened_elsewhere_when_that_node_stops(start: Start) -> None:
    directory = LocalDirectory(LEASE_S)
    one, two = start(directory, "one:1"), start(directory, "two:2")
    read = one.read(NAME, [TEXT]).state
    told = answered(one, NAME, QUESTION)
    for call in (
        lambda: two.open(NAME),
        lambda: list(two.ask(NAME, QUESTION)),
        lambda: two.close(NAME, True),
    ):
        with pytest.raises(HeldElsewhere) as error:
            call()
        assert error.value.address == "one:1"
    one.shut()
    with pytest.raises(Unavailable, match="shutting down"):
        one.open(NAME)
    assert two.open(NAME).tokens == read.tokens
    assert answered(two, NAME, QUESTION)[0] == told[0]
    assert directory.holder(*NAME) == "two:2"


class Breaking(list[str]):
    """Pieces, behind the first of which something happens, once: as soon as some of that was read."""

    def __init__(self, pieces: list[str], node: Embedded, happens: Callable[[], object]) -> None:
        super().__init__(pieces)
        self.node, self.happens, self.happened = node, happens, False

    def __iter__(self) -> Iterator[str]:
        first, *rest = [self[place] for place in range(len(self))]
        yield first
        if not self.happened:
            self.happened = True
            until(lambda: self.node.engine.calls.tokens_read > 0)
            self.happens()
        yield from rest


@pytest.fixture
def both(start: Start) -> tuple[Readers, Embedded, Embedded]:
    """Two nodes, of which the first holds the context, and the door to both."""
    directory = LocalDirectory(LEASE_S)
    one, two = (start(directory, address) for address in ("one:1", "two:2"))
    one.open(NAME, create=True)
    return Readers(("one:1", "two:2"), directory, {"one:1": one, "two:2": two}.__getitem__), one, two


def test_a_read_is_gone_on_with_behind_what_was_read_when_its_node_stopped(
    both: tuple[Readers, Embedded, Embedded],
) -> None:
    readers, one, two = both
    text = text_of(300)
    taken = readers.read(NAME, Breaking([text, TEXT], one, lambda: one.engine.stop(0.0)), at_tokens=0)
    assert 0 < one.engine.calls.tokens_read < taken.tokens == taken.state.tokens
    state = two.open(NAME)
    assert (state.chars, state.text_crc) == (len(text + TEXT), zlib.crc32((text + TEXT).encode()))


def test_a_read_is_not_acknowledged_where_another_callers_came_between(
    both: tuple[Readers, Embedded, Embedded],
) -> None:
    """However long that was: here both together are as long as this text."""
    readers, one, two = both
    text, others = text_of(300), "."

    def stops_and_another_reads() -> None:
        nonlocal others
        one.engine.stop(0.0)
        held = two.open(NAME)
        others = "x" * (len(text + TEXT) - held.chars)
        two.read(NAME, [others])

    pieces = Breaking([text, TEXT], one, stops_and_another_reads)
    with pytest.raises(Interleaved, match="others read into it"):
        readers.read(NAME, pieces, at_tokens=0)
    state = readers.open(NAME)
    with pytest.raises(Changed):
        readers.read(NAME, pieces, at_tokens=0)
    again = readers.read(NAME, pieces, at_tokens=state.tokens)
    read = text[: state.chars - len(others)] + others + text + TEXT
    assert again.state.text_crc == zlib.crc32(read.encode())


def test_the_load_that_a_node_tells_is_its_own(start: Start) -> None:
    directory = LocalDirectory(1.0)
    door = start(directory, "one:1")
    tokens = door.read(NAME, [TEXT]).state.tokens
    until(lambda: [one.tokens for one in directory.held("one:1")] == [tokens])
    assert directory.nodes()["one:1"].contexts == 1
    (held,) = directory.held("one:1")
    assert held.claim.key == NAME.key
    assert held.bytes > 0
    assert len(held.topic) > 8
    door.shut()
    assert directory.nodes() == {}


def test_what_another_node_claimed_meanwhile_is_not_saved_over(start: Start) -> None:
    """Two directories that do not know of each other: as after one was lost. The later claim wins."""
    one, two = start(LocalDirectory(LEASE_S), "one:1"), start(LocalDirectory(LEASE_S), "two:2")
    first = one.read(NAME, [TEXT]).state
    one.save(NAME)
    second = two.read(NAME, [" Then two went on."]).state
    assert second.tokens > first.tokens
    with pytest.raises(Unavailable, match="another node claimed it meanwhile"):
        one.read(NAME, [" One did not know."])
    state = one.open(NAME)
    assert state.chars == second.chars == len(TEXT + " Then two went on.")
    last = max(one.retrieve(NAME, "two", 256).blocks, key=lambda block: block.token_end)
    assert last.text.endswith(" Then two went on.")


def test_a_lease_that_ran_out_is_taken_again_where_nobody_else_took_it(start: Start) -> None:
    directory = LocalDirectory(LEASE_S)
    door = start(directory, "one:1")
    door.read(NAME, [TEXT])
    door.engine.claims.until.clear()
    assert answered(door, NAME, QUESTION)[1].tokens > 0
    hot = door.engine.contexts.hot[NAME]
    assert door.engine.claims.holds(hot.claim)


def test_a_context_that_was_lost_is_dropped_and_its_calls_are_told(start: Start) -> None:
    directory = LocalDirectory(0.5)
    door = start(directory, "one:1", Limits(contexts=2))
    door.read(NAME, [TEXT])
    with directory.lock:  # as if its lease had run out and another node had claimed it
        del directory.leases[NAME]
    directory.claim(*NAME, "two:2")
    until(lambda: NAME not in door.engine.contexts.hot)
    with pytest.raises(HeldElsewhere):
        door.retrieve(NAME, QUESTION)


def test_contexts_above_the_budget_go_to_the_disk_and_come_back(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S), limits=Limits(contexts=2))
    names = [Name("", f"night-{number}") for number in range(4)]
    texts = [text_of(30, 1000 * number) for number in range(4)]
    for name, text in zip(names, texts, strict=True):
        door.read(name, [text])
    assert set(door.engine.contexts.hot) == set(names[2:])
    for name, text in zip(names, texts, strict=True):
        assert {block.text in text for block in door.retrieve(name, QUESTION).blocks} == {True}
        assert door.stats().contexts <= 2
    one = door.ask(names[0], QUESTION, 500)
    assert isinstance(next(one), Piece)
    for name in names[1:]:
        door.open(name)
    one.close()  # type: ignore[attr-defined]


def test_a_context_that_is_evicted_when_it_is_another_nodes_by_then_fails_no_other_call(start: Start) -> None:
    one = start(LocalDirectory(LEASE_S), "one:1", Limits(contexts=1))
    one.read(NAME, [TEXT])
    two = start(LocalDirectory(LEASE_S), "two:2")
    read = two.read(NAME, [" Then two went on."]).state
    assert one.read(Name("", "other"), [TEXT]).tokens > 0
    assert set(one.engine.contexts.hot) == {Name("", "other")}
    assert two.open(NAME).tokens == read.tokens


def test_bytes_are_a_budget_too_and_what_can_be_read_again_goes_first(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S), limits=Limits(contexts=8))
    names = [Name("", "one"), Name("", "two"), Name("", "three")]
    for name in names[:2]:
        door.read(name, [text_of(60)])
        answered(door, name, QUESTION)
    contexts = door.engine.contexts
    kept = contexts.hot[names[0]].context.recompute.kept
    assert kept
    object.__setattr__(contexts.budget, "bytes", contexts.bytes + 1000)
    door.read(names[1], [text_of(60)])
    assert not kept
    assert set(contexts.hot) == set(names[:2])
    object.__setattr__(contexts.budget, "bytes", contexts.hot[names[0]].bytes * 2)
    door.read(names[2], [text_of(60)])
    assert names[2] in contexts.hot
    assert len(contexts.hot) < 3


def test_without_room_for_another_context_the_call_is_told_to_come_again(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S), limits=Limits(contexts=1))
    started, go_on = threading.Event(), threading.Event()

    def pieces() -> Iterator[str]:
        yield TEXT
        started.set()
        assert go_on.wait(120)
        yield TEXT

    reading = threading.Thread(target=door.read, args=(NAME, pieces()))
    reading.start()
    started.wait(120)
    until(lambda: bool(door.engine.contexts.hot))
    with pytest.raises(Busy, match="all 1 contexts of this node are in use"):
        door.open(Name("", "other"), create=True)
    go_on.set()
    reading.join()
    assert door.open(Name("", "other"), create=True).tokens == 0


def test_a_tenant_above_its_quota_gives_up_what_it_uses_least(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S, Quota(contexts=2)))
    for key in ("one", "two", "three"):
        door.read(Name("acme", key), [TEXT])
    assert {name.key for name in door.engine.contexts.hot} == {"two", "three"}
    door.read(Name("other", "one"), [TEXT])
    folders = door.engine.contexts.home
    assert (folders / "tenants" / "acme" / "contexts" / "one" / TRANSCRIPT).exists()
    assert not (folders / "contexts").exists()


def test_another_models_context_is_refused(start: Start, tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    door = start(LocalDirectory(LEASE_S))
    door.read(NAME, [TEXT])
    door.close(NAME)
    monkeypatch.setitem(tiny.reader.__dict__, "weights", "of another")
    with pytest.raises(InvalidInput, match="another model"):
        door.open(NAME)


def test_stopping_finishes_the_answer_that_is_being_written(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S))
    door.read(NAME, [TEXT])
    answer = door.ask(NAME, QUESTION, 30)
    next(answer)
    stopping = threading.Thread(target=door.engine.stop, args=(120.0,))
    stopping.start()
    *_, done = answer
    assert isinstance(done, Done)
    stopping.join()


def test_questions_go_first_and_reading_is_not_forgotten(start: Start) -> None:
    """While a long text is read, questions are answered; while there are always questions, it is read."""
    door = start(LocalDirectory(LEASE_S))
    door.read(NAME, [TEXT])
    long, ended = Name("", "long"), threading.Event()

    def read() -> None:
        door.read(long, [text_of(600)])
        ended.set()

    threading.Thread(target=read).start()
    until(lambda: door.stats().reads_queued == 1)
    asked = 0
    while not ended.is_set():
        assert answered(door, NAME, QUESTION, 2)[1].tokens > 0
        asked += 1
    assert asked > 3
