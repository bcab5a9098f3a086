"""Evaluate: how much of the known evidence recall finds, beside a floor measured in the same run.

The idea: no model writes and none judges. A data set says where its answers stand; the product is asked;
what it returns either overlaps that place or does not.
"""

import tempfile
from pathlib import Path
from typing import Any

from tasks.bench.asking import Progress, silent
from tasks.bench.cuad import evaluate_cuad
from tasks.bench.locomo import evaluate_locomo
from tasks.errors import InvalidInput
from tasks.memory.recall import Embed
from tasks.settings import RecallConfig

__all__ = ["DATA", "evaluate", "evaluate_cuad", "evaluate_locomo"]

DATA = ("locomo", "cuad")
"""Data sets that can be measured, by name."""


def evaluate(
    name: str,
    path: Path,
    embed: Embed,
    config: RecallConfig,
    progress: Progress = silent,
    passage_chars: int = 900,
) -> dict[str, Any]:
    """Measure data set `name` at `path` in a memory that is thrown away: {recall, floor, by_category, ...}.

    `passage_chars` is the longest passage of a document, as in a run; a turn is always one passage.

    Raises:
        InvalidInput: if there is no such measure, or `path` does not hold its data.
    """
    if name not in DATA:
        raise InvalidInput(f"evaluate {name}: no such data set; give one of {', '.join(DATA)}")
    with tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as home:
        if name == "cuad":
            return evaluate_cuad(path, embed, Path(home), config, progress, passage_chars)
        return evaluate_locomo(path, embed, Path(home), config, progress)
