"""What is pending in a watched place survives everything, and leaves only behind a run that finished.

Run: pytest tests/tasks/ingest/watch/test_state.py
"""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidInput
from tasks.ingest.storage import Found
from tasks.ingest.watch.state import State, claimed

PLACE = "s3://papers/inbox"
Listing = dict[str, str]


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with claimed(tmp_path, PLACE) as one:
        yield one


def listed(files: Listing) -> list[Found]:
    return [Found(f"{PLACE}/{name}", version, 1) for name, version in files.items()]


def held(files: Listing) -> list[tuple[str, str]]:
    return [(f"{PLACE}/{name}", version) for name, version in files.items()]


def counts(state: State, files: Listing) -> tuple[int, int, int]:
    found = state.look(listed(files))
    return found.new, found.changed, found.gone


def read(state: State, files: Listing) -> None:
    """A run that reads exactly this."""
    state.look(listed(files))
    state.settle(held(files))


def test_what_a_run_has_read_is_pending_no_more_and_what_came_meanwhile_is(state: State) -> None:
    assert counts(state, {"a": "1", "b": "1"}) == (2, 0, 0)
    state.settle(held({"a": "1", "b": "1"}))
    assert counts(state, {"a": "1", "b": "2", "c": "1"}) == (1, 1, 0)


def test_without_a_finished_run_everything_stays_pending_over_restarts(tmp_path: Path) -> None:
    for _ in range(2):
        with claimed(tmp_path, PLACE) as state:
            assert counts(state, {"a": "1"}) == (1, 0, 0)


def test_two_looks_at_the_same_have_one_digest_and_any_difference_has_another(state: State) -> None:
    looks = [state.look(listed(files)).digest for files in ({"a": "1"}, {"a": "1"}, {"a": "2"}, {"b": "1"})]
    assert looks[0] == looks[1]
    assert len(set(looks)) == 3
    assert state.look([]).digest == ""


def test_what_is_gone_is_pending_once(state: State) -> None:
    read(state, {"a": "1", "b": "1"})
    assert counts(state, {"a": "1"}) == (0, 0, 1)
    assert state.settle(held({"a": "1"})) == 0
    assert counts(state, {"a": "1"}) == (0, 0, 0)


def test_what_is_gone_and_was_kept_is_pending_again_only_when_it_may_be_retired(state: State) -> None:
    read(state, {"a": "1", "b": "1"})
    state.look(listed({}))
    assert state.settle(held({"a": "1", "b": "1"}), keep_gone=True) == 2
    assert counts(state, {}) == (0, 0, 0)
    state.look_for_gone()
    assert counts(state, {}) == (0, 0, 2)


def test_what_comes_back_unchanged_after_it_was_kept_is_not_pending(state: State) -> None:
    read(state, {"a": "1"})
    state.look(listed({}))
    state.settle(held({"a": "1"}), keep_gone=True)
    assert counts(state, {"a": "1"}) == (0, 0, 0)
    assert state.count() == (1, 0)


def test_what_memory_holds_already_needs_no_run(state: State) -> None:
    state.look(listed({"a": "1", "b": "2"}))
    left = state.update(held({"a": "1", "b": "1"}))
    assert (left.changed, left.names) == (1, (f"{PLACE}/b",))


def test_what_came_and_went_between_two_looks_is_gone_like_everything_else(state: State) -> None:
    state.look(listed({"a": "1"}))
    state.settle(held({"a": "1", "b": "1"}))
    assert counts(state, {"a": "1"}) == (0, 0, 1)


def test_what_a_run_left_is_tried_at_once_and_then_more_and_more_seldom(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e9
    monkeypatch.setattr("tasks.ingest.watch.state.time", SimpleNamespace(time=lambda: now))
    for wait in (0, 60, 120, 240):
        assert counts(state, {"a": "1"}) == (1, 0, 0)
        state.settle([])
        if wait:
            now += wait - 1
            assert counts(state, {"a": "1"}) == (0, 0, 0)
            now += 1
    assert counts(state, {"a": "2"}) == (1, 0, 0)


def test_what_could_not_be_opened_is_tried_again_later(state: State, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1e9
    monkeypatch.setattr("tasks.ingest.watch.state.time", SimpleNamespace(time=lambda: now))
    state.look(listed({"a": "1", "b": "1"}))
    for wait in (60, 60, 120):
        state.settle(held({"a": "1", "b": "1"}), [f"{PLACE}/a"])
        now += wait - 1
        assert counts(state, {"a": "1", "b": "1"}) == (0, 0, 0)
        now += 1
        assert counts(state, {"a": "1", "b": "1"}) == (0, 1, 0)
    state.settle(held({"a": "1", "b": "1"}))
    now += 1e6
    assert counts(state, {"a": "1", "b": "1"}) == (0, 0, 0)


def test_one_watcher_holds_a_place(tmp_path: Path) -> None:
    with claimed(tmp_path, PLACE):
        with pytest.raises(InvalidInput, match="watched already"), claimed(tmp_path, PLACE):
            pass
        with claimed(tmp_path, "s3://papers/other"):
            pass
    with claimed(tmp_path, PLACE):
        pass


def test_no_name_of_a_source_is_kept(tmp_path: Path) -> None:
    with claimed(tmp_path, PLACE) as state:
        read(state, {"the-affair-of-the-necklace.txt": "1"})
        state.look(listed({"the-affair-of-the-necklace.txt": "2"}))
    assert b"necklace" not in b"".join(path.read_bytes() for path in (tmp_path / "watch").iterdir())


FILES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from("123"))


@given(st.lists(st.tuples(FILES, FILES, st.booleans()), max_size=6), FILES)
def test_exactly_what_differs_from_memory_is_pending_whatever_runs_saw(
    tmp_path_factory: pytest.TempPathFactory, nights: list[tuple[Listing, Listing, bool]], now: Listing
) -> None:
    memory: Listing = {}
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as monkeypatch, claimed(home, PLACE) as state:
        for at_look, at_run, finishes in nights:
            state.look(listed(at_look))
            state.update(held(memory))
            if finishes:
                memory = at_run  # a run sees what came and went after the look
                state.settle(held(memory))
        # what runs left is tried again by then
        monkeypatch.setattr("tasks.ingest.watch.state.time", SimpleNamespace(time=lambda: 1e12))
        state.look(listed(now))
        found = state.update(held(memory))
        left = {name for name in now if state.is_pending(f"{PLACE}/{name}")}
        assert {name for name in now if memory.get(name) != now[name]} == left
        assert found.gone == len(memory.keys() - now.keys())
