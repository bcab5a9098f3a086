"""Progress of work that somebody waits for: how far a whole run is, and lines on the terminal.

The idea: before its plan a run cannot know how long it will take, so what comes before it is given a few
percent; after it each stage has the share of the seconds that the plan predicts for it. The share never
falls, and is whole only when the run is over. Nothing here knows Prefect.
"""

import atexit
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

BEFORE_PLAN = {"discover": 1.0, "parse": 3.0, "shard": 1.0, "plan": 0.0}
"""Percent of a run, by stage, for what must be done to know the plan."""
OVER = 100.0
_LAST = 99.0
"""Percent of a run whose stages are all done, before it is marked as finished."""


class Share:
    """Percent of a whole run that is done, and the stage it is in."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.percent, self.stage, self.unit, self.done, self.total = 0.0, "", "", 0, 0
        self._clock, self._began = clock, clock()
        self._spans: dict[str, tuple[float, float]] = {}
        self._lay_out(BEFORE_PLAN, 0.0, sum(BEFORE_PLAN.values()))

    def predict(self, seconds: Mapping[str, float]) -> None:
        """Share out what is left among the stages to come, by the seconds they are expected to take."""
        spent, left = self._clock() - self._began, sum(seconds.values())
        low = max(self.percent, min(_LAST, OVER * spent / (spent + left))) if left else self.percent
        self._lay_out(seconds, low, _LAST)

    def _lay_out(self, weights: Mapping[str, float], low: float, high: float) -> None:
        scale = (high - low) / (sum(weights.values()) or 1.0)
        for stage, weight in weights.items():
            self._spans[stage] = (low, low + weight * scale)
            low += weight * scale

    def enter(self, stage: str, total: int = 0, unit: str = "") -> None:
        """A stage begins; what was before it is done."""
        self.stage, self.total, self.unit, self.done = stage, total, unit, 0
        self._rise(0.0)

    def advance(self, amount: int, total: int = 0) -> None:
        """So many more units of the stage are done; of `total`, where that is known only now."""
        self.total = total or self.total
        self.done += amount
        if self.total:  # a step that is tried again counts from its start
            self.done = min(self.done, self.total)
        self._rise(min(1.0, self.done / self.total) if self.total else 0.0)

    def finish(self) -> None:
        """The run is over."""
        self.percent, self.stage, self.total = OVER, "done", 0

    def _rise(self, part: float) -> None:
        low, high = self._spans.get(self.stage, (self.percent, self.percent))
        self.percent = max(self.percent, low + part * (high - low))

    def __str__(self) -> str:
        """Such as "62 %: infer, 120,000 of 300,000 tokens"."""
        counts = f", {self.done:,} of {self.total:,} {self.unit}" if self.total else ""
        return f"{int(self.percent)} %: {self.stage}{counts}"


class Lines:
    """A line on the terminal for every step: bar, counts, rate, time left; silent where there is none."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), _Counts(), TimeRemainingColumn())
        self._shown = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
        self._steps: dict[str, TaskID] = {}

    def show(self, step: str, done: int, total: int, unit: str) -> None:
        """A step has done so much, of a `total` that is 0 while it is not known."""
        if self._shown.disable:
            return
        if step not in self._steps:
            self._shown.start()
            self._steps[step] = self._shown.add_task(step, total=total or None, unit=unit)
        self._shown.update(self._steps[step], completed=done, total=total or None)

    def step(self, step: str, unit: str, total: int) -> Callable[[int], None]:
        """A step of known size: what is to be called with how many more units are done."""
        done = 0

        def advance(amount: int) -> None:
            nonlocal done
            done += amount
            self.show(step, done, total, unit)

        return advance

    def close(self) -> None:
        """Leave the lines as they are, and give the terminal back."""
        self._shown.stop()


class _Counts(ProgressColumn):
    """Such as "120,000 of 300,000 tokens, 2,300/s"."""

    def render(self, task: Task) -> Text:
        of = f" of {task.total:,.0f}" if task.total else ""
        rate = f", {task.speed:,.0f}/s" if task.speed and task.speed >= 1 else ""
        return Text(f"{task.completed:,.0f}{of} {task.fields['unit']}{rate}")


def counter(unit: str = "done") -> Callable[[str, int, int], None]:
    """A callback (step, done, total) that shows a line for each step."""
    lines = Lines()
    atexit.register(lines.close)  # an error may end the command while the cursor is hidden

    def show(step: str, done: int, total: int) -> None:
        lines.show(step, done, total, unit)

    return show


@contextmanager
def terminal() -> Iterator[Lines]:
    """Lines for the time of a block."""
    lines = Lines()
    try:
        yield lines
    finally:
        lines.close()
