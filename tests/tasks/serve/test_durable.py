"""What is durable: what a node that is killed, a crash and a disk that is full or fails leave of a context.

Run: pytest tests/tasks/serve/test_durable.py
"""

import errno
import os
import time
from pathlib import Path

import pytest

from model.context import checkpoint
from model.context.context import Context
from tasks.errors import InvalidInput
from tasks.serve.contexts import CHECKPOINT, TRANSCRIPT
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Failed, Name
from tasks.serve.transcript import Transcript
from tests.model.rows import files_of_at_most
from tests.tasks.serve.readers import LEASE_S, NAME, Start, Tiny, answered, text_of, until

TEXT = text_of(60)
QUESTION = "How many pages did the 7th keeper write?"


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
