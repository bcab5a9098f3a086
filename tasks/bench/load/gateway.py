"""A context asked through the gateway, as a program that speaks OpenAI's chat API asks it.

The idea: it is a door like any other, so the same clients ask the same things of it. A program sends its
whole conversation every time, and the gateway reads what of it is new; what a reader holds, and which blocks
it retrieves, the gateway does not tell, so those are asked of the readers.
"""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any

from tasks.errors import InvalidInput, NightreadError
from tasks.serve.door import (
    NEW_TOKENS,
    Busy,
    Changed,
    Cited,
    DeadlinePassed,
    Done,
    Failed,
    Name,
    NotAllowed,
    Piece,
    ReaderDoor,
    Retrieved,
    Scored,
    State,
    Stats,
    Taken,
    Unavailable,
    UnknownContext,
)

MODEL, PATH = "nightread-reader", "/v1/chat/completions"
BEHIND = "\n\n"
"""Behind every message, as the gateway reads it."""
_TO_READ = "What was told last?"
"""Asked so that what stands before it is read."""
_DATA = b"data: "
_KINDS: dict[int, type[NightreadError]] = {
    400: InvalidInput,
    401: NotAllowed,
    403: NotAllowed,
    404: UnknownContext,
    409: Changed,
    503: Unavailable,
    504: DeadlinePassed,
}
_CODES = {"busy": 429, "unavailable": 503, "deadline_passed": 504}
"""Of an error within a stream, that has no status of its own."""


@dataclass
class Gateway:
    """A `ReaderDoor` to a gateway of this machine.

    Args:
        port: where it listens.
        readers: the door to its readers; shut with this.
    """

    port: int
    readers: ReaderDoor
    sent: dict[Name, list[str]] = field(default_factory=dict)
    """Messages of each conversation."""

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        """Messages that were sent and not read are sent no more."""
        state = self.readers.open(name, create, timeout_s)
        chars, kept = 0, []
        for message in self.sent.get(name, []):
            chars += len(message + BEHIND)
            if chars <= state.chars:
                kept.append(message)
        self.sent[name] = kept
        return state

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        fresh = [line for line in "".join(map(str, pieces)).split(BEHIND) if line]
        began = time.monotonic()
        self.sent[name] = messages = [*self.sent.get(name, []), *fresh]
        list(self._answer(name, [*messages, _TO_READ], 1, timeout_s))
        state = self.readers.open(name, timeout_s=timeout_s)
        return Taken(state.tokens - (at_tokens or 0), state, time.monotonic() - began)

    def retrieve(
        self, name: Name, question: str, blocks: int = 16, timeout_s: float | None = None
    ) -> Retrieved:
        return self.readers.retrieve(name, question, blocks, timeout_s)

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        return self._answer(name, [*self.sent.get(name, []), question], new_tokens, timeout_s)

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        return self.readers.score(name, text, retrieve, timeout_s)

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        return self.readers.save(name, timeout_s)

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        self.readers.close(name, forget, timeout_s)

    def stats(self) -> Stats:
        return self.readers.stats()

    def shut(self) -> None:
        self.readers.shut()

    def answers(self) -> bool:
        """Whether it can be used by now."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _answer(
        self, name: Name, messages: Sequence[str], new_tokens: int, timeout_s: float | None
    ) -> Iterator[Piece | Done]:
        body = {
            "model": MODEL,
            "memory_key": name.key,
            "max_tokens": new_tokens,
            "stream": True,
            "messages": [{"role": "user", "content": text} for text in messages],
        }
        connection = HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("POST", PATH, json.dumps(body), {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status != 200:
                raise _error(response.status, response.read(), response.headers.get("Retry-After", "1"))
            yield from _parts(response)
        except TimeoutError as error:
            raise DeadlinePassed(f"the gateway did not answer within {timeout_s} s") from error
        except (OSError, HTTPException) as error:
            raise Unavailable(f"the gateway cannot be reached: {error}") from error
        finally:
            connection.close()


def _parts(response: HTTPResponse) -> Iterator[Piece | Done]:
    """What a stream of OpenAI's chat API brings, as a door gives it."""
    cited: list[Cited] = []
    tokens = 0
    for line in response:
        if not line.startswith(_DATA):
            continue
        if (data := line[len(_DATA) :].strip()) == b"[DONE]":
            yield Done(tuple(cited), tokens, True, 0.0)
            response.read()
            return
        told = json.loads(data)
        if "error" in told:
            raise _error(_CODES.get(told["error"].get("code"), 500), data, "1")
        for choice in told["choices"]:
            delta = choice["delta"]
            cited += [_cited(one["file_citation"]) for one in delta.get("annotations", ())]
            if text := delta.get("content"):
                tokens += 1
                yield Piece(text)
    raise Unavailable("the gateway's answer broke off: ask again")


def _cited(told: Any) -> Cited:
    return Cited(0, 0, told["quote_start"], told["quote_end"], told["quote"])


def _error(status: int, body: bytes, retry_after: str) -> NightreadError:
    """The error that the gateway tells of."""
    try:
        message = str(json.loads(body)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = body[:200].decode(errors="replace")
    if status == 429:
        return Busy(message, float(retry_after))
    return _KINDS.get(status, Failed)(message)
