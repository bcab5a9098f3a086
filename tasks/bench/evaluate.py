"""Evaluate recall on a labelled data set, beside the BM25 baseline measured in the same run.

The idea: no model judges. A data set says where the evidence of each question stands; what recall returns
either overlaps that place or does not.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tasks.bench.cuad import evaluate_cuad
from tasks.bench.locomo import evaluate_locomo
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.recall.candidates import Embed
from tasks.recall.rerank import Reranker
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
    *,
    passage_chars: int = 350,
    only: Sequence[int] = (),
    rerank: Reranker | None = None,
) -> dict[str, Any]:
    """Evaluate data set `name` at `path` in a temporary memory: {recall, floor, by_category, ...}.

    Args:
        passage_chars: longest passage of a contract, as in a run; a turn is always one passage.
        only: numbers of the conversations that are measured; all of them where there are none.
        rerank: re-ranks what is found.

    Raises:
        InvalidInput: if there is no such measure, or `path` does not hold its data.
    """
    if name not in DATA:
        raise InvalidInput(f"evaluate {name}: no such data set; give one of {', '.join(DATA)}")
    with tempfile.TemporaryDirectory(prefix="nightread-evaluate-") as home:
        if name == "cuad":
            return evaluate_cuad(path, embed, Path(home), config, progress, passage_chars, rerank)
        return evaluate_locomo(path, embed, Path(home), config, progress, only, rerank)
