"""What a Prefect server does by itself about the runs of deployments: crash the silent, tell of the failed.

The idea: a process that is killed cannot say so, and nobody may be there to say it in its place. The server
hears when a run begins, its heartbeats and its end; what it does not hear in time has crashed. That gives the
run's slot back too. It forgets what it waits for when it or its database restarts: for machines that come
back flows/deployments/worker.py does the same by looking.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ChangeFlowRunState, SendNotification
from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

HEARTBEAT_S = 60
"""Seconds between two heartbeats of a run."""


def _of_run(*names: str) -> frozenset[str]:
    return frozenset(f"prefect.flow-run.{name}" for name in names)


ENDS = _of_run("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")
# the beginning is a sign of life: a server that restarts then never hears the first heartbeat
ALIVE = _of_run("Running", "Retrying", "heartbeat")


@dataclass(frozen=True)
class Silence:
    """After an event of `after`, one of `expect` has to come within a time, or the run has crashed."""

    name: str
    after: frozenset[str]
    expect: frozenset[str]
    within: timedelta
    message: str


SILENCES = (
    Silence(
        "nightread: a run without a sign of life has crashed",
        after=ALIVE,
        expect=ALIVE | ENDS,
        within=timedelta(minutes=6),
        message="No sign of life for 6 minutes.",
    ),
    Silence(
        "nightread: a run that does not begin has crashed",
        after=_of_run("Pending"),
        expect=ALIVE | ENDS,
        within=timedelta(minutes=30),
        message="Its process did not begin within 30 minutes.",
    ),
)

TELL = "nightread: tell that a run failed"
_FIELDS = set(AutomationCore.model_fields)


def automate(client: SyncPrefectClient, deployments: list[str], block: UUID | None) -> None:
    """Set up what the server does about runs of these deployments, in place of what was set up before.

    Args:
        deployments: as events name them, `prefect.deployment.<id>`.
        block: the notification block that is told of runs that failed, if any.
    """
    for silence in SILENCES:
        put(client, silence.name, crash(silence, deployments))
    put(client, TELL, _tell(block, deployments) if block else None)


def put(client: SyncPrefectClient, name: str, wanted: AutomationCore | None) -> None:
    """This automation and no other of its name; none where none is wanted.

    One that is there as it is wanted stays: which runs it waits for would go with it.
    """
    there = False
    for old in client.read_automations_by_name(name):
        same = wanted is not None and old.model_dump(include=_FIELDS) == wanted.model_dump()
        if same and not there:
            there = True
        else:
            client.delete_automation(old.id)
    if wanted and not there:
        client.create_automation(wanted)


def crash(silence: Silence, deployments: list[str]) -> AutomationCore:
    """Runs of these deployments that fell silent are crashed."""
    return AutomationCore(
        name=silence.name,
        description=f"The process of a run sends a heartbeat every {HEARTBEAT_S} s.",
        trigger=EventTrigger(
            after=set(silence.after),
            expect=set(silence.expect),
            match_related=_of(deployments),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=silence.within,
        ),
        actions=[
            ChangeFlowRunState(name=None, state=StateType.CRASHED, force=False, message=silence.message)
        ],
    )


def _tell(block: UUID, deployments: list[str]) -> AutomationCore:
    """Somebody is told of runs that failed."""
    told = SendNotification(
        block_document_id=block,
        subject="Nightread: {{ flow_run.name }} {{ flow_run.state.name|lower }}",
        body="{{ flow_run.state.message }}\n{{ flow_run|ui_url }}",
    )
    return AutomationCore(
        name=TELL,
        trigger=EventTrigger(
            expect=set(_of_run("Failed", "Crashed", "TimedOut")),
            match_related=_of(deployments),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
        ),
        actions=[told],
    )


def _of(deployments: list[str]) -> ResourceSpecification:
    """Events of the runs of these deployments."""
    return ResourceSpecification({"prefect.resource.id": deployments, "prefect.resource.role": "deployment"})
