"""The reading flow as a deployment that waits for runs from Prefect's UI or API.

The idea: the settings that `nightread serve` was given are the deployment's defaults, so that a run from the
form reads into the same memory as a run from the command line. Prefect's API checks the parameters of a run
against the schema of the deployment, before the run is created.
"""

from dataclasses import asdict

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from flows.config import RunConfig
from flows.read import read_corpus

NAME = "read"
"""Of the deployment: `read/read` in Prefect."""


def serve_read(config: RunConfig) -> None:
    """Serve the flow `read` with these settings as defaults, one run at a time, until interrupted."""
    deployment = RunnerDeployment.from_flow(
        read_corpus,
        name=NAME,
        parameters={"uris": ["sample:"], "config": asdict(config.reading)},
        # by module: a file path would be loaded as a second copy, and from this folder only
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    serve(deployment, limit=1, print_starting_message=False)
