"""Runs whose process is gone, told to Prefect.

The idea: a process that is killed cannot say so. Prefect would show its run as Running for ever, and count it
against the concurrency limit of its deployment, so that every later run is cancelled. The ledger knows which
process a run belonged to; whoever starts next says it in its place.
"""

import json
from pathlib import Path
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.exceptions import ObjectNotFound
from prefect.runtime import flow_run
from prefect.states import Crashed

from tasks.ledger import Ledger, ledger_path

GONE = "its process is gone and did not say why"


def mark_crashed(home: Path) -> list[str]:
    """Mark the runs of dead processes as crashed, in Prefect and in the ledger; their names.

    A run that this Prefect server does not know, because it ran under another one, stays as it is. The run
    of Prefect that this process executes may be one of them, started again.
    """
    path = ledger_path(home)
    if not path.is_file():
        return []
    with Ledger(path) as ledger:
        known = {"": True, flow_run.id: True}
        marked = [run for run, its in ledger.crashed().items() if known.get(its) or _end(UUID(its))]
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
