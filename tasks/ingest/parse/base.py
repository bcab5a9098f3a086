"""What a format is: a module whose `parse` yields what a source says, and what of it is left out.

The contract of a module in `tasks.ingest.parse.formats`, named in `FORMATS` there:

- `parse(path, config)` is a generator. It yields `TextSpan`s in reading order; the text of a document is
  exactly the concatenation of its spans. It streams: never the whole source, never a list of all spans.
- A source may hold several documents (rows, mails, members of an archive): they are told apart by
  `TextSpan.part`, numbered from 0, each with a `label`. A part that cannot be read is a span without text
  whose `reason` is "outcome: why", and harms no other part. Spans of one part come one after the other.
- Whatever a reader of the source could see, or might miss, and the text does not hold, is yielded as
  `Omitted`: a document is never silently incomplete. What the bytes were decoded with, if it was not UTF-8
  or had to be guessed, is yielded as `Decoded`.
- What cannot be read at all raises BadDocument(outcome, reason), also after some spans.
- `path` is named like the source: its suffixes are those of the source's name. Nothing is written beside it:
  what needs a file takes one from `tasks.ingest.parse.members`, which also parses what lies inside.
- Which bytes are which format is told in `tasks.ingest.parse.detect` alone.
"""

import errno
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from tasks.errors import BadDocument
from tasks.settings import ParseConfig

SPAN_CHARS = 1 << 16
BY_LINE = ("line", "paragraph")
"""Places of which a new one begins after every line end."""
CODE_VERSION = "7"
"""Raised when a change to parsing changes any text."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of text of at most SPAN_CHARS characters, and where it begins in the source."""

    text: str
    place: str
    """What people count in such a source: "line", "paragraph", "page", "slide", "row", "message" ..."""
    number: int
    """Number of that place, from 1."""
    part: int = 0
    """Which document of the source."""
    label: str = ""
    """Name of that document inside a container; "" for the source itself."""
    reason: str = ""
    """Why this part cannot be read, after its outcome and ": "; its text is then empty."""


@dataclass(frozen=True, slots=True)
class Omitted:
    """Something of the source that its text does not hold."""

    kind: str
    """In the singular, as people say it: "image", "comment", "hidden text", "page without text"."""
    count: int = 1
    part: int = 0
    """Of which document of the source."""
    where: str = ""
    """The place, such as "page 3" or "pages 2-5"; "" where it has none."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the bytes of a document were decoded with."""

    encoding: str
    """Python's name of it."""
    guessed: bool = False
    """Whether nothing in the source says so."""
    part: int = 0


Item = TextSpan | Omitted | Decoded
"""What a format yields."""


class Format(Protocol):
    """The interface of a format module."""

    def parse(self, path: Path, config: ParseConfig) -> Iterator[Item]:
        """What a source says in order, and what of it is left out.

        Raises:
            BadDocument: for what cannot be read.
        """


class Plugin(Format, Protocol):
    """A format module of somebody else, named in parse.plugins: it comes before ours by its extensions."""

    EXTENSIONS: tuple[str, ...]


MACHINE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EMFILE, errno.ENFILE})
"""Errors that say something of the machine and nothing of a document."""


def parser_key(config: ParseConfig) -> str:
    """Hash of everything that decides what text a source has. Caps are not part of it."""
    kept = {
        name: value
        for name, value in asdict(config).items()
        if name.endswith("_field") or name in ("ocr", "ocr_languages", "ocr_pages", "plugins")
    }
    if config.redact:
        kept["redact"] = sorted(set(config.redact))
    return hashlib.sha256(json.dumps([CODE_VERSION, kept], sort_keys=True).encode()).hexdigest()[:12]


def as_bad(error: Exception) -> BadDocument:
    """What an exception of a format module says of its source."""
    if isinstance(error, BadDocument):
        return error
    if isinstance(error, FileNotFoundError):
        return BadDocument("vanished", "it was there when it was listed, and is gone")
    if isinstance(error, OSError):
        return BadDocument("unreadable", error.strerror or str(error))
    if isinstance(error, RecursionError):
        return BadDocument("corrupt", "it holds parts inside each other, too deep to be read")
    if isinstance(error, MemoryError):
        return BadDocument("out_of_memory", "the parser ran out of memory")
    return BadDocument("corrupt", f"the parser makes no sense of it: {told(error)}")


def told(error: Exception) -> str:
    """What an exception of a library says, for people: without the names of its code."""
    said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    said = re.sub(r"\s*\(<string>, line \d+\)$", "", " ".join(said.split()))
    return said[:500] or "it does not say why"


def cut(text: str, place: str, number: int, part: int = 0, label: str = "") -> Iterator[TextSpan]:
    """Spans of a text that may be longer than one; places that are counted by lines go on counting."""
    for start in range(0, len(text), SPAN_CHARS):
        piece = text[start : start + SPAN_CHARS]
        yield TextSpan(piece, place, number, part, label)
        if place in BY_LINE:
            number += piece.count("\n")
