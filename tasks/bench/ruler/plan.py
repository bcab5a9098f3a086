"""What is measured; options are checked here, before anything heavy is imported, and refused by name."""

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InvalidInput

LEAST = 2048
"""Tokens of a text that holds the facts of all tasks among more of its own."""


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    lengths: tuple[int, ...]
    samples: int = 10
    """Texts of each length."""
    seed: int = 0
    haystack: tuple[Path, ...] = ()
    """Files and folders of natural text; none is the text installed with Python."""

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InvalidInput(f"--samples {self.samples}: give 1 or more")
        if self.lengths[0] < LEAST:
            raise InvalidInput(f"--lengths {self.lengths[0]}: the tasks want at least {LEAST:,} tokens")
