"""What changes a memory: runs that are started, documents that are tried again, documents that are forgotten.

The idea: each needs a token that may write, and does what the command of its name does.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from flows import versions
from flows.gateway.caller import Asking, Writing
from flows.gateway.doors import doors_of
from flows.gateway.json_api import shapes
from flows.gateway.service import flow_runs, library

router = APIRouter(tags=["changes"])
Uri = Annotated[str, Field(min_length=1, max_length=2000)]


class Start(BaseModel):
    """A corpus to read."""

    model_config = ConfigDict(extra="forbid")

    uris: list[Uri] = Field(
        min_length=1, max_length=100, description="Folders, files, globs or s3://bucket/prefix."
    )
    allow_retire: bool = Field(
        False, description="Even if more than half of what memory holds there is not there any more."
    )


class Forget(BaseModel):
    """Documents to erase."""

    model_config = ConfigDict(extra="forbid")

    names: list[Uri] = Field(
        min_length=1,
        max_length=100,
        description="Sources, parts of one, folders, globs, or ids of documents.",
    )
    everywhere: bool = Field(False, description="Their copies elsewhere too.")
    confirm: bool = Field(
        False, description="Erase it: nothing brings it back but its source. Otherwise a preview."
    )


@router.post("/v1/runs", response_model=shapes.Started, status_code=202)
async def start(body: Start, who: Writing, request: Request) -> Any:
    """Have Prefect read a corpus into the memory; its run shows under /v1/runs as soon as it begins."""
    doors = doors_of(request)

    def started() -> list[str]:
        uris = flow_runs.check_corpora(doors, who, body.uris)
        return flow_runs.start(who, lambda: [uris], body.allow_retire)

    return {"flow_runs": await doors.work(started)}


@router.get("/v1/quarantine", response_model=shapes.Quarantine)
async def quarantine(who: Asking, request: Request) -> Any:
    """Documents that could not be read, and why."""
    return await doors_of(request).work(library.quarantined, doors_of(request), who)


@router.post("/v1/quarantine/retry", response_model=shapes.Started, status_code=202)
async def retry(who: Writing, request: Request) -> Any:
    """Let the documents in quarantine out of it, and have Prefect read again the corpora that hold them."""
    doors = doors_of(request)

    return {"flow_runs": await doors.work(flow_runs.start, who, lambda: flow_runs.to_retry(doors, who))}


@router.post("/v1/forget", response_model=shapes.Forgotten)
async def forget(body: Forget, who: Writing, request: Request) -> Any:
    """Erase documents from the memory and all its history, or show what would be erased."""
    doors = doors_of(request)

    def forgotten() -> dict[str, Any]:
        config = doors.config_at(who.home)
        found = versions.forget(config, body.names, body.confirm, body.everywhere).data
        if not body.confirm:
            return {"done": False, **found}
        doors.memories.drop(who.home)  # what was erased is in no memory that stays open
        return {"done": True, "receipt": found}

    return await doors.work(forgotten)
