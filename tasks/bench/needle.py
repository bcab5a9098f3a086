"""Needle in a haystack: is a fact hidden in a long text found again, and is it told?

The idea: what goes wrong is separated. The exact scan says whether the calibrated heads can find the needle,
so that its number lies in one of the chosen blocks or next to it, the index whether the fast path does too,
an answer from the needle's true blocks whether the model can tell what it is shown, the answer end to end
what a user gets, and the model's own dense attention, within the lengths it was trained for, what the model
could do.

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

import torch
from transformers import DynamicCache

from model.context import heads
from model.context.answer import answer, candidates
from model.context.context import Context, Memory
from model.context.retrieve import choose
from model.geometry import BLOCK
from model.reader import Reader
from tasks.bench.asking import Progress, silent
from tasks.bench.grid import Grid, Trial, trials
from tasks.bench.haystack import haystack
from tasks.bench.needles import Haystack, Placed, correct, encoder, filler, hide, make_needles
from tasks.bench.plots import heat_maps
from tasks.infer.windows import Models

K = 16
"""Blocks that are chosen."""
NEW_TOKENS = 12
_CHARACTERS = 6
"""Characters of haystack asked for every token: more than any usual tokenizer takes."""

MEASURES = {
    "found_exact": "found by the exact scan",
    "found_index": "found by the index",
    "answer_given_blocks": "answered from its blocks",
    "answer": "answered end to end",
}
"""What is drawn, and under which title."""
Outcome = dict[str, float]
"""One question's measures, each 0 or 1, and what it took."""


def evaluate_needle(grid: Grid, models: Models, progress: Progress = silent) -> dict[str, Any]:
    """Measure a grid: {"cells": [{length, depth, keys, found_exact, ...}], "summary": {...}, ...}.

    Every value of a cell is the mean over its needles and their wordings. `always_attended` is the share of
    needles that an answer sees whatever is chosen, in the first block or in a short text: they are found.

    Raises:
        InvalidInput: if the haystack is too small.
        ValueError: if the model has no calibrated heads.
    """
    started = time.perf_counter()
    asker = _Asker(grid, models)
    cells: dict[tuple[int, float], list[Outcome]] = {}
    for trial, depth, outcome in asker.outcomes(_reporting(grid, progress)):
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
        "dtype": str(models.dtype).removeprefix("torch."),
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


class _Asker:
    """The engine, and the dense model beside it, asked for every needle of a grid."""

    def __init__(self, grid: Grid, models: Models) -> None:
        self.grid, self.reader = grid, models.reader
        self.heads = heads.load(models.folder, self.reader.config)
        self.encode = encoder(models.folder)
        self.trained = int(self.reader.config.max_position_embeddings)
        wanted = min(grid.lengths) <= self.trained
        self.dense = _Dense(models.reader) if wanted else None

    def outcomes(self, read: Callable[[int], None]) -> Iterator[tuple[Trial, float, Outcome]]:
        """Every question of the grid: the context it is asked of, the needle's depth, and what came of it."""
        longest = max(self.grid.lengths)
        for number in range(self.grid.needles):
            hay = Haystack(self._text(longest * _CHARACTERS, self.grid.seed + number), self.encode)
            for trial in trials(self.grid):
                random = Random(f"{self.grid.seed} {number} {trial.length} {trial.depths}")
                needles = make_needles(number, len(trial.depths), random, hay.text)
                ids, placed = hide(hay, needles, trial.depths, trial.length, self.encode)
                for which, outcome in self._ask_all(ids, trial, placed, read):
                    yield trial, trial.depths[which], outcome

    def _text(self, characters: int, seed: int) -> str:
        if self.grid.filler:
            return filler(characters)
        return haystack(self.grid.haystack or None, characters, seed)

    def _ask_all(
        self, ids: list[int], trial: Trial, placed: Sequence[Placed], read: Callable[[int], None]
    ) -> Iterator[tuple[int, Outcome]]:
        """Read one context, once by the engine and once densely, and ask for what the trial asks for."""
        dense = self.dense if trial.length <= self.trained else None
        whole = dense.read(ids) if dense else None
        with (
            tempfile.TemporaryDirectory(prefix="nightread-needle-") as folder,
            closing(self._context(Path(folder))) as context,
        ):
            context.read(ids, read)
            for which in trial.asked:
                for wording in placed[which].needle.questions[: self.grid.wordings]:
                    question = self.encode(f"\n\n{wording}")[0].tolist()
                    outcome = self._ask(context, question, placed[which])
                    if dense and whole:
                        told = dense.answer(whole, question)
                        outcome["answer_dense"] = self._right(told, placed[which])
                    yield which, outcome

    def _context(self, folder: Path) -> Context:
        memory = Memory(self.grid.storage, kv="kv" in self.grid.ways, folder=folder)
        return Context(self.reader, self.heads, memory)

    def _ask(self, context: Context, question: list[int], place: Placed) -> Outcome:
        seen, value = _candidates(context, []), _blocks(place.value)
        exact = choose(context, question, K)
        fast = choose(context, question, K, "index") if context.index.ready else exact
        outcome = {
            "always_attended": float(value <= seen),
            "found_exact": float(value <= _candidates(context, exact.blocks)),
            "found_index": float(value <= _candidates(context, fast.blocks)),
            "recall_index": len(set(exact.blocks) & set(fast.blocks)) / max(len(exact.blocks), 1),
            "indexed": float(context.index.ready),
            "visited_exact": float(exact.visited),
            "visited_index": float(fast.visited),
            "seconds_exact": exact.seconds,
            "seconds_index": fast.seconds,
        }
        for number, way in enumerate(self.grid.ways):
            suffix = f"_{way}" if number else ""
            for name, blocks in (
                ("answer_given_blocks", sorted(_blocks(place.sentence))),
                ("answer", exact.blocks),
            ):
                told = answer(context, question, blocks, NEW_TOKENS, way)
                outcome[name + suffix] = self._right(told, place)
        return outcome

    def _right(self, told: list[int], place: Placed) -> float:
        return float(correct(self.reader.tokenizer.decode(told), place.needle.value))


def _blocks(tokens: range) -> set[int]:
    return set(range(tokens.start // BLOCK, (tokens.stop - 1) // BLOCK + 1))


def _candidates(context: Context, blocks: list[int]) -> set[int]:
    """Blocks that an answer is chosen from, given these: the sinks, they, and their neighbours."""
    return {0, *candidates(len(context), blocks)}


class _Dense:
    """The reader's model as published: every token attends to all before it."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def read(self, ids: Sequence[int]) -> Any:
        """Keys and values of a whole context, read in one pass."""
        cache = DynamicCache()
        self._next(cache, ids)
        return cache

    def answer(self, cache: Any, question: Sequence[int]) -> list[int]:
        """Greedy continuation of the question; the cache is left as it was."""
        length, step = cache.get_seq_length(), list(question)
        written: list[int] = []
        while len(written) < NEW_TOKENS and (token := self._next(cache, step)) not in self.reader.stops:
            written.append(token)
            step = [token]
        cache.crop(length - cache.get_seq_length())
        return written

    @torch.inference_mode()
    def _next(self, cache: Any, ids: Sequence[int]) -> int:
        model = self.reader.model
        with self.reader.dense():
            ids_BQ = torch.tensor([ids], device=model.device)
            output = model(input_ids=ids_BQ, past_key_values=cache, logits_to_keep=1)
        return int(output.logits[0, -1].argmax())


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
