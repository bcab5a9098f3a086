"""Nights that were missed: what a scheduled run does that could not start when it was due.

The idea: a worker that comes back after three days finds three runs that are due. A corpus is read as it is
now, so one read catches up with all of them; whoever wants none late says so. The policy travels as a tag of
the deployment, since it is about a run's schedule and not about what is read.
"""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterDeploymentId,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.runtime import deployment, flow_run

LATE = timedelta(hours=1)
"""A run that starts so long after it was due was missed."""


def tag(catch_up: str) -> str:
    """The policy as a tag of a deployment."""
    return f"catch-up:{catch_up}"


def missed() -> str:
    """Why the scheduled run that begins should not go on; "" where it should."""
    due = flow_run.scheduled_start_time
    return why(due, datetime.now(UTC), set(flow_run.tags), deployment.id) if due and deployment.id else ""


def why(due: datetime, now: datetime, tags: Collection[str], deployment_id: str) -> str:
    """Why a run of this deployment that was due then should not go on now; "" where it should."""
    if now - due < LATE:
        return ""
    if tag("skip") in tags:
        hours = (now - due).total_seconds() / 3600
        return f"it was due {hours:.1f} hours ago, and missed nights are skipped"
    if tag("once") in tags and (later := _due_since(due, now, deployment_id)):
        return f"the run that was due at {later:%d %b %H:%M} is waiting too, and reads the same"
    return ""


def _due_since(due: datetime, now: datetime, deployment_id: str) -> datetime | None:
    """When a later run of the same deployment was due that has not begun."""
    with get_client(sync_client=True) as client:
        waiting = client.read_flow_runs(
            flow_run_filter=FlowRunFilter(
                deployment_id=FlowRunFilterDeploymentId(any_=[UUID(deployment_id)]),
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED])),
                expected_start_time=FlowRunFilterExpectedStartTime.model_validate(
                    {"after_": due, "before_": now}
                ),
            )
        )
    starts = [run.expected_start_time for run in waiting if run.expected_start_time]
    return max((start for start in starts if start > due), default=None)
