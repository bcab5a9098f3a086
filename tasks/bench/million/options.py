"""What a read of millions of tokens is asked for.

The idea: options are checked here, before anything heavy is imported, and refused by name.
"""

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InvalidInput

LEAST = 8192
"""Tokens that needles at ten depths want."""


@dataclass(frozen=True)
class Million:
    """One read.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    tokens: int
    figure: Path
    """PNG file; beside it the same figures as JSON."""
    minutes: float | None = None
    """Read no more than so long: as many of the tokens as that allows."""
    haystack: tuple[Path, ...] = ()
    """Files and folders of text; none is what this machine has."""
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tokens < LEAST:
            raise InvalidInput(f"--tokens {self.tokens}: give {LEAST:,} or more")
        if self.minutes is not None and not self.minutes > 0:
            raise InvalidInput(f"--minutes {self.minutes:g}: give more than 0")
        if self.figure.suffix != ".png":
            raise InvalidInput(f"--figure {self.figure}: name a .png file")
