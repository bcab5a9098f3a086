"""Every task at every length: the engine, and within the trained length dense attention beside it.

The idea: both are asked the same words behind the same tokens, and continue them greedily with as many
tokens, so what differs is only what of the text is attended.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from random import Random
from typing import Any

from model.context import heads
from model.context.answer import answer
from model.context.context import Context, Memory
from model.context.retrieve import choose
from tasks.bench.dense import Dense
from tasks.bench.haystack import Haystack, encoder
from tasks.bench.means import mean, standard_error
from tasks.bench.natural_text import natural_text
from tasks.bench.needle import CHARACTERS, K
from tasks.bench.paired import paired
from tasks.bench.progress import Progress, silent
from tasks.bench.ruler.plan import Plan
from tasks.bench.ruler.samples import TASKS, Sample, counting, hidden, score
from tasks.infer.models import Models

ROOM = 192
"""Tokens for a question and its answer: a length counts the text and them."""


@dataclass(frozen=True)
class Answered:
    """What one question earned: of the engine, and of dense attention where that was asked."""

    task: str
    length: int
    ours: float
    dense: float | None


def evaluate_ruler(plan: Plan, models: Models, progress: Progress = silent) -> dict[str, Any]:
    """Measure a plan: {"rows": [{task, length, ours, error, dense, difference, difference_error}], "means"}.

    Scores are shares of the expected words and numbers that an answer holds, with standard errors over texts.
    `dense` and the differences are missing beyond the model's trained length.

    Raises:
        InvalidInput: if the haystack is too small.
        ValueError: if the model has no calibrated heads.
    """
    started = time.perf_counter()
    answered = list(_Evaluation(plan, models).answered(progress))
    rows = [_row(task, length, answered) for length in plan.lengths for task in TASKS]
    return {
        "rows": rows,
        "means": [_mean(length, [row for row in rows if row["length"] == length]) for length in plan.lengths],
        "samples": plan.samples,
        "seed": plan.seed,
        "model": models.name,
        "device": str(models.device),
        "seconds": round(time.perf_counter() - started, 1),
    }


class _Evaluation:
    """The engine and the dense baseline, asked about the same texts."""

    def __init__(self, plan: Plan, models: Models) -> None:
        self.plan, self.reader = plan, models.reader
        self.heads = heads.load(models.folder, self.reader.config)
        self.encode = encoder(models.folder)
        self.trained = int(self.reader.config.max_position_embeddings)
        self.dense = Dense(self.reader)

    def answered(self, progress: Progress) -> Iterator[Answered]:
        total, done = 2 * self.plan.samples * sum(self.plan.lengths), 0
        for number in range(self.plan.samples):
            characters = max(self.plan.lengths) * CHARACTERS
            text = natural_text(self.plan.haystack or None, characters, self.plan.seed + number)
            hay = Haystack(text, self.encode)
            for length in self.plan.lengths:
                random = Random(f"{self.plan.seed} {number} {length}")
                for make in (hidden, counting):
                    sample = make(hay, length - ROOM, random, self.encode)
                    yield from self._ask(sample, length)
                    done += length
                    progress("tasks: tokens read", done, total)

    def _ask(self, sample: Sample, length: int) -> Iterator[Answered]:
        """Read one text, by the engine and densely, and ask all of its questions."""
        beside = self.dense.read(sample.ids) if length <= self.trained else None
        with closing(Context(self.reader, self.heads, Memory())) as context:
            context.read(sample.ids)
            for asked in sample.asked:
                question = self.encode(asked.question)[0].tolist()
                blocks = choose(context, question, K).blocks
                said = answer(context, question, blocks, asked.new_tokens)
                theirs = self.dense.answer(beside, question, asked.new_tokens) if beside else None
                yield Answered(
                    asked.task,
                    length,
                    score(self._text(said), asked.expected),
                    None if theirs is None else score(self._text(theirs), asked.expected),
                )

    def _text(self, ids: Sequence[int]) -> str:
        return str(self.reader.tokenizer.decode(ids))


def _row(task: str, length: int, answered: Sequence[Answered]) -> dict[str, Any]:
    mine = [one for one in answered if (one.task, one.length) == (task, length)]
    ours = [one.ours for one in mine]
    row: dict[str, Any] = {"task": task, "length": length, "ours": mean(ours), "error": standard_error(ours)}
    both = [(one.ours, one.dense) for one in mine if one.dense is not None]
    if both:
        beside = paired(both)
        row |= {"dense": beside.lead, "difference": beside.difference, "difference_error": beside.error}
    return row


def _mean(length: int, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Of all tasks at one length."""
    means: dict[str, Any] = {"length": length, "ours": mean(row["ours"] for row in rows)}
    dense = [row["dense"] for row in rows if "dense" in row]
    return means | ({"dense": mean(dense)} if dense else {})
