"""What tests of the nightly read share: a worker of the pool, and a look at the runs and the slot."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import FlowRun

from flows.cli import main
from tasks.runs.ledger import Ledger

ROOT = Path(__file__).parents[2]
PATIENCE_S = 1200
"""A run is started within half a minute where the machine is idle; a busy one takes many times that."""
T = TypeVar("T")


def until(ask: Callable[[], T | None], what: str) -> T:
    """The first answer that is not None."""
    end = time.monotonic() + PATIENCE_S
    while (answer := ask()) is None:
        assert time.monotonic() < end, what
        time.sleep(0.5)
    return answer


@contextmanager
def worker() -> Iterator[psutil.Process]:
    """`nightread worker`, killed at the end with whatever it started."""
    command = [sys.executable, "-m", "flows", "worker", "--look", "5"]
    quick = {"PREFECT_WORKER_QUERY_SECONDS": "1", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, env=os.environ | quick, start_new_session=True) as process:
        started = psutil.Process(process.pid)
        try:
            yield started
        finally:
            family = [started, *started.children(recursive=True)]
            process.kill()
            for child in family:
                if child.is_running():
                    child.kill()


def killed(working: psutil.Process, reading: psutil.Process) -> None:
    """The worker and the process of its run, in this order: the worker would say that the run has ended."""
    workers = [working, *(child for child in working.children() if child.pid != reading.pid)]
    working.kill()
    until(lambda: not any(map(_lives, workers)) or None, "the worker lives")
    reading.kill()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


class Nights:
    """What the test does with a server: turn the schedule on and off, wait for runs, look at the slot."""

    def __init__(self, client: SyncPrefectClient, home: Path) -> None:
        self.client, self.home = client, home
        self.deployment = client.read_deployment_by_name("read/nightly")

    def schedule(self, active: bool) -> None:
        (schedule,) = self.client.read_deployment_schedules(self.deployment.id)
        self.client.update_deployment_schedule(self.deployment.id, schedule.id, active)

    def running(self) -> FlowRun:
        """The run that the schedule started, once its process is known; no other is started."""
        now = FlowRunFilter(
            deployment_id=FlowRunFilterDeploymentId(any_=[self.deployment.id]),
            state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Running"])),
        )
        (run,) = until(lambda: self.client.read_flow_runs(flow_run_filter=now) or None, "no scheduled run")
        self.schedule(False)
        assert run.auto_scheduled
        until(lambda: self.process(run), "the run is not in the ledger")
        return run

    def process(self, run: FlowRun) -> psutil.Process | None:
        with Ledger(self.home / "ledger.sqlite") as ledger:
            known = {row["counts"].get("flow_run"): row["counts"] for row in ledger.runs()}
        return psutil.Process(known[str(run.id)]["process"][0]) if str(run.id) in known else None

    def becomes(self, run: FlowRun, *states: str) -> str:
        def name() -> str | None:
            now = self.client.read_flow_run(run.id).state_name
            return now if now in states else None

        return until(name, f"the run is not {states}")

    @property
    def slots_taken(self) -> int:
        name = f"deployment:{self.deployment.id}"
        return self.client.read_global_concurrency_limit_by_name(name).active_slots

    def statuses(self) -> list[str]:
        with Ledger(self.home / "ledger.sqlite") as ledger:
            return [row["status"] for row in ledger.runs()]


def deploy(corpus: Path, *settings: str) -> None:
    """The command, with a schedule that fires every five seconds."""
    assert main(["deploy", str(corpus), "--cron", "*/5 * * * * *", *settings]) == 0
