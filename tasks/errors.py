"""Errors, named by what the pipeline must do with them.

NightreadError
├── InvalidInput    abort: the user asked for something that cannot be done; exit code 2
├── BadDocument     quarantine: one document cannot be read; the run goes on and says so
└── Transient       retry: the world may be different in a moment (network, store, lock)
"""


class NightreadError(Exception):
    """Base of every error Nightread raises on purpose."""


class InvalidInput(NightreadError):
    """Abort. The message names the offending value and the remedy."""


class BadDocument(NightreadError):
    """Quarantine. `outcome` is one of `tasks.schema.OUTCOMES`, `reason` says what was seen."""

    def __init__(self, outcome: str, reason: str) -> None:
        super().__init__(f"{outcome}: {reason}")
        self.outcome = outcome
        self.reason = reason


class Transient(NightreadError):
    """Retry. Nothing was lost; the same call may succeed later."""
