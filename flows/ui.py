"""What a person sees while a run works and after it: progress bars, a table, a report in Prefect's UI."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.context import FlowRunContext

from flows.progress import bar as progress_bar

_UPDATE_S = 5.0
"""The server is told no more often than this."""


def progress(step: str, unit: str, total: int = 0) -> Callable[[int], None]:
    """A counter of finished units: a bar with rate and time left; an artifact where the total is known."""
    bar = progress_bar(step, unit, total)
    known = bool(total) and FlowRunContext.get() is not None
    artifact: Any = create_progress_artifact(0.0, description=f"{step}: {total} {unit}") if known else None
    told, done = time.monotonic(), 0

    def advance(amount: int) -> None:
        nonlocal told, done
        bar.update(amount)
        done += amount  # a bar that is not shown does not count
        finished = bool(total) and done >= total
        if artifact is not None and (finished or time.monotonic() - told > _UPDATE_S):
            told = time.monotonic()
            update_progress_artifact(artifact, min(100.0, 100.0 * done / total))
        if finished:
            bar.close()

    return advance


def publish_report(outcome: dict[str, Any]) -> None:
    """The run's report and its table of documents as artifacts of the flow run."""
    create_markdown_artifact(Path(outcome["report_md"]).read_text(), key="report", description=outcome["run"])
    create_table_artifact(outcome["table"], key="documents", description=outcome["run"])
