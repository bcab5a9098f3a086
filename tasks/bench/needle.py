"""Needle in a haystack: is a fact hidden in a long text found, and is the question for it answered?

The idea: sources of error are measured apart. The exact scan shows whether the calibrated heads find the
needle, so that its number lies in one of the chosen blocks or next to it; the index, whether approximate
search does too; an answer given the needle's own blocks, whether the model can read them; the answer end to
end, what a user gets; and the model's dense attention, within its trained length, what the model could do.

The measure is that of Kamradt 2023, "Needle In A Haystack: pressure testing LLMs", with several keys as in
Hsieh et al. 2024, "RULER".
"""

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any

from model.context import heads
from model.context.answer import answer, candidates
from model.context.context import Context, Memory
from model.context.index import IndexSizes
from model.context.retrieve import Chosen, choose
from model.context.segmented import SegmentedContext
from model.geometry import BLOCK
from model.reader import Reader
from tasks.bench.dense import Dense
from tasks.bench.grid import Grid, Trial, trials
from tasks.bench.haystack import Haystack, Placed, encoder, filler, insert
from tasks.bench.natural_text import natural_text
from tasks.bench.needles import correct, make_needles
from tasks.bench.plots import heat_maps
from tasks.bench.progress import Progress, silent
from tasks.infer.models import Models

K = 16
"""Blocks that are chosen."""
NEW_TOKENS = 12
CHARACTERS = 6
"""Characters of haystack requested per token: more than any usual tokenizer takes."""

MEASURES = {
    "found_exact": "found by the exact scan",
    "found_index": "found by the index",
    "answer_given_blocks": "answered from its blocks",
    "answer": "answered end to end",
}
"""Measures that are drawn, each with its title."""
Outcome = dict[str, float]
"""Measures of one question, each 0 or 1, and the work it took."""


def evaluate_needle(
    grid: Grid, models: Models, progress: Progress = silent, index_sizes: IndexSizes | None = None
) -> dict[str, Any]:
    """Measure a grid: {"cells": [{length, depth, keys, found_exact, ...}], "summary": {...}, ...}.

    Every value of a cell is the mean over its needles and their wordings. `always_attended` is the share of
    needles that every answer sees, being in the first block or in a short text: they count as found.

    Args:
        index_sizes: of the contexts' index; those of any context by default.

    Raises:
        InvalidInput: if the haystack is too small.
        ValueError: if the model has no calibrated heads.
    """
    started = time.perf_counter()
    evaluation = _Evaluation(grid, models, index_sizes)
    cells: dict[tuple[int, float], list[Outcome]] = {}
    for trial, depth, outcome in evaluation.outcomes(_reporting(grid, progress)):
        cells.setdefault((trial.length, depth), []).append(outcome)
    rows = [_cell(grid, *place, outcomes) for place, outcomes in sorted(cells.items())]
    if grid.figure:
        _draw(grid, rows, models.name)
    return {
        "cells": rows,
        "summary": _summary(rows),
        "grid": asdict(grid),
        "text": "filler" if grid.filler else "natural",
        "model": models.name,
        "device": str(models.device),
        "dtype": str(models.precision),
        "blocks_chosen": K,
        "tokens_read": _total(grid),
        "seconds": round(time.perf_counter() - started, 1),
    }


def _total(grid: Grid) -> int:
    return grid.needles * sum(trial.length for trial in trials(grid))


def _reporting(grid: Grid, progress: Progress) -> Callable[[int], None]:
    """A callback for tokens just read."""
    done, total = 0, _total(grid)

    def read(tokens: int) -> None:
        nonlocal done
        done += tokens
        progress("needle: tokens read", done, total)

    return read


class _Evaluation:
    """The engine, and the dense baseline beside it, queried for every needle of a grid."""

    def __init__(self, grid: Grid, models: Models, index_sizes: IndexSizes | None) -> None:
        self.grid, self.reader, self.index_sizes = grid, models.reader, index_sizes
        self.heads = heads.load(models.folder, self.reader.config)
        self.encode = encoder(models.folder)
        self.trained = int(self.reader.config.max_position_embeddings)
        self.dense = Dense(self.reader)

    def outcomes(self, read: Callable[[int], None]) -> Iterator[tuple[Trial, float, Outcome]]:
        """For every question of the grid: its context, the needle's depth, and its measures."""
        longest = max(self.grid.lengths)
        for number in range(self.grid.needles):
            hay = Haystack(text_of(self.grid, longest * CHARACTERS, self.grid.seed + number), self.encode)
            for trial in trials(self.grid):
                random = Random(f"{self.grid.seed} {number} {trial.length} {trial.depths}")
                needles = make_needles(number, len(trial.depths), random, hay.text)
                ids, placed = insert(hay, needles, trial.depths, trial.length, self.encode)
                for which, outcome in self._read_and_ask(ids, trial, placed, read):
                    yield trial, trial.depths[which], outcome

    def _read_and_ask(
        self, ids: list[int], trial: Trial, placed: Sequence[Placed], read: Callable[[int], None]
    ) -> Iterator[tuple[int, Outcome]]:
        """Read one context, once by the engine and once densely, and ask the trial's questions."""
        dense_cache = self.dense.read(ids) if trial.length <= self.trained else None
        with (
            tempfile.TemporaryDirectory(prefix="nightread-needle-") as folder,
            closing(self._context(Path(folder))) as context,
        ):
            context.read(ids, read)
            apart = self._segmented(ids) if self.grid.segments > 1 else None
            for which in trial.asked:
                for wording in placed[which].needle.questions[: self.grid.wordings]:
                    question = self.encode(f"\n\n{wording}")[0].tolist()
                    outcome = question_outcome(context, question, placed[which], self.grid.ways)
                    if apart:
                        outcome |= segments_outcome(apart, question, placed[which])
                    if dense_cache:
                        said = self.dense.answer(dense_cache, question, NEW_TOKENS)
                        outcome["answer_dense"] = _correct(self.reader, said, placed[which])
                    yield which, outcome

    def _segmented(self, ids: list[int]) -> SegmentedContext:
        memory = Memory(self.grid.storage)
        apart = SegmentedContext(self.reader, self.heads, ids, memory, self.grid.segments)
        apart.read()
        return apart

    def _context(self, folder: Path) -> Context:
        kv, sizes = "kv" in self.grid.ways, self.index_sizes
        memory = Memory(self.grid.storage, kv=kv, folder=folder, index_sizes=sizes)
        return Context(self.reader, self.heads, memory)


def text_of(grid: Grid, characters: int, seed: int) -> str:
    """The haystack that a grid asks for, so many characters of it."""
    return filler(characters) if grid.filler else natural_text(grid.haystack or None, characters, seed)


def question_outcome(
    context: Context, question: Sequence[int], place: Placed, ways: Sequence[str]
) -> Outcome:
    """All that a question for a needle tells: `search_outcome` and `answer_outcome`."""
    exact = choose(context, question, K)
    found = search_outcome(context, question, exact, place)
    return found | answer_outcome(context, question, exact, place, ways)


def sees(context: Context, place: Placed, blocks: Sequence[int]) -> float:
    """Whether a needle's number lies in what an answer may see when these blocks are chosen, 1 or 0.

    That is the first block, those blocks, and the neighbours of each.
    """
    return float(_blocks(place.value) <= set(candidates(len(context), [*blocks, 0])))


def search_outcome(context: Context, question: Sequence[int], exact: Chosen, place: Placed) -> Outcome:
    """Whether the needle's number lies in or beside the blocks chosen by the exact scan, and by the index."""
    fast = choose(context, question, K, "index") if context.index.trained else exact
    return {
        "always_attended": sees(context, place, []),
        "found_exact": sees(context, place, exact.blocks),
        "found_index": sees(context, place, fast.blocks),
        "recall_index": len(set(exact.blocks) & set(fast.blocks)) / max(len(exact.blocks), 1),
        "indexed": float(context.index.trained),
        "visited_exact": float(exact.visited),
        "visited_index": float(fast.visited),
        "seconds_exact": exact.seconds,
        "seconds_index": fast.seconds,
    }


def answer_outcome(
    context: Context, question: Sequence[int], exact: Chosen, place: Placed, ways: Sequence[str]
) -> Outcome:
    """Whether the answer is correct, given the needle's own blocks and end to end, in each of `ways`.

    The first way's measures have no suffix; those of a second way end in its name.
    """
    given = {"answer_given_blocks": sorted(_blocks(place.sentence)), "answer": exact.blocks}
    outcome: Outcome = {}
    for number, way in enumerate(ways):
        suffix = f"_{way}" if number else ""
        for name, blocks in given.items():
            said = answer(context, question, blocks, NEW_TOKENS, way)
            outcome[name + suffix] = _correct(context.reader, said, place)
    return outcome


def segments_outcome(apart: SegmentedContext, question: Sequence[int], place: Placed) -> Outcome:
    """Whether the number is found, and the answer correct, where the text was read as segments."""
    chosen = apart.choose(question, K)
    seen = set(candidates(len(apart.ids), [*chosen.blocks, 0]))
    said = apart.answer(question, chosen.blocks, NEW_TOKENS)
    return {
        "found_segments": float(_blocks(place.value) <= seen),
        "answer_segments": _correct(apart.reader, said, place),
    }


def _correct(reader: Reader, generated: Sequence[int], place: Placed) -> float:
    return float(correct(reader.tokenizer.decode(generated), place.needle.value))


def _blocks(tokens: range) -> set[int]:
    return set(range(tokens.start // BLOCK, (tokens.stop - 1) // BLOCK + 1))


def _cell(grid: Grid, length: int, depth: float, outcomes: list[Outcome]) -> dict[str, Any]:
    means = {name: round(fmean(outcome[name] for outcome in outcomes), 4) for name in outcomes[0]}
    place = {"length": length, "depth": depth, "keys": grid.hidden, "questions": len(outcomes)}
    return place | means | {"indexed": bool(means["indexed"])}


def _summary(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means over all cells, over those whose needle a question has to recall, and for every length."""
    lengths = sorted({cell["length"] for cell in cells})
    return {
        **_means(cells),
        "to_recall": _means([cell for cell in cells if not cell["always_attended"]]),
        "by_length": {
            str(length): _means([cell for cell in cells if cell["length"] == length]) for length in lengths
        },
    }


def _means(cells: Sequence[dict[str, Any]]) -> dict[str, float]:
    kinds = ("found_", "recall_", "visited_", "seconds_", "answer")
    names = [name for name in (cells[0] if cells else ()) if name.startswith(kinds)]
    dense = [name for cell in cells for name in cell if name == "answer_dense"]
    return {
        name: round(fmean(cell[name] for cell in cells if name in cell), 4)
        for name in dict.fromkeys([*names, *dense])
    }


def _draw(grid: Grid, cells: Sequence[dict[str, Any]], model: str) -> None:
    """Length by depth, one panel for each of `MEASURES`."""
    assert grid.figure
    of = {(cell["length"], cell["depth"]): cell for cell in cells}
    panels = {
        title: [[of[length, depth][name] for length in grid.lengths] for depth in grid.at]
        for name, title in MEASURES.items()
    }
    text = "filler" if grid.filler else "natural text"
    needles = f"1 of {grid.hidden} needles" if grid.hidden > 1 else "one needle"
    columns, rows = [f"{length:,}" for length in grid.lengths], [f"{depth:.0%}" for depth in grid.at]
    heat_maps(grid.figure, panels, columns, rows, f"{model}: {needles} in {text}, percent of questions")
