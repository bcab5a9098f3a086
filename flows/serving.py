"""The command `serve`: everything in one process, or a part of it on a machine of its own.

The idea: the parts are the same, whether one command starts them or several do; where one part needs another,
an address in the settings says where that is.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flows import reading_service
from flows.answer import Answer
from flows.deployments import commands as deployments

if TYPE_CHECKING:
    from flows.config import RunConfig

SERVE_HELP = """\
gateway: the doors of the memory, over HTTP: JSON, OpenAI's API, MCP. Beyond this machine (serve.host) whoever
asks needs a token: see the command token.

mcp: the same tools over stdin and stdout, for a program that starts this command itself.

prefect: reading and upkeep as forms in Prefect's UI; the settings given here are those that they start from.

reader: long contexts over gRPC, read, asked and kept under home/contexts. Beyond this machine it needs a
token, in the environment variable NIGHTREAD_READER_TOKEN of whoever serves or calls. Several readers share a
home and, through serve.redis_url, who holds which context.
"""


def gateway(config: "RunConfig") -> Answer:
    """The doors of the memory over HTTP."""
    from flows.gateway.run import run_gateway

    run_gateway(config, started=lambda url: print(f"The gateway is at {url}; Ctrl-C ends it.", flush=True))
    return Answer({}, "")


def mcp(config: "RunConfig") -> Answer:
    """The tools of MCP over stdin and stdout."""
    from flows.gateway.mcp import run_stdio

    run_stdio(config)
    return Answer({}, "")


PARTS: dict[str, Callable[["RunConfig"], Answer]] = {
    "gateway": gateway,
    "mcp": mcp,
    "prefect": deployments.serve,
    "reader": reading_service.serve_reader,
}


def arguments(add: Callable[..., Any]) -> None:
    """What may be served."""
    served = add(
        "serve",
        "offer reading and upkeep in Prefect's UI, until interrupted",
        "serve home=/data/memory infer.summary_words=300",
        SERVE_HELP,
    )
    served.add_argument("what", nargs="?", choices=tuple(PARTS), default="prefect", help="(default: prefect)")
    served.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="reader: the address (default: serve.listen; port 0: any free one)",
    )


def serve(config: "RunConfig", what: str = "prefect", listen: str | None = None) -> Answer:
    """Serve one part, or all, until interrupted."""
    return PARTS[what](reading_service.at(config, listen) if listen else config)
