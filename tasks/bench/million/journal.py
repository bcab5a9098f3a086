"""What a read notes as it goes: a line for every window and for every question, in one file.

The idea: a line says how many tokens the context had. A read that goes on from a saved context forgets the
lines of what it reads again, and keeps the others: the curves are those of the whole read.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Window:
    """A window that was read."""

    tokens: int
    """Of the context by then."""
    seconds: float
    """Spent on reading so far, saving included, over all processes that read on."""
    rss: int
    """Resident memory, bytes."""
    disk: int
    """Bytes that the context takes on disk."""


@dataclass(frozen=True)
class Asked:
    """A needle that was asked for, and what came of it; 1 is yes and 0 is no."""

    tokens: int
    """Of the context by then."""
    number: int
    """Of the needle."""
    depth: float
    final: bool
    """Whether the whole text had been read."""
    found_index: float
    """Its number lies in what an answer sees of the blocks that the index found."""
    found_exact: float
    """The same by the exact scan."""
    nominated: float
    """Share of the scan's blocks that the index also chose."""
    answered: float
    """By the blocks of the index, end to end."""
    said: str
    blocks: int
    """Of the context."""
    visited: int
    """Of them by the index."""
    index_s: float
    exact_s: float
    seconds: float
    """Of the whole question."""


class Journal:
    """Lines of a file, each written at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.windows: list[Window] = []
        self.asked: list[Asked] = []

    def keep(self, tokens: int) -> None:
        """Read the file and forget what came after so many tokens."""
        lines = self.path.read_text().splitlines() if self.path.exists() else []
        whole = [found for line in lines if (found := _parsed(line)) and found["tokens"] <= tokens]
        self.windows = [Window(**row) for row in whole if "rss" in row]
        self.asked = [Asked(**row) for row in whole if "number" in row]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in whole))

    def note(self, row: Window | Asked) -> None:
        """Add a line."""
        (self.windows if isinstance(row, Window) else self.asked).append(row)  # type: ignore[arg-type]
        with self.path.open("a") as file:
            file.write(json.dumps(asdict(row)) + "\n")

    @property
    def seconds(self) -> float:
        """Spent on reading so far."""
        return self.windows[-1].seconds if self.windows else 0.0


def _parsed(line: str) -> dict[str, Any] | None:
    """A line; None if a process was killed while it wrote it."""
    try:
        found: dict[str, Any] = json.loads(line)
    except json.JSONDecodeError:
        return None
    return found
