"""Progress of a whole run is weighted by the plan, never falls, and is whole only at the end.

Run: pytest tests/flows/test_progress.py
"""

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.progress import Share, counter, terminal


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


AFTER = {"infer": 60.0, "reduce": 30.0, "remember": 9.0, "report": 1.0}


def planned(spent: float = 0.0) -> Share:
    """A share whose plan has just been made, after so many seconds."""
    clock = Clock()
    share = Share(clock)
    share.enter("parse", 10, "sources")
    share.advance(10)
    clock.now = spent
    share.predict(AFTER)
    return share


def test_a_stage_counts_as_many_percent_as_the_plan_predicts_seconds_for_it() -> None:
    share = planned()
    share.enter("infer", 300_000, "tokens")
    low = share.percent
    share.advance(120_000)
    assert share.percent - low == pytest.approx(0.4 * 0.6 * (99 - low))
    assert str(share) == f"{int(share.percent)} %: infer, 120,000 of 300,000 tokens"
    share.enter("reduce")
    assert share.percent - low == pytest.approx(0.6 * (99 - low))
    assert str(share) == f"{int(share.percent)} %: reduce"


def test_what_came_before_the_plan_has_the_share_it_took() -> None:
    assert planned(spent=300.0).percent < 5.0  # told when the next stage begins
    share = planned(spent=300.0)
    share.enter("infer", 10, "tokens")
    assert share.percent == pytest.approx(75.0)


def test_a_step_that_is_tried_again_does_not_count_past_its_end() -> None:
    share = planned()
    share.enter("infer", 10, "tokens")
    for _ in range(3):
        share.advance(6)
    assert str(share).endswith("infer, 10 of 10 tokens")


def test_only_the_end_of_the_run_is_all_of_it() -> None:
    share = planned()
    for stage in AFTER:
        share.enter(stage, 10, "units")
        share.advance(20)
    assert share.percent < 100
    share.finish()
    assert (share.percent, str(share)) == (100.0, "100 %: done")


STAGES = ("discover", "parse", "shard", "plan", *AFTER)


@given(
    st.lists(st.tuples(st.sampled_from(STAGES), st.integers(0, 50), st.integers(0, 80)), max_size=20),
    st.integers(0, 20),
    st.lists(st.floats(0, 1e6), min_size=4, max_size=4),
    st.floats(0, 1e6),
)
def test_it_never_falls_and_never_leaves_its_bounds(
    steps: list[tuple[str, int, int]], at: int, seconds: list[float], spent: float
) -> None:
    clock = Clock()
    share, before = Share(clock), 0.0
    for number, (stage, total, done) in enumerate(steps):
        if number == at:
            clock.now = spent
            share.predict(dict(zip(AFTER, seconds, strict=True)))
        share.enter(stage, total, "units")
        share.advance(done)
        assert before <= share.percent <= 99.0 + 1e-6
        before = share.percent


class Screen:
    """Standard error that says whether it is a terminal, and keeps what is written to it."""

    encoding = "utf-8"

    def __init__(self, terminal: bool) -> None:
        self.terminal, self.text = terminal, ""

    def isatty(self) -> bool:
        return self.terminal

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass

    def fileno(self) -> int:
        raise OSError


@pytest.mark.parametrize("is_terminal", [True, False])
def test_lines_are_shown_on_a_terminal_and_nowhere_else(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen: Any = Screen(is_terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    with terminal() as lines:
        read = lines.step("infer", "tokens", 300)
        read(120)
        read(180)
    show = counter("passages")
    show("embedding", 1, 2)
    show("embedding", 2, 2)
    assert ("300 of 300 tokens" in screen.text) == is_terminal
    assert bool(screen.text) == is_terminal
