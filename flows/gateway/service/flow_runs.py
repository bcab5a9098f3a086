"""Runs are Prefect's: the gateway asks the server of PREFECT_API_URL to start them, and waits for none.

The idea: a run of a tenant is one of the same deployment with another home. Whoever may write to a tenant's
memory names a corpus that was read for it before, and no other place: the machine that reads can see every
folder, and those of other tenants too.
"""

import os
from collections.abc import Callable, Sequence
from typing import Any

from fastapi import HTTPException

from flows import looking
from flows.gateway.caller import Caller
from flows.gateway.doors import Doors
from tasks.errors import InvalidInput
from tasks.ingest.uris import canonical
from tasks.runs.ledger import ledger_path

DEPLOYMENT = "read/read"


def start(
    who: Caller, corpora: Callable[[], Sequence[Sequence[str]]], allow_retire: bool = False
) -> list[str]:
    """Ids in Prefect of runs that were begun, one a corpus. Blocks.

    Args:
        corpora: says what is to be read, once it is known that it can be.

    Raises:
        HTTPException: 503 if there is no server, or it has no deployment to start.
    """
    check_server()
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        found = _deployment(client)
        config = {**(found.parameters.get("config") or {}), "home": str(who.home.absolute())}
        given = {"config": config, "allow_retire": allow_retire, "keep_gone": False}
        return [
            str(client.create_flow_run_from_deployment(found.id, parameters={**given, "uris": list(uris)}).id)
            for uris in corpora()
        ]


def check_server() -> None:
    """Refuse to begin what needs Prefect where no server answers.

    Raises:
        HTTPException: 503 with the remedy.
    """
    from flows.server import answers

    url = os.environ.get("PREFECT_API_URL", "")
    if not url or not answers(url):
        what = "no Prefect server answers there" if url else "it is not set"
        raise HTTPException(
            503, f"runs are started through Prefect, and PREFECT_API_URL: {what}; start: nightread serve"
        )


def check_corpora(doors: Doors, who: Caller, uris: Sequence[str]) -> list[str]:
    """Canonical URIs that this user may have read.

    Raises:
        HTTPException: 403 if a tenant's user names a place that was never read for the tenant.
        InvalidInput: if one is no place, or there is none of it.
    """
    wanted = [canonical(uri) for uri in uris]
    if who.tenant:
        there = ledger_path(who.home).exists()
        rows = looking.runs(doors.config_at(who.home)).data["runs"] if there else []
        known = {uri for row in rows for uri in row["corpus"]}
        if strange := [uri for uri, its in zip(uris, wanted, strict=True) if its not in known]:
            raise HTTPException(
                403,
                f"{strange[0]}: it was never read for this tenant; whoever runs the gateway reads it first: "
                f"nightread read URI home=HOME/tenants/{who.tenant}",
            )
    from tasks.ingest.discover import check_uris

    check_uris(wanted, who.home, doors.config.storage)
    return wanted


def _deployment(client: Any) -> Any:
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(DEPLOYMENT)
    except (ObjectNotFound, ValueError):
        raise HTTPException(
            503,
            f"this Prefect server has no deployment {DEPLOYMENT}: start nightread serve, or nightread deploy",
        ) from None


def to_retry(doors: Doors, who: Caller) -> list[tuple[str, ...]]:
    """Corpora whose documents in quarantine are to be tried again, and are let out of it. Blocks.

    Raises:
        InvalidInput: if none of them is there any more, or none is in quarantine.
    """
    if not ledger_path(who.home).exists():
        raise InvalidInput("nothing is in quarantine: nothing was read yet")
    from flows.retrying import released

    config = doors.config_at(who.home)
    with looking.ledger(config) as ledger:
        return released(config, ledger)
