"""What a parser process is asked, and what it answers."""

from dataclasses import dataclass
from typing import Any

from tasks.ingest.ipc import Wire
from tasks.settings import ParseConfig


@dataclass(frozen=True)
class Ready:
    """The process is up: what comes next is a document's time."""

    enforced: tuple[str, ...]
    """What the kernel keeps it from, of `tasks.ingest.parse.confined.ALL`."""


@dataclass(frozen=True)
class ParseRequest:
    """A source to parse into a TEXT file."""

    path: str
    name: str
    """What the source is called."""
    target: str
    config: ParseConfig


@dataclass(frozen=True)
class Working:
    """The parser does work that ends by itself, within so many seconds, and needs its time again after it."""

    seconds: float


@dataclass(frozen=True)
class Parsed:
    """The source was parsed."""

    parts: list[dict[str, Any]]
    """A row of `part`, `label`, `outcome`, `reason`, `document`, `chars`, `omitted`, `encoding`
    for every document in it."""


@dataclass(frozen=True)
class Refused:
    """The source cannot be parsed."""

    outcome: str
    """One of `tasks.schema.OUTCOMES`."""
    reason: str


@dataclass(frozen=True)
class Unable:
    """The machine lets nothing be parsed at the moment: a full disk, no more open files."""

    reason: str


WIRE = Wire(Ready, ParseRequest, Working, Parsed, Refused, Unable)
