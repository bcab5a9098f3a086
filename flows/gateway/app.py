"""The gateway as an ASGI application.

The idea: one process holds what is slow to open, and every door, for programs and for people, asks the same
functions of tasks/ that the commands ask.
"""

from fastapi import FastAPI

from flows.config import RunConfig
from flows.gateway.doors import Doors


def gateway(config: RunConfig) -> FastAPI:
    """All doors of these settings."""
    app = FastAPI(title="Nightread", docs_url=None, redoc_url=None)
    app.state.doors = Doors(config)
    return app
