"""Errors, named by what the pipeline must do with them.

NightreadError
├── InvalidInput    abort: the user asked for something that cannot be done; exit code 2
│   └── NotFound    there is nothing of the name that was given
├── BadDocument     quarantine: one document cannot be read; the run goes on and says so
└── Transient       retry: the world may be different in a moment (network, store, lock)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class NightreadError(Exception):
    """Base of every error Nightread raises on purpose."""


class InvalidInput(NightreadError):
    """Abort. The message names the offending value and the remedy."""


class NotFound(InvalidInput):
    """Abort. There is nothing of the name that was given."""


class BadDocument(NightreadError):
    """Quarantine. `outcome` is one of `tasks.schema.OUTCOMES`, `reason` says what was seen."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason


class Transient(NightreadError):
    """Retry. Nothing was lost; the same call may succeed later."""


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Within the block `place` is created or written; an error of the disk names it and the remedy.

    Raises:
        InvalidInput: in place of the OSError.
    """
    try:
        yield
    except OSError as error:
        raise unwritable(place, error.strerror or str(error)) from error


def unwritable(place: Path, reason: str) -> InvalidInput:
    """The error of a place that cannot be written."""
    remedy = "make it writable or free some space, or use another folder with home=FOLDER"
    return InvalidInput(f"{place} cannot be written ({reason}): {remedy}")
