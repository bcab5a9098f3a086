"""The reading flow as a deployment that waits for runs from Prefect's UI or API.

The idea: the settings that `nightread serve` was given are the deployment's defaults, so that a run from the
form reads into the same memory as a run from the command line. Prefect's API checks the parameters of a run
against the schema of the deployment, before the run is created.
"""

import os
from dataclasses import asdict, replace
from pathlib import Path

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.config import ReadConfig, RunConfig
from flows.crashed import mark_crashed
from flows.read import read_corpus

NAME = "read"
"""Of the deployment: `read/read` in Prefect."""


def deployment(config: RunConfig) -> RunnerDeployment:
    """The flow `read` with these settings as the parameters that a run starts with.

    Every field is required: the parameters hold them all, and a run that names only some of them would get
    the rest from the flow's defaults, not from here.
    """
    served = RunnerDeployment.from_flow(
        read_corpus,
        name=NAME,
        parameters={"config": asdict(_anywhere(config.reading)), "allow_retire": False},
        # by module: a file path would be loaded as a second copy, and from this folder only
        entrypoint_type=EntrypointType.MODULE_PATH,
        enforce_parameter_schema=True,
    )
    schema = served._parameter_openapi_schema
    schema.required = list(schema.properties)
    for group in schema.definitions.values():
        if "properties" in group:
            group["required"] = list(group["properties"])
    return served


def _anywhere(config: ReadConfig) -> ReadConfig:
    """The same settings with absolute paths: runs are started in another folder."""
    model, embedder = (
        os.path.abspath(name) if os.path.isdir(name) else name  # else a name of the hub, or the default
        for name in (config.infer.model, config.infer.embedder)
    )
    infer = replace(config.infer, model=model, embedder=embedder)
    return replace(config, home=os.path.abspath(config.home), infer=infer)


def serve_read(config: RunConfig) -> None:
    """Serve the flow with these settings, one run at a time, until interrupted."""
    mark_crashed(Path(config.home))
    serve(deployment(config), limit=1, print_starting_message=False)
