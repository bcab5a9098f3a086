"""What a hostile source is, as the tables of this folder hold them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Hostile:
    """A source that somebody made to do harm, or that was harmed."""

    make: Callable[[Path], object]
    """Writes it to the path."""
    outcomes: str
    """Outcomes of its documents, each once, in alphabetic order."""
    says: str = ""
    """Words of its text, or of the reason."""
    never: str = ""
    """Words that its text may not hold."""


Table = dict[str, Hostile]
"""Sources by the names they are given."""


def content(some: bytes, outcomes: str, says: str = "", never: str = "") -> Hostile:
    """A source of these bytes."""
    return Hostile(lambda path: path.write_bytes(some), outcomes, says, never)


def cut(make: Callable[[Path], object], share: float, outcomes: str) -> Hostile:
    """A source of which only the first part arrived."""

    def truncated(path: Path) -> None:
        make(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(len(whole) * share)])

    return Hostile(truncated, outcomes)
