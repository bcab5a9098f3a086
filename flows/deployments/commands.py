"""Runs from a form or by a schedule: `deploy`, `worker`, and what `serve` offers in Prefect's UI.

The idea: `serve` lasts as long as its terminal and needs nothing; `deploy` sets up the same on a Prefect
server that stays, with a schedule, for a `worker` on any machine.
"""

import os
import shlex
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.homes import folder_of
from tasks.errors import InvalidInput

if TYPE_CHECKING:
    from flows.config import RunConfig

LOOK_S = 30.0
"""Seconds between two looks for runs that died."""
CATCH_UP = ("once", "skip")
"""What is done about missed nights: one read for all of them, or none."""

DEPLOY_HELP = """\
Needs a Prefect server that stays, named by PREFECT_API_URL. Three deployments are set up there, for workers
of the pool nightread: read/nightly, which reads these URIs by the schedule; read/read, a form for single
reads; and upkeep/upkeep, on Sunday evenings. Two runs of one deployment never overlap, and the next one goes
on with the work of one that died. The settings given here are those of every run. The same command again
changes what is there.

Runs start where `nightread worker` runs. It marks those whose process is gone as crashed, within about a
minute. Where it is gone too, the server does so after six minutes without a sign of life, unless it restarts
meanwhile; then the next worker of that machine does, or the next run.
"""

WORKER_HELP = """\
Needs the Prefect server named by PREFECT_API_URL, and waits for it. Starts a process worker of Prefect for
the pool nightread and ends with it: have systemd or the like keep it running. Runs of this machine, known by
its host name, whose process is gone are marked as crashed, also those that a reboot or an outage of the
server left behind.
"""


def arguments(add: Callable[..., Any], uri_help: str) -> None:
    """The options of these commands."""
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
    worker = add(
        "worker",
        "start the runs of deployments on this machine, until interrupted",
        "worker\nworker --limit 2",
        WORKER_HELP,
    )
    worker.add_argument("--limit", type=int, default=1, metavar="N", help="runs at a time (default: 1)")
    worker.add_argument(
        "--look",
        type=float,
        default=LOOK_S,
        metavar="SECONDS",
        help=f"between two looks for runs that died (default: {LOOK_S:g})",
    )
    worker.add_argument("--healthcheck", action="store_true", help="answer at /health, on port 8080")


def serve(config: "RunConfig") -> Answer:
    """Offer reading and upkeep in Prefect's UI, with these settings as its defaults, until interrupted."""
    from flows.server import prefect_api

    check_models(config)
    with prefect_api(folder_of(config)) as url:
        from flows.deployments.deployment import serve_all

        print(f"Prefect's UI is at {url.removesuffix('/api')}; Ctrl-C ends it.", flush=True)
        serve_all(config, LOOK_S, _say)
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

    _check_server("deploy")
    check_models(config)
    check_uris(uris, folder_of(config), config.storage)
    with prefect_api(folder_of(config), remedy="start it: `prefect server start`") as url:
        from flows.deployments.deploy import Nightly, deploy_all

        done = deploy_all(config, list(uris), Nightly(cron, timezone, catch_up, notify))
    worker = shlex.join([_command("nightread"), "worker"])
    data = {"deployments": list(done.names), "timezone": done.timezone, "url": url, "worker": worker}
    lines = [
        f"read/nightly: {', '.join(uris)}, {cron} ({done.timezone}); missed nights: {catch_up}",
        f"read/read: the form, at {url.removesuffix('/api')}/deployments",
        "upkeep/upkeep: Sundays at 20:00",
        "They run where a worker waits for them; start one on this machine, and keep it running:",
        f"  PREFECT_API_URL={url} {worker}",
    ]
    return Answer(data, "\n".join(lines))


def worker(config: "RunConfig", limit: int = 1, look: float = LOOK_S, healthcheck: bool = False) -> Answer:
    """Start the runs of deployments on this machine and mark those that died, until it is ended.

    Raises:
        InvalidInput: if no server is named.
    """
    _check_server("worker")
    if limit < 1:
        raise InvalidInput(f"--limit {limit}: give 1 or more")
    if not look > 0:
        raise InvalidInput(f"--look {look:g}: give seconds, such as 30")
    from flows.deployments.worker import work

    code = work(limit, look, healthcheck, _say)
    return Answer({"code": code}, "", code)


def _say(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)


def _check_server(command: str) -> None:
    """Refuse a command that needs a server that stays where none is named."""
    if not os.environ.get("PREFECT_API_URL"):
        raise InvalidInput(
            f"{command} needs a Prefect server that stays: `prefect server start` in another terminal, and "
            "here `export PREFECT_API_URL=http://127.0.0.1:4200/api`; then try again"
        )


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
