"""The command `serve`: everything in one process, or a part of it on a machine of its own.

The idea: the parts are the same, whether one command starts them or several do; where one part needs another,
an address in the settings says where that is.
"""

import signal
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from flows import reading_service
from flows.answer import Answer
from flows.deployments import commands as deployments

if TYPE_CHECKING:
    from flows.config import RunConfig

SERVE_HELP = """\
all: the gateway with a reader, and Prefect's UI with the forms, in one process. A part of it:

gateway: the doors of the memory over HTTP: pages for people, JSON, OpenAI's API, MCP. Beyond this machine
(serve.host) whoever asks needs a token: see the command token. Long contexts are read by the readers that
serve.readers names or serve.redis_url knows, else in the gateway's own process.

mcp: the same tools over stdin and stdout, for a program that starts this command itself.

prefect: reading and upkeep as forms in Prefect's UI; the settings given here are those that they start from.

reader: long contexts over gRPC, read, asked and kept under home/contexts. Beyond this machine it needs a
token, in the environment variable NIGHTREAD_READER_TOKEN of whoever serves or calls. Several readers share a
home and, through serve.redis_url, who holds which context.
"""


def everything(config: "RunConfig") -> Answer:
    """The gateway with its readers at once, and Prefect's UI with the forms as soon as that has started."""
    from flows.gateway.run import running

    deployments.check_models(config)
    with ExitStack() as held:
        _end_by_sigterm(held)
        url = held.enter_context(running(config, held.enter_context(reading_service.door(config))))
        print(f"Nightread is at {url}", flush=True)
        print(f"  for programs: {url}/openapi.json, {url}/v1/models (OpenAI's API), {url}/mcp", flush=True)
        return deployments.serve(config)


def gateway(config: "RunConfig") -> Answer:
    """The doors of the memory over HTTP, and the readers behind them."""
    from flows.gateway.run import run_gateway

    deployments.check_models(config)
    with reading_service.door(config) as reader:
        run_gateway(config, reader, lambda url: print(f"Nightread is at {url}; Ctrl-C ends it.", flush=True))
    return Answer({}, "")


def mcp(config: "RunConfig") -> Answer:
    """The tools of MCP over stdin and stdout."""
    from flows.gateway.mcp.server import run_stdio
    from flows.gateway.run import check_home

    check_home(config)
    run_stdio(config)
    return Answer({}, "")


PARTS: dict[str, Callable[["RunConfig"], Answer]] = {
    "all": everything,
    "gateway": gateway,
    "mcp": mcp,
    "prefect": deployments.serve,
    "reader": reading_service.serve_reader,
}


def arguments(add: Callable[..., Any]) -> None:
    """What may be served."""
    served = add(
        "serve",
        "open the doors: pages, APIs, readers, Prefect's UI, until interrupted",
        "serve home=/data/memory infer.summary_words=300\nserve gateway serve.host=0.0.0.0\n"
        "serve reader --listen 10.0.0.5:8322 serve.redis_url=redis://10.0.0.4",
        SERVE_HELP,
    )
    served.add_argument("what", nargs="?", choices=tuple(PARTS), default="all", help="default: all")
    served.add_argument(
        "--listen",
        metavar="HOST:PORT",
        help="reader: the address (default: serve.listen; port 0: any free one)",
    )


def serve(config: "RunConfig", what: str = "all", listen: str | None = None) -> Answer:
    """Serve one part, or all, until interrupted."""
    return PARTS[what](reading_service.at(config, listen) if listen else config)


def _end_by_sigterm(held: ExitStack) -> None:
    """SIGTERM ends it as Ctrl-C does, also while Prefect still starts."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    held.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, end))
