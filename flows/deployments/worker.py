"""`nightread worker`: starts the runs of our pool on this machine, and tells Prefect which of them died.

The idea: a Prefect server hears of a death only from events that do not come, and forgets what it waits for
when it or its database restarts. Here nothing is waited for: every look asks the server which runs it takes
for alive, and this machine whether they have a process. Prefect labels a run with the name of its worker,
and ours is called as its machine, so that the next worker there knows the runs of the one before.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, StateType

from flows.deployments.crashed import GONE, Say, end, every, living
from flows.server import answers, tied
from model.hardware import machine

POOL = "nightread"
ALIVE = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
CLAIMED = timedelta(minutes=5)
"""A worker that takes a run starts its process within seconds."""
PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Look:
    """Finds runs of this machine that are dead: gone in two looks, as who ends says so a little later."""

    machine: str
    since: datetime
    """When the worker began: a run that was taken before and has no process yet gets none."""
    claimed: timedelta = CLAIMED
    """For how long a run may have been taken and have no process."""

    def gone(self, client: SyncPrefectClient) -> dict[UUID, str]:
        """Runs that the server takes for alive and that have no process here: id -> name."""
        alive = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=ALIVE)))
        pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
        found = client.read_flow_runs(flow_run_filter=alive, work_pool_filter=pool)
        ours = [run for run in found if self._ours(run)]
        here = living(ours) if ours else set()
        return {run.id: run.name for run in ours if str(run.id) not in here}

    def _ours(self, run: FlowRun) -> bool:
        """Whether its process is on this machine, or would be."""
        worker = run.labels.get("prefect.worker.name")
        if run.state is None or run.state.type != StateType.PENDING:
            return worker == self.machine
        # taken by a worker that died, perhaps before it wrote its name on it
        taken = min(self.since, datetime.now(UTC) - self.claimed)
        return worker in (None, self.machine) and run.state.timestamp < taken


def work(limit: int, look_s: float, healthcheck: bool, say: Say) -> int:
    """Run a process worker of Prefect as our child, and look for dead runs, until it ends; its exit code.

    Signals go to the child, which ends with us: it is not started again here.

    Args:
        limit: runs at a time.
        look_s: seconds between two looks for runs that died.
        healthcheck: whether the child answers at /health, on port 8080.
    """
    url, here = os.environ["PREFECT_API_URL"], machine()
    if not answers(url):
        say(f"waiting for the Prefect server at {url}")
        while not answers(url):
            time.sleep(1)
    command = ["-m", "prefect", "worker", "start", "--pool", POOL, "--type", "process", "--name", here]
    command += ["--limit", str(limit), *(["--with-healthcheck"] if healthcheck else [])]
    # in a session of its own: Ctrl-C reaches us, and it once
    with subprocess.Popen(tied(command), start_new_session=True) as child:

        def pass_on(number: int, _frame: Any) -> None:
            child.send_signal(number)

        before = {number: signal.signal(number, pass_on) for number in PASSED_ON}
        every(look_s, marking(Look(here, datetime.now(UTC)), say), say)
        try:
            code = child.wait()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
    return code if code >= 0 else 128 - code


def marking(look: Look, say: Say) -> Callable[[], None]:
    """One look after the other: what is gone in two of them is marked as crashed."""
    before: dict[UUID, str] = {}

    def mark() -> None:
        nonlocal before
        with get_client(sync_client=True) as client:
            now = look.gone(client)
        for run in now.keys() & before.keys():
            end(run)
            say(f"run {now[run]} is marked as crashed: {GONE}")
        before = now

    return mark
