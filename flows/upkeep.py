"""Upkeep: embed again, optimise and compact, expire, remove left-overs; the body is the list of them.

No language model runs, and no record says anything else afterwards.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.states import Cancelled

from flows.config import TendConfig
from flows.deployments.crashed import held
from flows.deployments.missed import missed
from flows.homes import at_hand
from flows.read import step
from flows.tend import kept
from flows.ui import logged, run_progress
from tasks.ingest.home.remote import stored
from tasks.memory.upkeep import reembed as reembed_step
from tasks.memory.upkeep import upkeep as upkeep_step

reembed = step(reembed_step.reembed_with)
tidy = step(upkeep_step.tidy)
clear = step(upkeep_step.clear)


@flow(name="upkeep", flow_run_name="upkeep", validate_parameters=True, persist_result=False)
def upkeep_memory(config: TendConfig = TendConfig()) -> dict[str, Any]:  # noqa: B008
    """Keep the memory quick and small: what it says stays as it is.

    Args:
        config: where the memory is, the embedder of its vectors, and which versions are kept
    """
    if why := missed():
        return Cancelled(message=f"Not done: {why}.")  # type: ignore[return-value]  # as in flows/read.py
    home = Path(at_hand(config).home)
    with logged(), held(home, "an upkeep"), run_progress() as progress:
        before = stored(home)
        embedded = reembed(home, config.infer, progress("embed", "records"))
        expired = tidy(home, config.upkeep)
        outcome: dict[str, Any] = asdict(clear(home, embedded, expired, before, config.upkeep))
    create_markdown_artifact(kept(outcome), key="upkeep")
    return outcome
