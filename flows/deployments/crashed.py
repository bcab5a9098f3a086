"""Runs whose process is gone, told to Prefect.

The idea: a process that is killed cannot say so. Prefect would show its run as Running for ever, and count it
against the concurrency limit of its deployment, so that every later run is cancelled. The ledger knows which
process a run belonged to; whoever looks next says it in its place.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from uuid import UUID

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from model.hardware import machine
from tasks.ingest.home.remote import remote_of
from tasks.ingest.home.writing import writing
from tasks.runs.ledger import Ledger, ledger_path

Say = Callable[[str], None]
GONE = "its process is gone and did not say why"
_RUN = "PREFECT__FLOW_RUN_ID"
"""In the environment of a process that Prefect started for a run, and of what that starts."""


@contextmanager
def held(home: Path, who: str) -> Iterator[None]:
    """Hold the right to write to a home, where runs of dead processes are marked first.

    Args:
        who: the run, or command, that holds it.
    """
    with writing(home, who):
        mark_crashed(home)
        yield


def mark_crashed(home: Path) -> list[str]:
    """Mark the runs of dead processes as crashed, in Prefect and in the ledger; their names.

    Of a home in a bucket these are all that did not end: nobody else may write to it now.

    A run that this Prefect server does not know, because it ran under another one, stays as it is. A run of
    Prefect that is executed now, by this process or another, may be one of them, started again.
    """
    path = ledger_path(home)
    if not path.is_file():
        return []
    alone = remote_of(home) is not None
    with Ledger(path) as ledger:
        dead = ledger.crashed(alone)
        known = {"", flow_run.id} | living() if dead else set()
        marked = [run for run, its in dead.items() if its in known or end(UUID(its)) or alone]
        for run in marked:
            ledger.finish_run(run, "crashed", json.dumps({"error": GONE}))
    return marked


def overlapped(home: Path, corpus: Sequence[str], own: str) -> str:
    """Why a run of a deployment should not begin: one of the same corpus, which Prefect may have taken for
    dead, has a process on this machine; "" where none has. A home in a bucket has one writer anyway.

    Args:
        own: its id in Prefect: it may be one that was started again.
    """
    path = ledger_path(home)
    if remote_of(home) is not None or not path.is_file():
        return ""
    with Ledger(path) as ledger:
        rows = [row for row in ledger.runs() if row["status"] == "running" and row["corpus"] == list(corpus)]
    for row in rows:
        counts = row["counts"]
        if counts.get("host") == machine() and counts["flow_run"] not in ("", own):
            number = counts["process"][0]
            return f"run {row['run']} of the same corpus still goes on here, as process {number}"
    return ""


def living(runs: Iterable[FlowRun] = ()) -> set[str | None]:
    """Ids of the runs of Prefect that have a process on this machine; a zombie is none.

    Args:
        runs: whose processes may be another user's, whose environment is not for us: those go by their
            number, and by whether they are older than the run.
    """
    numbers = {run.infrastructure_pid: run for run in runs}
    found: set[str | None] = set()
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                found.add(process.environ().get(_RUN))
        except psutil.AccessDenied:
            run = numbers.get(str(process.pid))
            begun = run and run.start_time
            if run and (not begun or process.create_time() <= begun.timestamp()):
                found.add(str(run.id))
        except psutil.NoSuchProcess:
            continue
    return found


def end(run: UUID) -> bool:
    """Whether the server knows this run; where it takes it for alive, it is crashed afterwards."""
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:
            return False
        if state is None or not state.is_final():
            # gives its slot back too
            client.set_flow_run_state(run, Crashed(message=f"{GONE.capitalize()}."), force=True)
        return True


def every(seconds: float, look: Callable[[], object], say: Say) -> None:
    """Look now and again for as long as this process lives, whatever becomes of the server meanwhile."""

    def forever() -> None:
        failing = False
        while True:
            try:
                look()
                failing = False
            except Exception as error:  # whatever it is: the next look may see better
                if not failing:
                    say(f"cannot look for runs that died ({type(error).__name__}); trying again and again")
                failing = True
            time.sleep(seconds)

    Thread(target=forever, name="look", daemon=True).start()
