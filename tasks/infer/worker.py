"""A rank: one reader in a process of its own; shards of documents come in on stdin, windows go out, as JSON.

The idea: a rank owns nothing. It hands in every window and goes on once it is told that the window is kept,
so it may die at any instruction. `tasks.infer.group` starts it and watches over it. Where several read every
chunk together they are one DeepSpeed job, all are given the same shards, and the first of them speaks.
"""

import json
import os
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.settings import GroundConfig, InferConfig, ShardConfig

if TYPE_CHECKING:
    from model.parallel.collectives import Ranks

Message = dict[str, Any]


class _Line:
    """The pipes to whoever started this process."""

    def __init__(self, requests: TextIO, replies: TextIO) -> None:
        self.requests, self.replies = requests, replies
        self.orders: queue.Queue[Message] = queue.Queue()
        self.answers: queue.Queue[bool] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.requests:
            message = json.loads(line)
            if "kept" in message:
                self.answers.put(message["kept"])
            else:
                self.orders.put(message)
        os._exit(0)  # whoever listened is gone: nothing read from here on would be kept

    def tell(self, kind: str, **values: Any) -> None:
        self.replies.write(json.dumps({"kind": kind, **values}) + "\n")
        self.replies.flush()

    def orders_for(self, idle: bool) -> Iterator[Message]:
        """What has come in; one that is idle waits for something."""
        while idle or not self.orders.empty():
            yield self.orders.get()
            idle = False


def serve(line: _Line) -> None:
    """Load the models that the first message names, then read shards until the pipe closes."""
    setup = line.orders.get()
    with ExitStack() as stack:
        ranks = stack.enter_context(_join(setup)) if setup["infer"]["sequence_parallel"] > 1 else None
        _read(line, setup, ranks)


def _join(setup: Message) -> "Ranks":
    """Meet the others that share every chunk."""
    from model import weights
    from model.parallel import collectives as parallel

    device = weights.pick_device(setup["infer"]["device"])
    return parallel.join(setup["rank"], setup["infer"]["sequence_parallel"], setup["port"], device=device)


def _read(line: _Line, setup: Message, ranks: "Ranks | None") -> None:
    from tasks.infer.batch import Rows
    from tasks.infer.queue import Job
    from tasks.infer.windows import Done, Models, cache_key

    home = Path(setup["home"])
    config = InferConfig(**{**setup["infer"], "ground": GroundConfig(**setup["infer"]["ground"])})
    shard = ShardConfig(**setup["shard"])
    models = Models(home, config, shard.stride, ranks)
    if cache_key(models, shard) != setup["key"]:
        raise InvalidInput(
            f"the model under {models.folder}, or Nightread itself, is another one here than where the run "
            f"began: give every node the same files"
        )
    _ = models.reader  # loaded now: it is no document's time
    line.tell("ready", rows=models.batch_size)

    def keep(windows: Mapping[int, Done]) -> list[bool]:
        kept = [False] * len(windows)
        if models.leads:
            for row, done in windows.items():
                line.tell("window", row=row, **asdict(done))
            kept = [line.answers.get() for _ in windows]
        return kept if ranks is None else [ranks.any(one) for one in kept]

    rows = Rows(home, models, setup["key"], keep)
    while True:
        for order in line.orders_for(idle=not rows.needs):
            rows.begin(order["row"], Job.from_dict(order["job"]))
        over = rows.step()
        line.tell("heard")
        for row in over if models.leads else ():
            line.tell("done", row=row)


def main() -> None:
    """What libraries print goes to stderr. An error that is no document's fault is told before the end."""
    line = _Line(sys.stdin, os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)
    try:
        serve(line)
    except (NightreadError, OSError) as error:
        line.tell("error", error=f"{error}", transient=isinstance(error, Transient))
        raise


if __name__ == "__main__":
    main()
