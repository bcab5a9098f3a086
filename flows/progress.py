"""Bars on the terminal of whoever waits; silent where standard error is no terminal."""

import sys
from collections.abc import Callable

from tqdm import tqdm


def bar(step: str, unit: str, total: int = 0) -> "tqdm[None]":
    """Rate so far, and the time left where the total is known."""
    return tqdm(total=total or None, desc=step, unit=f" {unit}", file=sys.stderr, disable=None)


def counter(unit: str = "done") -> Callable[[str, int, int], None]:
    """A callback (step, done, total) that shows one bar for each step."""
    bars: dict[str, tqdm[None]] = {}

    def show(step: str, done: int, total: int) -> None:
        if step not in bars:
            bars[step] = bar(step, unit, total)
        if not bars[step].disable:
            bars[step].update(done - bars[step].n)
        if done >= total:
            bars[step].close()

    return show
