"""The gateway as an ASGI application.

The idea: one process holds what is slow to open, and every door, for programs and for people, asks the same
functions of tasks/ that the commands ask.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from flows.config import RunConfig
from flows.gateway import failures
from flows.gateway.doors import Doors
from flows.gateway.entrance.every_request import EveryRequest
from flows.gateway.entrance.guard import Guard
from flows.gateway.entrance.limits import Limits
from flows.gateway.json_api import api
from flows.gateway.mcp.endpoint import Endpoint
from flows.gateway.openai.routes import router as openai
from flows.gateway.pages.router import router as pages
from tasks.serve.door import ReaderDoor

MIB = 1 << 20


@asynccontextmanager
async def _opening(app: FastAPI) -> AsyncIterator[None]:
    """While it already answers, what the first question needs is imported and opened."""
    doors: Doors = app.state.doors

    def warm() -> None:
        doors.warm()
        import flows.gateway.mcp.server  # noqa: F401

    warming = asyncio.create_task(asyncio.to_thread(warm))
    yield
    await app.state.mcp.end()
    await warming


def gateway(config: RunConfig, reader: Callable[[], ReaderDoor] | None = None) -> FastAPI:
    """All doors of these settings.

    Args:
        reader: gives what reads long contexts, when it is first asked; None where there is none.
    """
    app = FastAPI(
        title="Nightread", description=api.DESCRIPTION, docs_url=None, redoc_url=None, lifespan=_opening
    )
    app.state.doors = Doors(config, reader)
    failures.handle(app)
    serve = config.serve
    # the last one that is added is met first
    app.add_middleware(Limits, per_minute=serve.requests_per_minute, body_bytes=serve.body_mb * MIB)
    if serve.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=serve.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(Guard)
    app.add_middleware(EveryRequest)
    app.include_router(api.health)
    for router in (*api.ROUTERS, openai):
        app.include_router(router, responses=api.FAILURES)
    app.state.mcp = Endpoint(app.state.doors)
    app.router.routes.append(Route("/mcp", app.state.mcp, methods=["POST"], include_in_schema=False))
    app.include_router(pages)
    return app
