"""How a watcher starts a read: in its own process, or through a deployment of a Prefect server.

The idea: both take the same and end when the run has ended, well or with an error. A run of a deployment
outlives the watcher: its id is noted before it is awaited, and a watcher started again awaits it first.
"""

import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.drops.gathering import FOREVER
from tasks.errors import InvalidInput, Transient
from tasks.ingest.home.remote import shown
from tasks.ingest.watch.state import State
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from flows.config import RunConfig

DEPLOYMENT = "read/read"
"""What `nightread serve` serves."""
AWAIT_S = 2.0
"""Seconds between two questions whether a run of a deployment has ended."""


@dataclass(frozen=True)
class Wanted:
    """A read that is to be started."""

    uri: str
    allow_retire: bool
    keep_gone: bool
    key: str
    """The same for the same attempt at the same documents."""


Start = Callable[[Wanted], Row]
"""Starts a read and waits for its end; its outcome, as far as it is known here."""


@dataclass
class Here:
    """Runs of this process. Their Prefect server is started with the first, and again should it die."""

    config: "RunConfig"
    stack: ExitStack = field(default_factory=ExitStack)
    url: str = ""

    def __call__(self, wanted: Wanted) -> Row:
        from flows.server import answers, import_read, prefect_api

        if not (self.url and answers(self.url)):
            self.stack.close()
            self.url = self.stack.enter_context(prefect_api(Path(self.config.home), import_read))
        from flows.read import run_read

        return run_read([wanted.uri], self.config, wanted.allow_retire, wanted.keep_gone)


@dataclass(frozen=True)
class Deployed:
    """Runs of a deployment, with the settings of the deployment."""

    name: str
    state: State
    say: Callable[[str], None]
    patience_s: float = 60.0
    """After so many seconds it is said that a run has not begun."""

    def __call__(self, wanted: Wanted) -> Row:
        from prefect.deployments import run_deployment

        run = self.state.noted("flow run")
        if not run:
            parameters = {
                "uris": [wanted.uri],
                "allow_retire": wanted.allow_retire,
                "keep_gone": wanted.keep_gone,
            }
            started: Any = run_deployment(
                self.name, parameters=parameters, idempotency_key=wanted.key, timeout=0, as_subflow=False
            )
            run = str(started.id)
            self.state.note("flow run", run)
        return self._ended(run)

    def _ended(self, run: str) -> Row:
        """Wait for the end of a run of Prefect.

        Raises:
            Transient: if it did not complete.
        """
        from uuid import UUID

        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound

        until = time.monotonic() + self.patience_s
        with get_client(sync_client=True) as client:
            while True:
                try:
                    state = client.read_flow_run(UUID(run)).state
                except ObjectNotFound:
                    self.state.note("flow run", "")
                    raise Transient(f"run {run} of {self.name} is not known to Prefect any more") from None
                if state is not None and state.is_final():
                    break
                if state is not None and not state.is_running() and time.monotonic() > until:
                    self.say(
                        f"the run of {self.name} waits: it needs `nightread serve`, or a worker of its pool"
                    )
                    until = FOREVER
                time.sleep(AWAIT_S)
        self.state.note("flow run", "")
        if not state.is_completed():
            raise Transient(f"run {run} of {self.name}: {state.name}, {state.message or 'no message'}")
        return {"run": run, "status": "completed in Prefect"}


def deployed(name: str, home: str, state: State, say: Callable[[str], None]) -> Deployed:
    """The starter of a deployment that exists.

    Raises:
        InvalidInput: if it does not, or keeps its memory elsewhere.
    """
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    with get_client(sync_client=True) as client:
        try:
            found = client.read_deployment_by_name(name)
        except (ObjectNotFound, ValueError):
            raise InvalidInput(
                f"--deployment {name}: this Prefect server has no such deployment; start `nightread serve` "
                f"there, or leave the option out to read in this command"
            ) from None
    theirs = (found.parameters.get("config") or {}).get("home", home)
    ours = shown(Path(home))
    if theirs != ours and Path(theirs).absolute() != Path(ours).absolute():
        raise InvalidInput(f"--deployment {name} has the home {theirs}: give home={theirs}, or another one")
    return Deployed(name, state, say)
