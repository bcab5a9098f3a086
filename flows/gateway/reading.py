"""A conversation as one context of a reader: what is new of it is read, and the last message is asked.

The idea: a program sends all of a conversation every time, and reading it again would cost what the context
was made for. So which messages were read is noted beside the context, by their hashes; one that is sent again
is passed over, and where the reader holds less than is noted, all that is sent is read.
"""

import hashlib
import json
import threading
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

from fastapi import HTTPException

from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from model.files import write_atomic
from tasks.errors import InvalidInput
from tasks.memory.tenants import named
from tasks.serve.door import NEW_TOKENS, Busy, Done, Name, Piece, ReaderDoor, State, UnknownContext

FOLDER = "conversations"
"""Of a home: what is noted of them, a file each."""
BEHIND = "\n\n"
"""Behind every message."""
PATIENCE_S = 600.0
"""For a context to be read, or an answer to be written."""
AGAIN_S = 2.0
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
        self._reader = doors.reader

    def read(self, messages: Sequence[str]) -> State:
        """The context, once every message was read into it. Blocks.

        Raises:
            HTTPException: 403 if there is something to read and the caller may not write.
            Busy: if another request reads into it now.
        """
        reader = self._reader()
        with _LOCK:
            if self.noted in _READING:
                raise Busy(f"memory_key={self.key}: another request reads into it: ask again", AGAIN_S)
            _READING.add(self.noted)
        try:
            return self._read(reader, messages)
        finally:
            with _LOCK:
                _READING.discard(self.noted)

    def ask(self, question: str, new_tokens: int | None) -> Generator[Piece | Done, None, None]:
        """The answer, piece by piece; closing it ends it."""
        parts = self._reader().ask(self.name, question, new_tokens or NEW_TOKENS, PATIENCE_S)
        yield from parts  # which is closed with this

    def forget(self) -> bool:
        """Delete the context for good, wherever it is kept; whether there was one."""
        reader = self._reader()
        try:
            reader.open(self.name, timeout_s=PATIENCE_S)
            reader.close(self.name, forget=True, timeout_s=PATIENCE_S)
        except UnknownContext:
            return False
        finally:
            self.noted.unlink(missing_ok=True)
        return True

    def _read(self, reader: ReaderDoor, messages: Sequence[str]) -> State:
        state, seen = self._state(reader)
        new = unread(messages, seen)
        if not new:
            if state is None:
                raise InvalidInput("messages: there is nothing to read before the last one, the question")
            return state
        if not self.may_write:
            raise HTTPException(403, "a context keeps what is read into it, and your token may read only")
        done = reader.read(self.name, [one + BEHIND for one in new], state.tokens if state else 0, PATIENCE_S)
        self._note(done.state, [*seen, *map(digest, new)])
        return done.state

    def _state(self, reader: ReaderDoor) -> tuple[State | None, list[str]]:
        """The context as the reader holds it, and hashes of the messages in it."""
        try:
            state = reader.open(self.name, timeout_s=PATIENCE_S)
        except UnknownContext:
            return None, []
        note: dict[str, Any] = json.loads(self.noted.read_text()) if self.noted.exists() else {}
        is_whole = state.chars >= note.get("chars", 0)
        return state, note["messages"] if note and is_whole else []

    def _note(self, state: State, messages: Sequence[str]) -> None:
        self.noted.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(self.noted, json.dumps({"chars": state.chars, "messages": list(messages)}))


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
