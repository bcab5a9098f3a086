"""The figures of a report: bars of what became of the documents, of where the time went, and of what is long.

The idea: a bar is a rectangle beside its name and its number in a table, so that it can be read by a screen
reader, on a phone, and in the dark.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

LONGEST_BARS = 20
"""Documents in a figure."""
_LONGEST_NAME = 60
LEAST_S = 0.05
"""Seconds below which a stage has no bar."""


@dataclass(frozen=True)
class Bar:
    """A bar: its name, its length beside the longest one, and its number."""

    name: str
    percent: float
    told: str


@dataclass(frozen=True)
class Chart:
    """Bars of one kind."""

    name: str
    bars: tuple[Bar, ...]


def charts(outcome: Mapping[str, Any]) -> list[Chart]:
    """The figures of a run's outcome; none where it has too little for one."""
    stages = {name: amount for name, amount in outcome.get("stages", {}).items() if amount >= LEAST_S}
    long = [(_shortened(row["title"] or row["source"]), row["tokens"]) for row in outcome.get("longest", ())]
    made = [
        _chart("Sources by what became of them", outcome.get("became", {}).items(), "{:,}"),
        _chart("Seconds by stage", stages.items(), "{:,.1f} s"),
        _chart("Tokens of the longest documents read now", long if len(long) > 1 else (), "{:,}"),
    ]
    return [chart for chart in made if chart.bars]


def _chart(name: str, values: Iterable[tuple[str, float]], form: str) -> Chart:
    some = list(values)
    most = max((value for _, value in some), default=0)
    return Chart(
        name, tuple(Bar(one, round(100 * value / most, 1), form.format(value)) for one, value in some)
    )


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 3]}..."
