"""Re-ranking: the reader reads the best candidates, each with the question behind it, and moves some up.

The idea: words and vectors know that a passage is about the same things; the language model, reading it,
knows whether the question is about it. What it shows (see `model.rerank.reading`) is added to the first
ranking and never replaces it: `blended`. It takes the model into memory and some seconds, so it is an
option.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING

from tasks.settings import InferConfig, ShardConfig

if TYPE_CHECKING:
    from model.reader import Reader


@dataclass(frozen=True, slots=True)
class Candidate:
    """A passage and what stands around it: the passages before and after it, and the heading above it."""

    before: str
    text: str
    after: str
    heading: str = ""


class Reranker:
    """Scores of passages by a reader that reads a question behind each of them.

    What was read is kept for the next question, in bounded memory: passages that are candidates again cost
    half.

    Args:
        folder: that of the reader's model, for its heads (see `nightread calibrate`).

    Raises:
        ValueError: if the heads by which the model re-ranks were never found.
    """

    def __init__(self, reader: "Reader", folder: Path) -> None:
        from model.context.heads import load_reranking  # torch is of no use to whoever does not re-rank
        from model.rerank.reading import Rereader

        with reader.alone:
            heads = load_reranking(folder, reader.config).heads
        self._rereader = Rereader(reader, heads)

    def scores(self, question: str, candidates: Sequence[Candidate]) -> list[float]:
        """One score for each candidate, in their order; higher answers better.

        Attention and likelihood, each in standard deviations over these candidates and weighted as
        `model.rerank.score` says; to be added to another ranking of the same scale by `blended`. Of a
        question longer than 128 tokens the last 128 are read.

        Raises:
            ValueError: if the question is empty.
        """
        from model.rerank.passages import Passage
        from model.rerank.score import scores

        passages = [
            Passage(_lines(one.heading, one.before), one.text, f"\n{one.after}" if one.after else "")
            for one in candidates
        ]
        return scores(self._rereader.watch(question, passages))


def _lines(*parts: str) -> str:
    return "".join(f"{part}\n" for part in parts if part)


def load_reranker(home: Path, infer: InferConfig, shard: ShardConfig) -> Reranker:
    """The re-ranker with the configured model, which is loaded once a process.

    Raises:
        ValueError: if there is no such model, or the heads by which it re-ranks were never found.
    """
    from tasks.infer.models import Models

    models = Models(home, infer, shard.stride)
    return Reranker(models.reader, models.folder)


def blended(scores: Sequence[float], reread: Sequence[float]) -> list[float]:
    """Scores of a first ranking, in standard deviations over the candidates, plus those of the reader."""
    if not scores:
        return []
    mean, width = fmean(scores), pstdev(scores) or 1.0
    return [(score - mean) / width + more for score, more in zip(scores, reread, strict=True)]
