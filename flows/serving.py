"""The command `serve`: everything in one process, or a part of it on a machine of its own.

The idea: the parts are the same, whether one command starts them or several do; where one part needs another,
an address in the settings says where that is.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.deployments import commands as deployments

if TYPE_CHECKING:
    from flows.config import RunConfig

SERVE_HELP = """\
prefect: reading and upkeep as forms in Prefect's UI; the settings given here are those that they start from.
"""

PARTS: dict[str, Callable[["RunConfig"], Answer]] = {
    "prefect": deployments.serve,
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


def serve(config: "RunConfig", what: str = "prefect") -> Answer:
    """Serve one part, or all, until interrupted."""
    return PARTS[what](config)
