"""How a model is tuned; options are checked here, before anything heavy is imported, and refused by name."""

from dataclasses import dataclass
from pathlib import Path

from tasks.errors import InvalidInput

LEAST_TOKENS = 256
CHECKPOINTS = "checkpoints"
"""Folder in `out` of all that a run needs to go on; without it a model is complete."""


@dataclass(frozen=True)
class TunePlan:
    """What is asked for.

    Raises:
        InvalidInput: on a value that cannot be; the message names the option.
    """

    out: Path
    """Folder that gets the model."""
    uri: str = ""
    """Only documents of this source, folder or prefix; "" is all that memory holds."""
    steps: int = 60
    tokens: int = 2048
    """Of a sample."""
    window: int = 1024
    learning_rate: float = 1e-5
    retrieval_entropy: float = 0.05
    local_entropy: float = 0.05
    ranks: int = 1
    """Processes that share every sample."""
    zero: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InvalidInput(f"--steps {self.steps}: give 1 or more")
        if self.tokens < LEAST_TOKENS:
            raise InvalidInput(f"--tokens {self.tokens}: give {LEAST_TOKENS} or more")
        if self.window < 128 or self.window % 128:
            raise InvalidInput(f"--window {self.window}: give a multiple of 128")
        if not 1 <= self.ranks <= self.tokens // 64:
            raise InvalidInput(
                f"--ranks {self.ranks}: give 1 to {self.tokens // 64} for --tokens {self.tokens}"
            )
        if self.zero not in (0, 1, 2, 3):
            raise InvalidInput(f"--zero {self.zero}: give a stage from 0 to 3")
        if self.learning_rate <= 0:
            raise InvalidInput(f"--learning-rate {self.learning_rate:g}: give a number above 0")
        for name in ("retrieval_entropy", "local_entropy"):
            if getattr(self, name) < 0:
                option = name.replace("_", "-")
                raise InvalidInput(f"--{option} {getattr(self, name):g}: give 0 or more")
        if (self.out / "tuned.json").exists() and not (self.out / CHECKPOINTS).exists():
            raise InvalidInput(f"--out {self.out}: holds a tuned model already; name another folder")
