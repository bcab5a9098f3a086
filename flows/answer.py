"""What a command answers."""

from dataclasses import dataclass
from typing import Any

_CONTROLS = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"} | {127: 0x2421}
_CONTROLS |= dict.fromkeys(range(128, 160), 0xFFFD)


def printable(text: str) -> str:
    """A text whose control characters are seen, not obeyed: what was read may not steer the terminal."""
    return text.translate(_CONTROLS)


@dataclass(frozen=True)
class Answer:
    """What a command found: data for programs, a text for people."""

    data: dict[str, Any]
    text: str
    code: int = 0
    """The exit code of what was done; what went wrong is raised."""
