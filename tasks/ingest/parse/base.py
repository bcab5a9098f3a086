"""What a format is: a module with `EXTENSIONS` and a `parse` that yields spans of text.

The text of a document is exactly the concatenation of its spans, and a span says where in the
source it begins; a new format is one such file and a line in `FORMATS`, or a plugin named in the
configuration.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

from tasks.settings import ParseConfig

SPAN_CHARS = 1 << 16
BY_LINE = ("line", "paragraph")
"""Places of which a new one begins after every line end."""
CODE_VERSION = "2"
"""Raised when a change to parsing changes any text."""


@dataclass(frozen=True, slots=True)
class TextSpan:
    """A stretch of text of at most SPAN_CHARS characters, and where it begins in the source."""

    text: str
    place: str
    """"page", "line", "row" or "paragraph"."""
    number: int
    """Number of that place, from 1."""
    part: int = 0
    """Which document of the source."""
    label: str = ""
    """Name of that document inside a container; "" for the source itself."""
    reason: str = ""
    """Why this part cannot be read; its text is then empty."""


class Format(Protocol):
    """The interface of a format module."""

    EXTENSIONS: tuple[str, ...]

    def parse(self, path: Path, config: ParseConfig) -> Iterator[TextSpan]:
        """Spans of the source in order; raises BadDocument for what cannot be read."""


def parser_key(config: ParseConfig) -> str:
    """Hash of everything that decides what text a source has. Caps are not part of it."""
    kept = {name: value for name, value in asdict(config).items() if name in ("jsonl_field", "plugins")}
    return hashlib.sha256(json.dumps([CODE_VERSION, kept], sort_keys=True).encode()).hexdigest()[:12]


def cut(text: str, place: str, number: int, part: int = 0, label: str = "") -> Iterator[TextSpan]:
    """Spans of a text that may be longer than one; places that are counted by lines go on counting."""
    for start in range(0, len(text), SPAN_CHARS):
        piece = text[start : start + SPAN_CHARS]
        yield TextSpan(piece, place, number, part, label)
        if place in BY_LINE:
            number += piece.count("\n")
