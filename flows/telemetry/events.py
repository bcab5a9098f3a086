"""Structured log: one line of JSON for every event of a run, to standard error or to a file that is rotated.

The idea: an event has a name, ids and numbers and nothing else, so that no text, title, place or secret can
get into a log, whatever goes wrong; of an error it has the class, since messages name what they are about.
"""

import json
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path

from tasks.errors import writing
from tasks.runs.run import log_folder
from tasks.settings import LogConfig

Fact = str | int | float
"""A number, or the id of a run, stage, document or outcome."""


class _Quiet(logging.Handler):
    """A disk that is full must not end a run that only tells of itself."""

    def handleError(self, record: logging.LogRecord) -> None:
        del record


class _File(_Quiet, RotatingFileHandler):
    pass


class _Stream(_Quiet, logging.StreamHandler):  # type: ignore[type-arg]
    pass


class Events:
    """The log of one run; says nothing unless it is asked for."""

    def __init__(self, run: str, config: LogConfig, home: Path) -> None:
        self.run = run
        self._log = logging.Logger("nightread.events", logging.INFO)  # of its own: nobody else writes here
        if config.json:
            self._log.addHandler(_handler(config, log_path(home)))

    @property
    def kept(self) -> bool:
        """Whether it was asked for."""
        return bool(self._log.handlers)

    def write(self, event: str, facts: Mapping[str, Fact] | None = None) -> None:
        """Tell of an event."""
        if self.kept:
            when = datetime.now(UTC).isoformat(timespec="milliseconds")
            self._log.info(json.dumps({"time": when, "event": event, "run": self.run, **(facts or {})}))

    def close(self) -> None:
        """Let go of the file."""
        for handler in self._log.handlers:
            handler.close()


def log_path(home: Path) -> Path:
    """Where the log of a home lies; earlier parts beside it, as nightread.jsonl.1 and so on."""
    return log_folder(home) / "nightread.jsonl"


def _handler(config: LogConfig, path: Path) -> logging.Handler:
    if not config.file:
        return _Stream(sys.stderr)
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        return _File(path, maxBytes=config.max_mb << 20, backupCount=config.keep, encoding="utf-8")
