"""Trials: which of several ways is quickest on this machine, timed once and kept for a month.

The idea: a way is a name, and a trial a function that says how many seconds it takes. Times are kept in the
user's cache folder by processor, torch and whatever else decides: a machine that was busy then, or was given
another microcode or fewer cores since, is not judged by them for ever.
"""

import json
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import torch

from model.files import locked, user_cache, write_atomic
from model.hardware import processor

KEPT_DAYS = 30
"""Days after which times are taken anew."""
_ROUNDS = 3
"""Of all candidates in turn; a first round more only warms up."""


@dataclass(frozen=True)
class Times:
    """What each candidate took, and when that was measured."""

    day: date
    seconds: dict[str, float]
    file: Path | None = None
    """Where they were kept; None if they are new."""

    @property
    def quickest(self) -> str:
        return min(self.seconds, key=self.seconds.__getitem__)

    @property
    def finite(self) -> dict[str, float]:
        """Without those that were not run to their end, which take inf."""
        return {name: took for name, took in self.seconds.items() if took < math.inf}

    @property
    def why(self) -> str:
        """Where the times come from, for people."""
        return f"measured on {self.day}, kept in {self.file}" if self.file else "measured now"


def times_of(
    what: str,
    candidates: Sequence[str],
    trial: Callable[[str], float],
    file: Path | None = None,
    today: date | None = None,
) -> Times:
    """Times of the candidates on this machine: those kept in `file`, or new ones, which are kept there.

    A file that cannot be read or written is done without.

    Args:
        what: all that the times depend on beside the machine and torch.
    """
    file, today = file or cache_file(), today or date.today()
    key = f"{processor()}, torch {torch.__version__}, {what}"
    if found := _kept(_read(file).get(key), candidates, today):
        return Times(found.day, found.seconds, file)
    measured = Times(today, _measured(candidates, trial))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with locked(file.with_suffix(".lock")):
            kept = _read(file)
            # workers that start together must choose alike, or they would round differently
            measured = _kept(kept.get(key), candidates, today) or measured
            entry = {"date": measured.day.isoformat(), "seconds": measured.seconds}
            write_atomic(file, json.dumps({**kept, key: entry}, indent=1))
    except OSError:
        pass
    return measured


def spent(work: Callable[[], object], threads: int) -> float:
    """Seconds that a piece of work takes.

    Where other processes wait for the same cores, what a call waits would decide: it is the time of its
    threads that is counted there. Elsewhere that would not tell which way leaves cores idle.
    """
    busy = os.getloadavg()[0] > (os.cpu_count() or 1)
    clock, shares = (time.process_time, threads) if busy else (time.perf_counter, 1)
    started = clock()
    work()
    return (clock() - started) / shares


def cache_file() -> Path:
    """Where times are kept between processes."""
    return user_cache() / "kernels.json"


def _measured(candidates: Sequence[str], trial: Callable[[str], float]) -> dict[str, float]:
    seconds = dict.fromkeys(candidates, math.inf)
    for number in range(_ROUNDS + 1):  # in turns, because a shared machine changes its speed
        for name in seconds:
            took = trial(name)
            if number:
                seconds[name] = min(seconds[name], took)
    return seconds


def _kept(entry: Any, candidates: Sequence[str], today: date) -> Times | None:
    """Times from a file; None if they are too old, or not of today's candidates."""
    try:
        times = Times(date.fromisoformat(entry["date"]), entry["seconds"])
    except (KeyError, TypeError, ValueError):
        return None
    fresh = abs(today - times.day) <= timedelta(days=KEPT_DAYS)  # days ahead: by a clock that was wrong
    return times if fresh and set(times.seconds) == set(candidates) else None


def _read(file: Path) -> dict[str, Any]:
    try:
        kept = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}
