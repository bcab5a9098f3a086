"""What a command answers."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """What a command found: data for programs, a text for people."""

    data: dict[str, Any]
    text: str
    code: int = 0
    """The exit code of what was done; what went wrong is raised."""
