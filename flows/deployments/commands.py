"""The commands `serve` and `deploy`: runs from a form or by a schedule; each has its options beside it.

The idea: `serve` lasts as long as its terminal and needs nothing; `deploy` sets up the same on a Prefect
server that stays, with a schedule, for workers on any machine.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.homes import folder_of
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig

CATCH_UP = ("once", "skip")
"""What is done about missed nights: one read for all of them, or none."""

DEPLOY_HELP = """\
Needs a Prefect server that stays, named by PREFECT_API_URL. Three deployments are set up there, for workers
of the pool nightread: read/nightly, which reads these URIs by the schedule; read/read, a form for single
reads; and upkeep/upkeep, on Sunday evenings. Two runs of one deployment never overlap; a run whose process is
gone is marked as crashed after six minutes, and the next one goes on with its work. The settings given here
are those of every run. The same command again changes what is there.
"""


def arguments(add: Callable[..., Any], uri_help: str) -> None:
    """The options of these commands."""
    add(
        "serve",
        "offer reading and upkeep in Prefect's UI, until interrupted",
        "serve home=/data/memory infer.summary_words=300",
        "The settings given here are those that the forms in the UI start from.",
    )
    night = add(
        "deploy",
        "read a corpus every night: set up deployments on a Prefect server",
        'deploy ~/papers home=/data/memory\ndeploy s3://bucket/prefix --cron "30 1 * * 1-5" '
        "--timezone Europe/Berlin --notify slack-webhook/night",
        DEPLOY_HELP,
    )
    night.add_argument("uris", nargs="+", metavar="URI", help=uri_help)
    night.add_argument(
        "--cron", default="0 2 * * *", metavar="CRON", help='when to read (default: "0 2 * * *", 2 at night)'
    )
    night.add_argument(
        "--timezone", default="", metavar="ZONE", help="of the schedule (default: this machine's)"
    )
    night.add_argument(
        "--catch-up",
        choices=CATCH_UP,
        default="once",
        help="missed nights: one read for all of them, or none (default: once)",
    )
    night.add_argument(
        "--notify",
        default="",
        metavar="BLOCK",
        help="a notification block of the server, told of runs that failed, such as slack-webhook/night",
    )


def serve(config: "RunConfig") -> Answer:
    """Offer reading and upkeep in Prefect's UI, with these settings as its defaults, until interrupted."""
    from flows.server import prefect_api

    check_models(config)
    with prefect_api(folder_of(config)) as url:
        from flows.deployments.deployment import serve_all

        print(f"Prefect's UI is at {url.removesuffix('/api')}; Ctrl-C ends it.", flush=True)
        serve_all(config)
    return Answer({"url": url}, "")


def deploy(
    config: "RunConfig",
    uris: Sequence[str],
    cron: str,
    timezone: str = "",
    catch_up: str = "once",
    notify: str = "",
) -> Answer:
    """Set up the nightly read, the form and upkeep on the server that PREFECT_API_URL names.

    Raises:
        InvalidInput: if no server is named or answers, or an option names nothing that exists.
    """
    from flows.server import prefect_api
    from tasks.ingest.discover import check_uris

    if not os.environ.get("PREFECT_API_URL"):
        raise InvalidInput(
            "deploy needs a Prefect server that stays: `prefect server start` in another terminal, and here "
            "`export PREFECT_API_URL=http://127.0.0.1:4200/api`; then try again"
        )
    check_models(config)
    check_uris(uris, folder_of(config), config.storage)
    with prefect_api(folder_of(config), remedy="start it: `prefect server start`") as url:
        from flows.deployments.deploy import Nightly, deploy_all

        done = deploy_all(config, list(uris), Nightly(cron, timezone, catch_up, notify))
    worker = shlex.join([_command("prefect"), *"worker start --pool nightread --limit 1".split()])
    data = {"deployments": list(done.names), "timezone": done.timezone, "url": url, "worker": worker}
    lines = [
        f"read/nightly: {', '.join(uris)}, {cron} ({done.timezone}); missed nights: {catch_up}",
        f"read/read: the form, at {url.removesuffix('/api')}/deployments",
        "upkeep/upkeep: Sundays at 20:00",
        "They run where a worker waits for them; start one on this machine, and keep it running:",
        f"  PREFECT_API_URL={url} {worker}",
    ]
    return Answer(data, "\n".join(lines))


def _command(name: str) -> str:
    """A command of this environment, by its path where the shell might find another or none."""
    beside = Path(sys.executable).with_name(name)
    return str(beside) if beside.exists() else name


def check_models(config: "RunConfig") -> None:
    """Refuse a model or an embedder that is not there, before a server is started."""
    from model import weights

    if config.infer.model and weights.is_path(config.infer.model):
        weights.check_folder(Path(config.infer.model))
    weights.resolve_embedder(config.infer.embedder)
