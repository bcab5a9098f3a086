"""`nightread deploy`: the nightly read, the form, and upkeep on a Prefect server that stays.

The idea: everything that Prefect can do for a night (schedule, one run at a time, missed nights, a sign of
life, a message when a run fails) is set up by one command, with its settings as the parameters of every
run. The same command again changes what is there.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import available_timezones

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.schedules import CronSchedule
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound, PrefectHTTPStatusError
from prefect.schedules import Schedule
from pydantic import ValidationError

from flows.config import RunConfig
from flows.deployments.automations import HEARTBEAT_S, automate
from flows.deployments.crashed import mark_crashed
from flows.deployments.deployment import deployment, parameters
from flows.deployments.missed import tag
from flows.deployments.worker import POOL
from flows.read import read_corpus
from flows.upkeep import upkeep_memory
from tasks.errors import InvalidInput
from tasks.ingest.uris import canonical, is_remote

TAG = "nightread"
"""On every run of these deployments."""
UPKEEP_CRON = "0 20 * * 0"
"""When upkeep runs: on Sunday evenings."""
FORM = "One read, started from the form."
ONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)
"""A run that would overlap another one of its deployment is not started."""


@dataclass(frozen=True)
class Nightly:
    """When the corpus is read, and what is done about nights that were missed or failed."""

    cron: str
    timezone: str
    catch_up: str
    notify: str = ""
    """A notification block of Prefect, such as slack-webhook/night."""


@dataclass(frozen=True)
class Deployed:
    """What was set up."""

    names: tuple[str, ...]
    """Of the deployments."""
    timezone: str


def deploy_all(config: RunConfig, uris: list[str], nightly: Nightly) -> Deployed:
    """Set up or change the deployments of these settings on the server that PREFECT_API_URL names.

    Raises:
        InvalidInput: if the cron expression, the time zone or the notification block is none.
    """
    zone = nightly.timezone or local_timezone()
    night, evening = _schedule(nightly.cron, zone), _schedule(UPKEEP_CRON, zone)
    read, upkeep = parameters(config)
    corpus = list(dict.fromkeys(map(canonical, uris)))
    everywhere: dict[str, Any] = {
        "work_pool_name": POOL,
        "job_variables": {"env": {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)}},
    }
    scheduled: dict[str, Any] = {**everywhere, "concurrency_limit": ONE, "tags": [TAG, tag(nightly.catch_up)]}
    with get_client(sync_client=True) as client:
        block = _block(client, nightly.notify) if nightly.notify else None
        _pool(client)
        ready = [
            deployment(read_corpus, read, description=FORM, tags=[TAG], **everywhere),
            deployment(
                read_corpus,
                read | {"uris": corpus},
                "nightly",
                description=f"Reads {', '.join(corpus)} by its schedule, and what has changed there only.",
                schedule=night,
                **scheduled,
            ),
            deployment(upkeep_memory, upkeep, schedule=evening, **scheduled),
        ]
        automate(client, [f"prefect.deployment.{each.apply()}" for each in ready], block)
    if not is_remote(config.home):
        mark_crashed(Path(config.home))
    return Deployed(tuple(each.full_name for each in ready), zone)


def local_timezone() -> str:
    """The time zone of this machine, by its name; UTC where it has none."""
    named = os.environ.get("TZ", "") or os.path.realpath("/etc/localtime").partition("/zoneinfo/")[2]
    return named if named in available_timezones() else "UTC"


def _schedule(cron: str, zone: str) -> Schedule:
    if zone not in available_timezones():
        raise InvalidInput(f"--timezone {zone}: no such time zone; give one such as Europe/Berlin or UTC")
    try:
        CronSchedule(cron=cron, timezone=zone)
    except ValidationError as error:
        raise InvalidInput(f'--cron "{cron}": not a cron expression; "0 2 * * *" is 2 at night') from error
    return Schedule(cron=cron, timezone=zone)


def _pool(client: SyncPrefectClient) -> None:
    """The pool whose workers start the runs, as processes beside them."""
    try:
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    except ObjectAlreadyExists:
        return


def _block(client: SyncPrefectClient, named: str) -> UUID:
    """The notification block that is called `slug/name`."""
    slug, _, name = named.partition("/")
    try:
        return client.read_block_document_by_name(name, slug).id
    except (ObjectNotFound, PrefectHTTPStatusError) as error:
        raise InvalidInput(
            f"--notify {named}: the server has no such block; make one under Blocks in Prefect's UI, and "
            f"give its type and name, such as slack-webhook/night"
        ) from error
