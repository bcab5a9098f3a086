"""A read that ends its own process at a commit: python -m tests.flows.killed STAGE COUNT CORPUS SETTING...

The steps are those of the flow, in its order; each tells its progress once what it has done is on the disk.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from flows.config import load
from flows.deployments.crashed import held
from flows.read import begin, open_models
from tasks.infer.infer import infer
from tasks.ingest import steps as ingest
from tasks.ingest.home import snapshot, writing
from tasks.ingest.home.remote import remote_of
from tasks.memory.remember import embed, memory_before, remember
from tasks.plan.plan import plan
from tasks.plan.work import choose
from tasks.reduce.reduce import reduce
from tasks.relate.relate import relate

SEND_S = 300.0
"""In which a home in a bucket is sent, on any machine."""


def sent(home: Path) -> None:
    """Wait until a home in a bucket is there as it is here."""
    remote, end = remote_of(home), time.monotonic() + SEND_S
    while remote and writing.held(home)._sent != snapshot.state(remote) and time.monotonic() < end:
        time.sleep(0.05)


def killer(stage: str, at: str, count: int, before: Callable[[], None] = lambda: None) -> Callable[..., None]:
    """Progress of a stage that ends the process at its commit number `count`, if it is the stage `at`.

    Args:
        before: what is done before that.
    """
    commits = 0

    def progress(*_: int) -> None:
        nonlocal commits
        commits += 1
        if stage == at and commits == count:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    return progress


def main(at: str, count: int, corpus: str, *overrides: str) -> None:
    run = begin([corpus], load("tiny", list(overrides)).reading)
    with held(run.home, run.run), run.recorded():
        models, memory = open_models(run), memory_before(run.home)
        found = ingest.discover(run, [])
        rows = ingest.parse(run, found, killer("parse", at, count))
        work = choose(run, models, memory, rows)
        documents = ingest.shard(run, work.todo, models.folder, killer("shard", at, count))
        work = plan(run, models, work, documents)
        infer(run, models, work.rows, work.documents, killer("infer", at, count, partial(sent, run.home)))
        tree = reduce(
            run, models, work.rows, work.documents, work.kept, work.corpora, killer("reduce", at, count)
        )
        texts = killer("embed", at, count)
        staged = embed(run, models, work.seen, work.documents, work.gone, tree, memory, texts)
        related = relate(run, work, memory, tree, staged, killer("relate", at, count))
        remember(run, models, work.seen, work.documents, work.gone, tree, related.staged)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), *sys.argv[3:])
