"""Memories stay open within bounds: one is read at a time, few at once, and what was let go stays away."""

import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread
from threading import enumerate as running

import pytest

from tasks.memory.reader import Memory
from tasks.recall import opened
from tasks.recall.ask.features import stems_of
from tasks.recall.duplicates import fingerprint
from tasks.recall.opened import Kept, Opened, keep
from tests.tasks.memory.rows import put


@pytest.fixture(autouse=True)
def _nothing_is_read_afterwards() -> Iterator[None]:
    yield
    wait()


def readers() -> list[Thread]:
    return [one for one in running() if one.name == "keep-records"]


def wait() -> None:
    for one in readers():
        one.join(60)


def homes(folder: Path, count: int) -> list[Path]:
    found = [folder / f"h{number}" for number in range(count)]
    for number, home in enumerate(found):
        put(home, "r1", [f"d{number}"])
    return found


def test_memories_are_read_one_at_a_time_and_not_once_they_are_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, may_read, read = Event(), Event(), list[str]()

    def slowly(memory: Memory) -> None:
        read.append(memory.home.name)
        begun.set()
        assert may_read.wait(60)
        keep(memory)

    monkeypatch.setattr(opened, "keep", slowly)
    monkeypatch.setattr(opened, "MOST_OPEN", 2)
    kept = Kept("")
    first, *others = homes(tmp_path, 4)
    one = kept.of(first)
    assert begun.wait(60)
    later = [kept.of(home) for home in others]
    assert len(readers()) == 1
    may_read.set()
    wait()
    assert read == ["h0", "h3", "h2"], "h1 was let go before its turn"
    assert [bool(some.memory.resident) for some in (one, *later)] == [True, False, True, True]
    assert kept.of(others[2]) is later[2]
    assert kept.of(first) is not one


def test_all_together_take_no_more_memory_than_they_may(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = homes(tmp_path, 3)
    kept = Kept("")
    first = kept.of(some[0])
    wait()
    each = first.memory.kept_bytes
    assert each > 5 * 2 * 256 * 4, "vectors in both columns of five records, and what is shown"
    monkeypatch.setattr(opened, "MOST_BYTES", int(2.5 * each))
    second = kept.of(some[1])
    wait()
    assert kept.of(some[0]) is first, "asked after the second"
    third = kept.of(some[2])
    wait()
    assert kept.of(some[0]) is first
    assert kept.of(some[2]) is third
    assert kept.of(some[1]) is not second


def test_of_an_erased_text_nothing_is_kept_once_its_memory_is_dropped(tmp_path: Path) -> None:
    kept = Kept("")
    (home,) = homes(tmp_path, 1)
    text = kept.of(home).memory.rows(columns=["text"], limit=1)[0]["text"]
    of_text: list[Callable[[], object]] = [weakref.ref(fingerprint(text)), weakref.ref(stems_of(text))]
    assert all(one() is not None for one in of_text), "kept for the next question"
    kept.drop(home)
    assert [one() for one in of_text] == [None, None]


def test_a_memory_that_was_being_opened_when_its_home_was_dropped_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home,) = homes(tmp_path, 1)
    is_open, goes_on, found = Event(), Event(), list[Opened]()
    open_one = opened.opened

    def slowly(home: Path, embedder: str) -> Opened:
        one = open_one(home, embedder)
        is_open.set()
        assert goes_on.wait(60)
        return one

    kept = Kept("")
    monkeypatch.setattr(opened, "opened", slowly)
    asking = Thread(target=lambda: found.append(kept.of(home)))
    dropping = Thread(target=kept.drop, args=(home,))
    asking.start()
    assert is_open.wait(60)
    dropping.start()
    dropping.join(0.5)  # it has looked by then, if it does not wait
    goes_on.set()
    asking.join(60)
    dropping.join(60)
    assert kept.of(home) is not found[0]
