"""Runs whose process is gone, told to Prefect.

The idea: a process that is killed cannot say so. Prefect would show its run as Running for ever, and count it
against the concurrency limit of its deployment, so that every later run is cancelled. The ledger knows which
process a run belonged to; whoever starts next says it in its place.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from tasks.ingest.home.remote import remote_of
from tasks.ingest.home.writing import writing
from tasks.ledger import Ledger, ledger_path

GONE = "its process is gone and did not say why"


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

    A run that this Prefect server does not know, because it ran under another one, stays as it is. The run
    of Prefect that this process executes may be one of them, started again.
    """
    path = ledger_path(home)
    if not path.is_file():
        return []
    alone = remote_of(home) is not None
    with Ledger(path) as ledger:
        known = {"": True, flow_run.id: True}
        dead = ledger.crashed(alone)
        marked = [run for run, its in dead.items() if known.get(its) or _end(UUID(its)) or alone]
        for run in marked:
            ledger.finish_run(run, "crashed", json.dumps({"error": GONE}))
    return marked


def _end(run: UUID) -> bool:
    """Whether the server knows this run; where it takes it for alive, it is crashed afterwards."""
    with get_client(sync_client=True) as client:
        try:
            state = client.read_flow_run(run).state
        except ObjectNotFound:
            return False
        if state is None or not state.is_final():
            # gives its slot back too
            client.set_flow_run_state(run, Crashed(message=f"Marked by a later run: {GONE}."), force=True)
        return True
