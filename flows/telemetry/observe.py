"""A run as it is observed: its log, its metrics and its trace, told of every stage from one place."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from flows.telemetry.events import Events, Fact
from flows.telemetry.facts import documents, facts
from flows.telemetry.metrics import Metrics
from flows.telemetry.traces import Traces
from tasks.runs.run import Run

if TYPE_CHECKING:
    from flows.config import ReadConfig


class Observer:
    """What is told of one run."""

    def __init__(self, run: Run, config: "ReadConfig") -> None:
        self.metrics = Metrics(config.metrics.textfile, run.ledger)
        self.events = Events(run.run, config.log, run.home)
        self.traces = Traces(run.run)

    @property
    def listens(self) -> bool:
        """Whether anything that is told is kept anywhere: where not, nothing is counted for it."""
        return self.events.kept or bool(self.metrics.path) or self.traces.sent


_observers: dict[str, Observer] = {}
"""By the id of the run: a stage may run in another thread than its flow."""


@contextmanager
def observed(run: Run, config: "ReadConfig") -> Iterator[None]:
    """Tell of the run whose block this is; enter it before the ledger notes how the run ends."""
    observer = Observer(run, config)
    if observer.listens:
        _observers[run.run] = observer
    observer.events.write("run started")
    try:
        with observer.traces.span("read"):
            yield
        observer.events.write("run finished", {"seconds": _since(run.started)})
    except BaseException as error:
        observer.events.write("run failed", {"error": type(error).__name__, "seconds": _since(run.started)})
        raise
    finally:
        _observers.pop(run.run, None)
        observer.metrics.end()
        observer.events.close()
        observer.traces.close()


@contextmanager
def stage(run: Run, name: str, arguments: Sequence[Any]) -> Iterator[list[Any]]:
    """Time a stage and tell of it; its result is to be put into the list."""
    results: list[Any] = []
    observer, began = _observers.get(run.run), time.monotonic()
    if observer is None:
        with run.stage(name):
            yield results
        return
    told: dict[str, Fact] = {"stage": name}
    observer.events.write("stage started", told)
    try:
        with run.stage(name), observer.traces.span(name) as attributes:
            yield results
            counts = facts(name, results[0])
            attributes |= counts
    except BaseException as error:
        observer.events.write(
            "stage failed", {**told, "error": type(error).__name__, "seconds": _since(began)}
        )
        raise
    for one in documents(name, arguments, results[0]) if observer.events.kept else ():
        observer.events.write("document", {**told, **one})
    observer.events.write("stage finished", {**told, "seconds": _since(began), **counts})
    observer.metrics.stage(name, round(run.stages[name], 3), counts)


def _since(began: float) -> float:
    return round(time.monotonic() - began, 3)
