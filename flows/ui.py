"""What a person sees of a run in Prefect and on the terminal: its name, its progress, its log, its report."""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from httpx import HTTPError
from prefect import get_run_logger, runtime
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext
from prefect.exceptions import MissingContextError

from flows.progress import Lines, Share, terminal
from tasks.plan.estimate import Estimate
from tasks.text.visible import printable

UPDATE_S = 5.0
"""Least seconds between two updates of the progress artifact."""
AWAY_S = 300.0
"""How long a server that restarts is waited for before a report is not shown there."""
UNKNOWN = {"infer": 4.0, "reduce": 2.0, "embed": 4.0, "relate": 0.3, "remember": 0.7, "report": 0.1}
"""How long stages take beside each other on a machine that has shown no rates yet."""


def corpus_name(uris: list[str]) -> str:
    """A short name for a corpus: the last part of its uri, and how many more there are."""
    first = uris[0].rstrip("/") if uris else ""
    name = first.rpartition("/")[2].rpartition("@")[2] or first.rpartition("@")[2] or "nothing"
    return f"{name} and {len(uris) - 1} more" if len(uris) > 1 else name


def run_name() -> str:
    """Name of the flow run that begins: its corpus and when, such as "papers 2026-11-29 02:00"."""
    when = runtime.flow_run.scheduled_start_time or datetime.now().astimezone()
    uris = runtime.flow_run.parameters.get("uris") or []
    return f"{corpus_name(list(uris))} {when.astimezone():%Y-%m-%d %H:%M}"


class _RunLog(logging.Handler):
    """Hands what the steps log to the run, or the task run, whose code is running."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = get_run_logger()
        except MissingContextError:  # a thread of a library's, outside any run
            return
        log.log(record.levelno, printable(record.getMessage()))


@contextmanager
def logged() -> Iterator[None]:
    """What the steps log appears on the run's page."""
    log, handler = logging.getLogger("nightread"), _RunLog()
    level, propagate = log.level, log.propagate
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    log.propagate = False  # Prefect's own handlers show it from here on
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


class RunProgress:
    """Progress of a whole run: lines on the terminal, and one artifact on the run's page."""

    def __init__(self, lines: Lines) -> None:
        self.share, self.lines, self.updated = Share(), lines, time.monotonic()
        self.artifact: Any = None
        if FlowRunContext.get() is not None:
            with suppress(HTTPError):  # a server that restarts costs a look at the progress, and not the run
                self.artifact = create_progress_artifact(0.0, "progress", "0 %: discover")

    def __call__(self, name: str, unit: str, total: int = 0) -> Callable[..., None]:
        """A stage begins. Returns what is to be called with how many more units are done, and of how many."""
        self.share.enter(name, total, unit)
        self._publish()

        def advance(amount: int, of: int = 0) -> None:
            self.share.advance(amount, of)
            self.lines.show(name, self.share.done, self.share.total, unit)
            if time.monotonic() - self.updated > UPDATE_S:
                self._publish()

        return advance

    def predict(self, cost: Estimate, tokens_left: int) -> None:
        """The plan is known: weigh the stages to come by its seconds."""
        if not cost.seconds:
            self.share.predict(UNKNOWN)
            return
        start_s = cost.seconds - cost.read_s - cost.write_s - cost.embed_s
        read_s = cost.read_s * min(1.0, tokens_left / cost.tokens)
        seconds = {
            "infer": read_s + start_s / 2,
            "reduce": cost.write_s,
            "embed": cost.embed_s,
            "relate": 0.05 * cost.embed_s,
            "remember": start_s / 2,
        }
        self.share.predict({**seconds, "report": 1.0})

    def finish(self) -> None:
        """The run is over."""
        self.share.finish()
        self._publish()

    def _publish(self) -> None:
        self.updated = time.monotonic()
        if self.artifact is None:
            return
        with suppress(HTTPError):
            update_progress_artifact(self.artifact, self.share.percent, str(self.share))


@contextmanager
def run_progress() -> Iterator[RunProgress]:
    """Progress of the run whose block this is, complete when that ends well."""
    with terminal() as lines:
        progress = RunProgress(lines)
        yield progress
        progress.finish()


def publish_report(outcome: dict[str, Any]) -> None:
    """The run's report and its table of documents as artifacts of the flow run.

    What was read is published by now: a server that does not answer is waited for, and then done without.
    """
    text = Path(outcome["report_md"]).read_text(encoding="utf-8")
    until = time.monotonic() + AWAY_S
    while True:
        try:
            create_markdown_artifact(text, key="report", description=outcome["run"])
            create_table_artifact(outcome["table"], key="documents", description=outcome["run"])
            return
        except HTTPError as error:
            if time.monotonic() > until:
                logging.getLogger("nightread").warning("the report is not shown in Prefect: %s", error)
                return
        time.sleep(UPDATE_S)
