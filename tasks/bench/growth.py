"""What decays as one context grows: needles are asked for again at every length, and a passage is predicted.

The idea: one text is read on from length to length, so that between two rows nothing differs but what was
read in between. The needles lie at even depths of the first length and are asked for at every one; others lie
at even depths of what each length adds, and are asked for there. The held-out passage stands nowhere in the
text: its first half is read behind the context, and the likelihood of its second half shows whether the
state that reading goes on from is still sound.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import Any

from model.context import heads
from model.context.answer import window_cache
from model.context.context import Context, Memory
from tasks.bench.grid import MOST_NEEDLES, Grid
from tasks.bench.haystack import Haystack, Placed, encoder, insert
from tasks.bench.headline.predicted import nats
from tasks.bench.needle import CHARACTERS, Outcome, question_outcome, text_of
from tasks.bench.needles import FAMILIES, Needle, make_needles
from tasks.bench.plots import growth_lines
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput
from tasks.infer.models import Models

HELD_OUT = 512
"""Tokens of the passage that is predicted; the first half is only read."""
NEEDLE_TOKENS = 48
"""That a needle takes at most, so that all of a length's lie below it."""
MEASURES = {
    "found_exact": "found by the exact scan",
    "found_index": "found by the index",
    "answer": "answered end to end",
}
"""What is drawn of the first length's needles."""


def evaluate_growth(grid: Grid, models: Models, progress: Progress = silent) -> dict[str, Any]:
    """One context at all lengths of a grid: {"rows": [{length, first, added, nats, seconds}], ...}.

    `first` and `added` hold the mean measures, as `tasks.bench.needle` gives them, of the needles of the
    first length and of those between the length before and this one; `nats` is the mean negative
    log-likelihood of a token of the held-out passage; `seconds` what reading the added tokens took.

    Raises:
        InvalidInput: if the haystack is too small.
        ValueError: if the model has no calibrated heads.
    """
    started = time.perf_counter()
    growth = _Growth(grid, models)
    with TemporaryDirectory(prefix="nightread-growth-") as folder:
        rows = list(growth.rows(Path(folder), progress))
    if grid.figure:
        of_first = {title: [row["first"][name] for row in rows] for name, title in MEASURES.items()}
        growth_lines(grid.figure, grid.lengths, of_first, [row["nats"] for row in rows], models.name)
    return {
        "rows": rows,
        "needles": grid.depths,
        "model": models.name,
        "device": str(models.device),
        "seconds": round(time.perf_counter() - started, 1),
    }


class _Growth:
    """One text with its needles, and the passage that is held out of it."""

    def __init__(self, grid: Grid, models: Models) -> None:
        self.grid, self.reader = grid, models.reader
        self.heads = heads.load(models.folder, self.reader.config)
        self.encode = encoder(models.folder)
        text = text_of(grid, (grid.lengths[-1] + HELD_OUT) * CHARACTERS, grid.seed)
        self.held_out = self.encode(text[-HELD_OUT * CHARACTERS :])[0][-HELD_OUT:].tolist()
        hay = Haystack(text[: -HELD_OUT * CHARACTERS], self.encode)
        self.starts = (0, *grid.lengths[:-1])
        depths = [
            (start + at * (stop - start - NEEDLE_TOKENS * grid.depths)) / grid.lengths[-1]
            for start, stop in zip(self.starts, grid.lengths, strict=True)
            for at in grid.inner
        ]
        needles = self._needles(hay.text)
        self.ids, placed = insert(hay, needles, depths, grid.lengths[-1], self.encode)
        self.placed = [placed[at : at + grid.depths] for at in range(0, len(placed), grid.depths)]

    def _needles(self, text: str) -> list[Needle]:
        """As many for each length; of a kind all names differ, also where several lengths have it."""
        random, each = Random(self.grid.seed), self.grid.depths
        turns = -(-len(self.grid.lengths) // len(FAMILIES))
        if turns * each > MOST_NEEDLES:
            raise InvalidInput(
                f"--depths {each}: at most {MOST_NEEDLES // turns} for {len(self.grid.lengths)} lengths"
            )
        drawn = [make_needles(kind, turns * each, random, text) for kind in range(len(FAMILIES))]
        return [
            needle
            for number in range(len(self.grid.lengths))
            for needle in drawn[number % len(FAMILIES)][number // len(FAMILIES) * each :][:each]
        ]

    def rows(self, folder: Path, progress: Progress) -> Iterator[dict[str, Any]]:
        with closing(Context(self.reader, self.heads, Memory(self.grid.storage, folder=folder))) as context:
            context.cache = self.reader.start()  # of all layers, since a passage is predicted by all of them
            for number, (start, stop) in enumerate(zip(self.starts, self.grid.lengths, strict=True)):
                began = time.perf_counter()
                context.read(self.ids[start:stop], self._counting(len(context), progress))
                spent = time.perf_counter() - began
                first = self._asked(context, self.placed[0])
                yield {
                    "length": stop,
                    "first": first,
                    "added": self._asked(context, self.placed[number]) if number else first,
                    "nats": round(nats(self.reader, window_cache(context), self.held_out), 4),
                    "seconds": round(spent, 1),
                    "tokens_per_s": round((stop - start) / spent, 1),
                }

    def _counting(self, before: int, progress: Progress) -> Callable[[int], None]:
        done = before

        def read(tokens: int) -> None:
            nonlocal done
            done += tokens
            progress("growth: tokens read", done, len(self.ids))

        return read

    def _asked(self, context: Context, placed: Sequence[Placed]) -> Outcome:
        """Means over needles and their wordings."""
        outcomes = []
        for place in placed:
            for wording in place.needle.questions[: self.grid.wordings]:
                question = self.encode(f"\n\n{wording}")[0].tolist()
                outcomes.append(question_outcome(context, question, place, self.grid.ways))
        return {name: round(fmean(one[name] for one in outcomes), 4) for name in outcomes[0]}
