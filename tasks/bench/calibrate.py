"""Calibrate heads: those that find facts inserted into a long text, and those that re-rank short passages.

The idea: facts are of other kinds than those of the needle evaluation, so that it tests what was not learned.
Its default haystack begins with the same text: `--haystack` names another. Questions about passages are
written by the model itself (see `tasks.bench.questions`), never taken from evaluation data.
"""

from functools import partial
from pathlib import Path
from typing import Any

from model.context import heads
from model.context.calibrate import calibrated
from model.context.heads import Calibrated, Heads
from model.context.wording import Wording
from model.reader import Reader
from model.rerank.choose import choose, quality
from model.weights import HEADS
from tasks.bench.progress import Progress
from tasks.bench.questions import GROUP, trials

_QUESTIONS = 100
"""Passages that are asked about."""
_LEAST_TRIALS = 10
"""Questions without which no heads are chosen."""


def calibrate(
    reader: Reader, tokens: int, folder: Path, progress: Progress, asked: int = _QUESTIONS
) -> dict[str, Any]:
    """Find the reader's retrieval heads and those that re-rank, and write them beside the model.

    Args:
        tokens: length of the text.
        folder: where `model.weights.HEADS` is written.
        asked: passages that questions are written about, for re-ranking.
    """
    voting = calibrated(reader, Wording(reader.tokenizer).encode, tokens, partial(progress, "reading"))
    reranking = _reranking(reader, asked, progress)
    path = folder / HEADS
    heads.save(voting.heads, reader.config, path, voting.found, reranking)
    told = {"heads": [list(head) for head in voting.heads.heads], "file": str(path), **voting.found}
    if reranking is None:
        return {**told, heads.RERANK: None}
    pairs = [list(head) for head in reranking.heads.heads]
    return {**told, heads.RERANK: {"heads": pairs, **reranking.found}}


def _reranking(reader: Reader, asked: int, progress: Progress) -> Calibrated | None:
    """Heads that tell which passage a question was made from; None if the model writes too few questions."""
    tried = trials(reader, asked, progress)
    if len(tried) < _LEAST_TRIALS:
        return None
    chosen = choose(tried)
    well, config = quality(tried, chosen), reader.config
    pairs = tuple(divmod(head, config.num_attention_heads) for head in chosen)
    about = {
        "text": "installed text and made-up conversations",
        "questions": len(tried),
        "passages": GROUP,
        "rank_first": round(well.first, 3),
        "reciprocal_rank": round(well.reciprocal, 3),
    }
    return Calibrated(Heads(pairs, config.num_attention_heads // config.num_key_value_heads), about)
