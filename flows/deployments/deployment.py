"""Reading and upkeep as deployments that wait for runs from Prefect's UI or API.

The idea: the settings that `nightread serve` was given are the deployment's defaults, so that a run from the
form reads into the same memory as a run from the command line. Prefect's API checks the parameters of a run
against the schema of the deployment, before the run is created.
"""

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.config import ReadConfig, RunConfig
from flows.deployments.crashed import Say, every, mark_crashed
from flows.read import read_corpus
from flows.upkeep import upkeep_memory
from tasks.ingest.uris import is_remote

RETIRE = {"allow_retire": False, "keep_gone": False}
"""What becomes of documents that are not there any more, as the form has it at first."""


def deployment(
    served_flow: Flow[..., Any], parameters: dict[str, Any], name: str = "", **options: Any
) -> RunnerDeployment:
    """A flow with the parameters that a run starts with; called as the flow, `read/read`, unless it is named.

    Args:
        options: whatever else `RunnerDeployment.from_flow` takes.

    Every field is required: the parameters hold them all, and a run that names only some of them would get
    the rest from the flow's defaults, not from here.
    """
    served = RunnerDeployment.from_flow(
        served_flow,
        name=name or served_flow.name,
        parameters=parameters,
        # by module: a file path would be loaded as a second copy, and from this folder only
        entrypoint_type=EntrypointType.MODULE_PATH,
        enforce_parameter_schema=True,
        **options,
    )
    schema = served._parameter_openapi_schema
    schema.required = list(schema.properties)
    for group in schema.definitions.values():
        if "properties" in group:
            group["required"] = list(group["properties"])
    return served


def parameters(config: RunConfig) -> tuple[dict[str, Any], dict[str, Any]]:
    """What runs of reading and of upkeep start with under these settings."""
    reading = _anywhere(config.reading)
    tending = replace(config.tending, home=reading.home, infer=reading.infer)
    return {"config": asdict(reading), **RETIRE}, {"config": asdict(tending)}


def _anywhere(config: ReadConfig) -> ReadConfig:
    """The same settings with absolute paths: runs are started in another folder."""
    model, embedder = (
        os.path.abspath(name) if os.path.isdir(name) else name  # else a name of the hub, or the default
        for name in (config.infer.model, config.infer.embedder)
    )
    infer = replace(config.infer, model=model, embedder=embedder)
    home = config.home if is_remote(config.home) else os.path.abspath(config.home)
    return replace(config, home=home, infer=infer)


def serve_all(config: RunConfig, look_s: float, say: Say) -> None:
    """Serve the flows with these settings, one run at a time, until interrupted.

    Args:
        look_s: seconds between two looks for runs that died.
    """
    if not is_remote(config.home):  # there, whoever writes next does so
        home = Path(config.home)
        mark_crashed(home)
        every(look_s, lambda: mark_crashed(home), say)
    read, upkeep = parameters(config)
    serve(
        deployment(read_corpus, read),
        deployment(upkeep_memory, upkeep),
        limit=1,
        print_starting_message=False,
    )
