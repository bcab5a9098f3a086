"""The command `watch`: its options, what is refused before anything is read, and how it begins and ends.

The idea: it ends only when it is told to, by Ctrl-C or SIGTERM, and that is no error: what it was reading is
continued by the next one.
"""

import os
import signal
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from flows.deployments.commands import check_models
from tasks.errors import InvalidInput
from tasks.text.visible import printable

if TYPE_CHECKING:
    from flows.config import RunConfig
    from flows.drops.starting import Start
    from tasks.ingest.uris import Place
    from tasks.ingest.watch.queue import Queue
    from tasks.ingest.watch.state import State


def arguments(add: Callable[..., Any]) -> None:
    """The options of this command."""
    watched = add(
        "watch",
        "read what is dropped into a folder or a bucket, as it arrives",
        "watch ~/drops\nwatch s3://papers/inbox --queue https://sqs.eu-west-1.amazonaws.com/123456789012/papers\n"
        "watch ~/drops --once",
        "What has arrived is read by one run once nothing more has come for watch.quiet_s. What changed is "
        "read again, what was deleted is retired, what cannot be read is told of. Killed and started again, "
        "it reads what arrived meanwhile. Ctrl-C ends it.",
    )
    watched.add_argument("uri", metavar="URI", help="a folder, a glob in quotes, or s3://bucket/prefix")
    watched.add_argument(
        "--queue",
        metavar="URL",
        help="an SQS queue, of its own, that gets the bucket's events (default: watch.queue)",
    )
    watched.add_argument("--once", action="store_true", help="read what is there now, and end (for cron)")
    watched.add_argument(
        "--deployment",
        nargs="?",
        const="read/read",
        metavar="NAME",
        help="start runs through this deployment of the Prefect server that PREFECT_API_URL names, with its "
        "settings (default: read/read, what `nightread serve` serves, where there is one)",
    )
    watched.add_argument(
        "--yes",
        action="store_true",
        help="retire what is gone even where it is more than half of what was read there",
    )


def watch(
    config: "RunConfig",
    uri: str,
    queue: str | None = None,
    once: bool = False,
    deployment: str | None = None,
    yes: bool = False,
) -> Answer:
    """Read what arrives until interrupted, or what is there now."""
    from tasks.ingest.uris import canonical, place

    at = place(canonical(uri))
    _check(config, at)
    told = _queue(config, queue or config.watch.queue, at)
    from flows.drops.watcher import Watcher
    from tasks.ingest.watch.state import claimed

    silent = True

    def say(text: str) -> None:
        nonlocal silent
        silent = False
        print(printable(" ".join(f"{datetime.now():%H:%M:%S} {text}".split())), flush=True)

    interrupted = signal.getsignal(signal.SIGTERM)
    with ExitStack() as stack:
        state = stack.enter_context(claimed(Path(config.home), at.uri))
        start = _starter(config, deployment, state, stack, say)
        watcher = Watcher(at, config, state, start, say, told, allow_retire=yes)
        signal.signal(signal.SIGTERM, _stop)
        stack.callback(signal.signal, signal.SIGTERM, interrupted)
        try:
            if told is not None:
                stack.callback(told.stop)
                while once and told.receive():
                    continue
                told.start()
            if not once:
                every = config.watch.poll_s if told is None else config.watch.sweep_s
                heard = "" if told is None else ", and when the queue tells of something"
                say(f"watching {at.uri}, a look every {every:g} s{heard}; Ctrl-C ends it")
            watcher.watch(once)
        except KeyboardInterrupt:
            say("ended; the same command goes on where this one stopped")
    data = {
        "runs": watcher.runs,
        "failed": watcher.failures.told,
        "quarantined": watcher.failures.told if once else [],
    }
    return Answer(data, "nothing new" if once and silent else "")


def _queue(config: "RunConfig", url: str, at: "Place") -> "Queue | None":
    if not url:
        return None
    from tasks.ingest.uris import S3
    from tasks.ingest.watch.queue import Queue

    if not at.uri.startswith(S3):
        raise InvalidInput(f"watch.queue={url}: only a bucket tells a queue of its events; leave it out")
    return Queue(url, config.storage)


def _stop(_signal: int, _frame: Any) -> None:
    raise KeyboardInterrupt


def _check(config: "RunConfig", at: "Place") -> None:
    """Refuse what cannot be watched, or read with, before a server or a model is loaded."""
    from tasks.ingest.discover import check_apart
    from tasks.ingest.storage import find
    from tasks.ingest.uris import S3, SAMPLE, below, canonical, path_of, uri_of

    if at.uri == SAMPLE:
        raise InvalidInput("sample: does not change; give a folder or s3://bucket/prefix")
    if not at.uri.startswith(S3) and not os.path.lexists(path_of(at.base)):
        raise InvalidInput(f"{at.uri}: no such folder; make it, or check the path")
    if at.holds(uri_of(str(Path(config.home).absolute() / "memory"))):
        raise InvalidInput(
            f"home={config.home} lies in {at.uri}, which would read its own reports; give another home"
        )
    check_apart([at.uri], Path(config.home))
    aside = config.watch.dead_letter and canonical(config.watch.dead_letter)
    if aside and (below(at.base, aside) or at.holds(f"{aside}/x")):
        raise InvalidInput(
            f"watch.dead_letter={aside} lies in {at.uri}, and would be read; give another place"
        )
    next(find(at.uri, config.storage), None)
    check_models(config)


def _starter(
    config: "RunConfig", deployment: str | None, state: "State", stack: ExitStack, say: Callable[[str], None]
) -> "Start":
    """How runs are started: as asked for, or through the deployment that is there."""
    from flows.drops.starting import DEPLOYMENT, Here, deployed

    if not (deployment or os.environ.get("PREFECT_API_URL")):
        here = Here(config)
        stack.callback(here.stack.close)
        return here
    from flows.server import prefect_api

    if deployment and not os.environ.get("PREFECT_API_URL"):
        raise InvalidInput(f"--deployment {deployment}: set PREFECT_API_URL to the server that has it")
    url = stack.enter_context(prefect_api(Path(config.home)))
    try:
        return deployed(deployment or DEPLOYMENT, config.home, state, say)
    except InvalidInput:
        if deployment:
            raise
    return Here(config, url=url)
