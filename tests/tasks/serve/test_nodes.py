"""Nodes that share a home: who holds a context, who opens it next, what is lost, and what never is.

Run: pytest tests/tasks/serve/test_nodes.py
"""

import errno
import os
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from model.context import checkpoint
from model.context.context import Context
from tasks.errors import InvalidInput
from tasks.serve.contexts import CHECKPOINT, TRANSCRIPT
from tasks.serve.directory.base import Quota
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Busy, Changed, Done, Failed, HeldElsewhere, Name, Piece, Unavailable
from tasks.serve.embedded import Embedded
from tasks.serve.engine import Engine, Limits
from tasks.serve.readers import Readers
from tasks.serve.resuming import Interleaved
from tasks.serve.transcript import Transcript
from tests.model.rows import files_of_at_most
from tests.tasks.serve.readers import NAME, Tiny, answered, text_of

TEXT = text_of(60)
QUESTION = "How many pages did the 7th keeper write?"
LEASE_S = 600.0

Start = Callable[..., Embedded]


@pytest.fixture
def start(tiny: Tiny, tmp_path: Path) -> Iterator[Start]:
    """Starts nodes, all of one home; they are stopped at the end."""
    engines: list[Engine] = []

    def start(directory: LocalDirectory, node: str = "here", limits: Limits | None = None) -> Embedded:
        engines.append(tiny.engine(tmp_path, directory, node, limits))
        return Embedded(engines[-1])

    yield start
    for engine in engines:
        engine.stop(0.0)


def until(true: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 120
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


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


def test_what_was_confirmed_is_there_though_no_checkpoint_was_ever_written(
    start: Start, tiny: Tiny, tmp_path: Path
) -> None:
    """The node is not stopped: as one that was killed, whose claim is over."""
    door = start(LocalDirectory(LEASE_S))
    door.engine.contexts.save = lambda hot: None  # type: ignore[method-assign]
    read = door.read(NAME, [TEXT]).state
    told = answered(door, NAME, QUESTION)
    assert not checkpoint.exists(tmp_path / "contexts" / NAME.key / CHECKPOINT)
    door.engine.contexts.hot[NAME].context.close()
    again = start(LocalDirectory(LEASE_S))
    state = again.open(NAME)
    assert (state.tokens, state.chars) == (read.tokens, read.chars)
    assert answered(again, NAME, QUESTION)[0] == told[0]


def test_a_damaged_checkpoint_is_made_again_from_the_transcript(start: Start, tmp_path: Path) -> None:
    door = start(LocalDirectory(LEASE_S))
    door.read(NAME, [TEXT])
    told = answered(door, NAME, QUESTION)
    door.close(NAME)
    (window,) = (tmp_path / "contexts" / NAME.key / CHECKPOINT).glob("*window*")
    window.write_bytes(window.read_bytes()[:-7] + b"rubbish")
    assert answered(door, NAME, QUESTION)[0] == told[0]


def test_a_transcript_that_a_crash_cut_short_ends_with_its_last_whole_record(
    start: Start, tmp_path: Path
) -> None:
    door = start(LocalDirectory(LEASE_S))
    first = door.read(NAME, [TEXT]).state
    door.close(NAME)
    file = tmp_path / "contexts" / NAME.key / TRANSCRIPT
    with file.open("ab") as added:
        added.write(b"\x05\0\0\0" + bytes(40))
    assert door.open(NAME).tokens == first.tokens
    door.read(NAME, [" More."])
    door.close(NAME)
    assert door.open(NAME).chars == len(TEXT) + len(" More.")


def test_a_full_disk_is_told_and_reading_goes_on_when_there_is_room(start: Start) -> None:
    door = start(LocalDirectory(LEASE_S))
    first = door.read(NAME, [TEXT]).state
    with files_of_at_most(1000), pytest.raises(Failed, match="disk is full"):
        door.read(NAME, [TEXT])
    assert door.open(NAME).tokens == first.tokens
    assert door.read(NAME, [TEXT], at_tokens=first.tokens).state.chars == 2 * len(TEXT)


def test_a_transcript_that_cannot_be_begun_leaves_no_file_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a context of that name would be known, and the disk have no room to forget it."""
    path, opened = tmp_path / TRANSCRIPT, set(os.listdir("/proc/self/fd"))
    with files_of_at_most(10), pytest.raises(OSError, match="File too large"):
        Transcript(path, "ours")
    assert not path.exists()
    Transcript(path, "ours").close()
    with pytest.raises(InvalidInput, match="read by another model than theirs"):
        Transcript(path, "theirs")

    def fails(*_: object) -> bool:
        raise OSError(errno.EIO, "the disk failed")

    with monkeypatch.context() as patch:
        patch.setattr(Transcript, "_load", fails)
        with pytest.raises(OSError, match="the disk failed"):
            Transcript(path, "ours")
    assert path.exists(), "what was there before is not deleted"
    assert set(os.listdir("/proc/self/fd")) == opened


def test_a_context_that_cannot_be_saved_holds_up_no_other_and_is_told_once(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("tasks.serve.contexts.SAVE_AGAIN_S", 0.01)
    door, save, tried = start(LocalDirectory(LEASE_S)), checkpoint.save, list[str]()

    def fails_for_one(context: Context, folder: Path) -> None:
        tried.append(folder.parent.name)
        if folder.parent.name == "one":
            raise OSError(errno.ENOSPC, "no room", str(folder))
        save(context, folder)

    monkeypatch.setattr(checkpoint, "save", fails_for_one)
    for key in ("one", "two", "three"):
        door.read(Name("", key), ["A few words."])
    hot = door.engine.contexts.hot
    until(lambda: [hot[Name("", key)].unsaved > 0 for key in ("one", "two", "three")] == [True, False, False])
    until(lambda: tried.count("one") > 3)
    assert [tried.count(key) for key in ("two", "three")] == [1, 1]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("one: a checkpoint failed, and is tried again")
    assert "OSError (no room)" in told
    door.close(Name("", "one"))
    assert caplog.records[-1].getMessage().startswith("one: left to its transcript")
    door.open(Name("", "one"))
    monkeypatch.setattr(checkpoint, "save", save)
    until(lambda: hot[Name("", "one")].unsaved == 0)


def test_a_transcript_that_cannot_be_made_durable_holds_up_no_other_context(
    start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a disk with an error that stays; what cannot be saved is evicted all the same, and that is told."""
    door, sync, tried = start(LocalDirectory(LEASE_S)), Transcript.sync, list[str]()

    def fails_for_one(transcript: Transcript) -> None:
        tried.append(transcript.path.parent.name)
        if tried[-1] == "one" and len(door.engine.contexts.hot) > 1:
            raise OSError(errno.EIO, "the disk failed", str(transcript.path))
        sync(transcript)

    monkeypatch.setattr(Transcript, "sync", fails_for_one)
    monkeypatch.setattr("tasks.serve.contexts.SAVE_AGAIN_S", 600.0)
    with monkeypatch.context() as patch:
        patch.setattr("tasks.serve.engine.Engine._rest", lambda engine: engine.stopping.wait(0.01))
        for key in ("one", "two"):
            door.read(Name("", key), ["A few words."])
    hot = door.engine.contexts.hot
    until(lambda: hot[Name("", "two")].unsaved == 0)
    assert hot[Name("", "one")].unsaved
    assert hot[Name("", "one")].save_again > time.monotonic()
    (told,) = caplog.messages  # it is left alone for a while
    assert told.startswith("a turn failed: OSError (the disk failed)")
    with pytest.raises(Failed, match="its log says where"):
        door.read(Name("", "one"), ["More words."])
    state = door.open(Name("", "one"))
    assert 0 < state.saved < state.tokens, "of those behind it nobody knows whether they outlive the node"
    asked = tried.count("one")
    door.engine.contexts._evict(hot[Name("", "one")])
    assert caplog.messages[-1].startswith("one: evicted, and its disk may not hold it: OSError")
    assert tried.count("one") == asked + 1


def test_what_is_in_the_transcript_is_acknowledged_though_the_disk_has_no_room_for_a_checkpoint(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    door = start(LocalDirectory(LEASE_S))
    with files_of_at_most(30_000):
        read = door.read(NAME, [TEXT]).state
        assert door.engine.contexts.hot[NAME].checkpointed == 0
        assert read.chars == len(TEXT)
        with pytest.raises(Failed, match="disk is full"):
            door.save(NAME)
        door.close(NAME)
        assert not list((door.engine.contexts.home / "contexts" / NAME.key).rglob("*window*"))
    assert caplog.text.count("a checkpoint failed, and is tried again") == 1
    assert caplog.text.count("left to its transcript, a checkpoint failed") == 1
    assert door.open(NAME).text_crc == read.text_crc
    assert door.save(NAME).saved == read.tokens
    assert door.engine.contexts.hot[NAME].unsaved == 0


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
