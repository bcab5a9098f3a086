"""The grid of a needle evaluation: lengths, depths, and the contexts to read for them.

The idea: options are checked here, before anything heavy is imported, and refused by name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from model.context import STORAGES, WAYS
from tasks.errors import InvalidInput

WORDINGS = 3
"""Of every question."""
MOST_NEEDLES = 40
"""Needles of one context: every family has at least so many names."""


@dataclass(frozen=True)
class Grid:
    """What is measured.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    lengths: tuple[int, ...]
    """Tokens of a whole context, needles included."""
    depths: int = 10
    keys: int = 1
    """Needles of the same kind in one context, of which one is asked for."""
    haystack: tuple[Path, ...] = ()
    """Files and folders of natural text; none is the text installed with Python."""
    seed: int = 0
    needles: int = 3
    """Different needles per cell, each in a text of its own."""
    wordings: int = WORDINGS
    filler: bool = False
    shared: bool = False
    """Read one context with the needles of all depths, instead of one per depth."""
    ways: tuple[str, ...] = ("recompute",)
    """Ways to bring blocks back; the first one's answers are `answer`, a second's have its name behind."""
    storage: str = "bfloat16"
    """Number format of the calibrated heads' keys, and of all keys and values where a way wants them."""
    segments: int = 1
    """Read every text also as so many independent segments, and ask all of them; 1 is not to."""
    figure: Path | None = None
    """PNG file of the heat maps."""

    def __post_init__(self) -> None:
        for option in ("depths", "needles", "wordings", "keys", "segments"):
            if getattr(self, option) < 1:
                raise InvalidInput(f"--{option} {getattr(self, option)}: must be at least 1")
        if self.wordings > WORDINGS:
            raise InvalidInput(f"--wordings {self.wordings}: every question has {WORDINGS}; give fewer")
        if self.filler and self.haystack:
            raise InvalidInput("--filler repeats its own sentences: leave out --haystack, or --filler")
        if self.shared and self.keys > 1:
            raise InvalidInput(f"--keys {self.keys}: with --shared there are as many as depths; leave it out")
        if "replay" in self.ways:
            raise InvalidInput("--ways replay: is called recompute now")
        if not self.ways or set(self.ways) - set(WAYS):
            raise InvalidInput(
                f"--ways {','.join(self.ways)}: give {' or '.join(WAYS)}, or both with a comma between"
            )
        if self.storage not in STORAGES:
            raise InvalidInput(f"--storage {self.storage}: give one of {', '.join(STORAGES)}")
        if self.figure and not (self.figure.suffix == ".png" and self.figure.parent.is_dir()):
            raise InvalidInput(f"--figure {self.figure}: name a .png file in a folder that exists")
        self._check_room()

    def _check_room(self) -> None:
        if self.hidden > MOST_NEEDLES:
            option = f"--depths {self.depths} with --shared" if self.shared else f"--keys {self.keys}"
            raise InvalidInput(f"{option}: at most {MOST_NEEDLES} needles of a kind have different names")
        least = 256 + 64 * self.hidden
        if short := [length for length in self.lengths if length < least]:
            raise InvalidInput(f"--lengths {short[0]}: {self.hidden} needles want at least {least} tokens")

    @property
    def hidden(self) -> int:
        """Needles of one context."""
        return self.depths if self.shared else self.keys

    @property
    def at(self) -> list[float]:
        """Depths from 0 to 1; a single one is the middle."""
        if self.depths == 1:
            return [0.5]
        return [round(step / (self.depths - 1), 4) for step in range(self.depths)]

    @property
    def inner(self) -> list[float]:
        """As many even depths, none at an end."""
        return [round((step + 0.5) / self.depths, 4) for step in range(self.depths)]


def comma_separated(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def parse_numbers(text: str, option: str, such_as: str) -> tuple[int, ...]:
    """`8192,32768` as numbers, ascending, each once.

    Raises:
        InvalidInput: if it is anything else.
    """
    try:
        numbers = tuple(sorted({int(part) for part in comma_separated(text)}))
    except ValueError:
        numbers = ()
    if not numbers:
        raise InvalidInput(f"{option} {text}: give numbers{such_as}")
    return numbers


def parse_lengths(text: str) -> tuple[int, ...]:
    """Lengths of texts, as `parse_numbers` reads them."""
    return parse_numbers(text, "--lengths", " of tokens, such as 8192,32768")


@dataclass(frozen=True)
class Trial:
    """One context to read: its length, where needles lie, and at which depths they are asked for."""

    length: int
    depths: list[float]
    asked: list[int]


def trials(grid: Grid) -> Iterator[Trial]:
    """Contexts to read for each needle of a grid."""
    for length in grid.lengths:
        if grid.shared:
            yield Trial(length, grid.at, list(range(grid.depths)))
            continue
        for depth in grid.at:
            # the others lie at even distances behind it, and from the top again
            spread = [(depth + other / grid.keys) % 1 for other in range(1, grid.keys)]
            yield Trial(length, [depth, *spread], [0])
