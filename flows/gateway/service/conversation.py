"""A conversation as one context of a reader: what is new of it is read, and the last message is asked.

The idea: a program sends all of a conversation every time, and reading it again would cost what the context
was made for. So which messages were read is noted beside the context, by their hashes; one that is sent again
is passed over, and where the reader holds less than is noted, all that is sent is read. What is about to be
read is noted too: a read that broke off has left a beginning of it, behind which the next one goes on. The
note holds of that very context alone: one that others forgot and began anew is read from the beginning.
"""

import hashlib
import json
import threading
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastapi import HTTPException

from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from model.files import write_atomic
from tasks.errors import InvalidInput
from tasks.memory.tenants import named
from tasks.serve import resuming
from tasks.serve.door import (
    MOST_NEW_TOKENS,
    NEW_TOKENS,
    Busy,
    Done,
    Name,
    Piece,
    ReaderDoor,
    State,
    UnknownContext,
)
from tasks.serve.places import folder_of

FOLDER = "conversations"
"""Of a home: what is noted of them, a file each."""
BEHIND = "\n\n"
"""Behind every message."""
PATIENCE_S = 600.0
"""For a context to be read, or an answer to be written."""
AGAIN_S = 2.0
NOTHING = State(0, 0, 0, 0, 0, 0, 0)
"""A context that was never read."""
_READING: set[Path] = set()
"""Notes of contexts that a request reads into now."""
_LOCK = threading.Lock()


class Context:
    """A context of one caller's tenant.

    Raises:
        HTTPException: 503 if there is no reader.
        InvalidInput: if no key is given, or it is no plain name.
    """

    def __init__(self, doors: Doors, who: Caller, key: str | None) -> None:
        if doors.reader is None:
            raise HTTPException(
                503,
                "no reader is here: start nightread serve, which has one, or name serve.readers",
                {"x-should-retry": "false"},  # OpenAI's client would try again at once
            )
        if key is None:
            raise InvalidInput("memory_key: name the context that the messages are read into")
        self.noted = named("memory_key", who.home / FOLDER, key).with_name(f"{key}.json")
        self.key, self.name, self.may_write = key, Name(who.tenant, key), who.may_write
        self._folder, self._reader = folder_of(Path(doors.config.home), self.name), doors.reader

    def read(self, messages: Sequence[str]) -> State:
        """The context, once every message was read into it. Blocks.

        Raises:
            HTTPException: 403 if there is something to read and the caller may not write.
            Busy: if another request reads into it now.
        """
        reader = self._reader()
        with self._alone():
            return self._read(reader, messages)

    def ask(self, question: str, new_tokens: int | None) -> Generator[Piece | Done, None, None]:
        """The answer, piece by piece; closing it ends it."""
        # where more are wanted, it ends by its length
        most = min(new_tokens or NEW_TOKENS, MOST_NEW_TOKENS)
        parts = self._reader().ask(self.name, question, most, PATIENCE_S)
        yield from parts  # which is closed with this

    def forget(self) -> bool:
        """Delete the context for good, wherever it is kept; whether messages were read into it."""
        if not (self.noted.exists() or self._folder.exists()):
            return False  # and no model is loaded for it
        with self._alone():
            self._reader().close(self.name, forget=True, timeout_s=PATIENCE_S)
            self.noted.unlink(missing_ok=True)  # only now: without it all would be read again
        return True

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Within the block no other request reads into it, or deletes it."""
        with _LOCK:
            if self.noted in _READING:
                raise Busy(f"memory_key={self.key}: another request reads into it: ask again", AGAIN_S)
            _READING.add(self.noted)
        try:
            yield
        finally:
            with _LOCK:
                _READING.discard(self.noted)

    def _read(self, reader: ReaderDoor, messages: Sequence[str]) -> State:
        state, note = self._state(reader)
        seen: list[str] = note.get("messages", [])
        new = unread(messages, seen)
        if not new:
            if state is None:
                raise InvalidInput("messages: there is nothing to read before the last one, the question")
            return state
        if not self.may_write:
            raise HTTPException(403, "a context keeps what is read into it, and your token may read only")
        text, held = "".join(one + BEHIND for one in new), state or NOTHING
        begun, left = held, list[resuming.PieceOfText]([text])
        if note.get("begun") == digest(text):
            noted = replace(held, chars=note["chars"], text_crc=note.get("crc", 0))
            with suppress(resuming.Interleaved):  # others' text came there too: all of this is read
                begun, left = noted, resuming.unread(self.key, left, noted, held)
        self._note(begun, seen, digest(text))
        done = reader.read(self.name, left, held.tokens, PATIENCE_S).state
        self._note(done, [*seen, *map(digest, new)])
        return done

    def _state(self, reader: ReaderDoor) -> tuple[State | None, dict[str, Any]]:
        """The context as the reader holds it, and what is noted of it: its number, characters and their
        checksum, hashes of the messages in them, and that of the text that was begun behind them."""
        try:
            state = reader.open(self.name, timeout_s=PATIENCE_S)
        except UnknownContext:
            return None, {}
        note: dict[str, Any] = json.loads(self.noted.read_text()) if self.noted.exists() else {}
        chars, crc = note.get("chars", 0), note.get("crc", state.text_crc)
        is_behind = state.chars > chars or (state.chars, state.text_crc) == (chars, crc)
        is_its_own = not chars or note.get("number", state.number) == state.number
        return state, note if is_behind and is_its_own else {}

    def _note(self, state: State, messages: Sequence[str], begun: str = "") -> None:
        self.noted.parent.mkdir(parents=True, exist_ok=True)
        of = {"number": state.number, "chars": state.chars, "crc": state.text_crc}
        note = {**of, "messages": list(messages), "begun": begun}
        write_atomic(self.noted, json.dumps(note))


def unread(messages: Sequence[str], seen: Sequence[str]) -> list[str]:
    """Messages that were not read: those behind the ones that were, where all are sent; else those that none
    of them equals."""
    hashes = list(map(digest, messages))
    if hashes[: len(seen)] == list(seen):
        return list(messages[len(seen) :])
    return [one for one, its in zip(messages, hashes, strict=True) if its not in seen]


def digest(message: str) -> str:
    """By which a message is known again."""
    return hashlib.sha256(message.encode("utf-8", "surrogatepass")).hexdigest()
