"""The door to a reader: what is asked of long contexts, and what comes back, wherever they are held.

The idea: the engine in this process and a client of one on another machine are called alike, so a gateway
does not know which it has. Calls block and may come from any thread. What goes wrong is one of the errors
here, whichever side of the wire it happened on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from tasks.errors import InvalidInput, NightreadError, Transient

NEW_TOKENS = 128
"""Tokens of an answer, at most."""
MOST_NEW_TOKENS = 2048
"""That may be asked for."""
BLOCKS = 16
"""Blocks that are retrieved for a question."""


class Name(NamedTuple):
    """A context's name; a tenant's contexts are its own, and the tenant "" is the home itself."""

    tenant: str
    key: str


class Busy(Transient):
    """The queues, a quota or the memory of the reader that holds the context are full: ask again in
    `retry_after_s` seconds. Of a read, what was read by then is kept."""

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class HeldElsewhere(Transient):
    """Another node holds the context hot: ask the one at `address`."""

    def __init__(self, message: str, address: str) -> None:
        super().__init__(message)
        self.address = address


class Unavailable(Transient):
    """The reader is shutting down, or cannot be reached; another one may answer."""


class DeadlinePassed(Transient):
    """The call took longer than its `timeout_s`; of a read, what was read is kept."""


class UnknownContext(InvalidInput):
    """No context of this name was ever read."""


class Changed(InvalidInput):
    """The context does not hold as many tokens as the caller says: read on from what `open` tells."""


class NotAllowed(InvalidInput):
    """The token is missing or wrong."""


class Failed(NightreadError):
    """The reader failed at this call, and goes on with others; the message says how."""


@dataclass(frozen=True, slots=True)
class State:
    """A context as it stands."""

    tokens: int
    chars: int
    """Characters of the text that was read."""
    saved: int
    """Tokens that outlive the node."""
    bytes: int
    """Of memory on the node."""
    text_crc: int
    """Checksum (CRC-32) of all text that was read, in UTF-8; it runs on with every read."""
    ids_crc: int
    """The same of its token ids, 32 bits each."""
    number: int
    """The context's own, at random: one that is forgotten and begun anew under its name has another."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one read did."""

    tokens: int
    """Tokens that were read."""
    state: State
    seconds: float


@dataclass(frozen=True, slots=True)
class Cited:
    """One block: tokens [token_start, token_end) of the context, which are characters [char_start, char_end)
    of what was read; `text` is these characters. `score` is what voting heads gave it, 0 for a neighbour."""

    token_start: int
    token_end: int
    char_start: int
    char_end: int
    text: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Retrieved:
    """Blocks for a question, best first."""

    blocks: tuple[Cited, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class Piece:
    """The next characters of an answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Done:
    """What comes last of an answer."""

    citations: tuple[Cited, ...]
    """The blocks it was written from, in document order."""
    tokens: int
    """Tokens that were written."""
    ended: bool
    """Whether it ended by itself; otherwise it was as long as was allowed."""
    seconds: float
    """From the call to here."""
    first_s: float = 0.0
    """From the call to the first token."""


@dataclass(frozen=True, slots=True)
class Scored:
    """Log-likelihood of a text behind a context."""

    nats: float
    """In all; never above 0."""
    tokens: int
    """Tokens that were scored."""

    @property
    def per_token(self) -> float:
        """Nats per token."""
        return self.nats / self.tokens


@dataclass(frozen=True, slots=True)
class Stats:
    """A node as it stands, and what it did since it started."""

    node: str
    """Its address; "" in the process."""
    model: str
    contexts: int
    """Held in memory."""
    bytes: int
    """Of memory that they take."""
    budget_bytes: int
    """Of memory that they may take."""
    questions_queued: int
    reads_queued: int
    answering: int
    """Answers that are being written."""
    answered: int
    refused: int
    """Calls that were told to come again."""
    failed: int
    tokens_read: int
    tokens_written: int
    seconds: float
    """Since it started."""


class ReaderDoor(Protocol):
    """Contexts by name. Every call but `stats` and `shut` may raise one of the errors of this module, `Busy`
    at once; InvalidInput where an argument cannot be used. `timeout_s` None waits as long as it takes."""

    def open(self, name: Name, create: bool = False, timeout_s: float | None = None) -> State:
        """Have a context in memory.

        Args:
            create: begin an empty one where there is none, instead of raising UnknownContext.
        """

    def read(
        self,
        name: Name,
        pieces: Iterable[str | Sequence[int]],
        at_tokens: int | None = None,
        timeout_s: float | None = None,
    ) -> Taken:
        """Read text, or token ids, behind what a context holds, and save it; where none is, one is begun.

        Args:
            pieces: of one text, cut anywhere; tokens are those of the whole.
            at_tokens: tokens that it must hold before, else Changed is raised and nothing read: with it, a
                read may be tried again after an error.
        """

    def retrieve(
        self, name: Name, question: str, blocks: int = BLOCKS, timeout_s: float | None = None
    ) -> Retrieved:
        """The blocks that a question needs."""

    def ask(
        self, name: Name, question: str, new_tokens: int = NEW_TOKENS, timeout_s: float | None = None
    ) -> Iterator[Piece | Done]:
        """An answer piece by piece, then `Done`; the context stays as it was. Closing the iterator ends it.

        Errors come with the first step of the iterator, or a later one.
        """

    def score(self, name: Name, text: str, retrieve: bool = True, timeout_s: float | None = None) -> Scored:
        """How likely a text is behind the context.

        Args:
            retrieve: behind blocks that are retrieved for it, as a question stands; else behind the end of
                what was read, as its continuation.
        """

    def save(self, name: Name, timeout_s: float | None = None) -> State:
        """Save a context that is held here."""

    def close(self, name: Name, forget: bool = False, timeout_s: float | None = None) -> None:
        """Drop a context from memory, saved.

        Args:
            forget: delete it for good instead, wherever it is kept.
        """

    def stats(self) -> Stats:
        """How busy the node is."""

    def shut(self) -> None:
        """Close the door: of a client, its connection; of an engine, the engine itself, which saves first."""
