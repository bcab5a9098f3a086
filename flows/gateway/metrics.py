"""`/metrics`: what the readers do, for Prometheus, and for what adds readers where questions wait.

The idea: a gateway that has its reader in its own process tells nothing of it, for to ask it would load the
model.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING

from fastapi import APIRouter, HTTPException, Request
from starlette.responses import PlainTextResponse

from flows.gateway.caller import Asking
from flows.gateway.doors import Doors, doors_of

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

router = APIRouter()
GAUGES = {
    "questions_queued": ("questions_waiting", "Questions that wait at the readers"),
    "reads_queued": ("reads_waiting", "Reads that wait at the readers"),
    "answering": ("answers_active", "Answers that are being written"),
    "contexts": ("contexts", "Contexts that are held in memory"),
    "bytes": ("contexts_bytes", "Memory that they take"),
}
"""Fields of `tasks.serve.door.Stats`, the metric of each, and its help."""


@router.get("/metrics", response_class=PlainTextResponse, include_in_schema=False)
async def metrics(who: Asking, request: Request) -> str:
    """Of all readers together."""
    if who.tenant:
        raise HTTPException(403, "metrics are of all tenants: ask with a token of none")
    return await doors_of(request).work(_told, doors_of(request))


def _told(doors: Doors) -> str:
    from prometheus_client import CollectorRegistry, generate_latest

    registry = CollectorRegistry()
    serve = doors.config.serve
    if doors.reader and (serve.readers or serve.redis_url):
        _gauges(registry, asdict(doors.reader().stats()))
    return generate_latest(registry).decode()


def _gauges(registry: "CollectorRegistry", stats: dict[str, float]) -> None:
    from prometheus_client import Gauge

    for field, (name, text) in GAUGES.items():
        Gauge(f"nightread_reader_{name}", text, registry=registry).set(stats[field])
