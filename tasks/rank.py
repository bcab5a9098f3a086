"""A rank: one reader in a process of its own; shards of documents come in on stdin, windows go out, as JSON.

The idea: a rank owns nothing. It hands in every window and goes on once it is told that the window is kept,
so it may die at any instruction. `tasks.ranks` starts it and watches over it. Where several read every chunk
together they are one DeepSpeed job, all are given the same shards, and the first of them speaks.
"""

import json
import os
import queue
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tasks.errors import InvalidInput, NightreadError, Transient
from tasks.settings import GroundConfig, InferConfig, ShardConfig

if TYPE_CHECKING:
    from model.parallel import Ranks

Message = dict[str, Any]


class GivenUp(Exception):
    """The shard is somebody else's by now."""


class _Line:
    """The pipes to whoever started this process."""

    def __init__(self, requests: TextIO, replies: TextIO) -> None:
        self.requests, self.replies = requests, replies
        self.inbox: queue.Queue[Message] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self.requests:
            self.inbox.put(json.loads(line))
        os._exit(0)  # whoever listened is gone: nothing read from here on would be kept

    def tell(self, kind: str, **values: Any) -> None:
        self.replies.write(json.dumps({"kind": kind, **values}) + "\n")
        self.replies.flush()

    def ask(self, kind: str, **values: Any) -> Message:
        self.tell(kind, **values)
        return self.inbox.get()


def serve(line: _Line) -> None:
    """Load the models that the first message names, then read shards until the pipe closes."""
    setup = line.inbox.get()
    with ExitStack() as stack:
        ranks = stack.enter_context(_join(setup)) if setup["infer"]["spread"] > 1 else None
        _read(line, setup, ranks)


def _join(setup: Message) -> "Ranks":
    """Meet the others that share every chunk."""
    from model import parallel, weights

    device = weights.pick_device(setup["infer"]["device"])
    return parallel.join(setup["rank"], setup["infer"]["spread"], setup["port"], device=device)


def _read(line: _Line, setup: Message, ranks: "Ranks | None") -> None:
    from tasks.desk import Job
    from tasks.infer import Models, read_shard, skip_key

    home = Path(setup["home"])
    config = InferConfig(**{**setup["infer"], "ground": GroundConfig(**setup["infer"]["ground"])})
    shard = ShardConfig(**setup["shard"])
    models = Models(home, config, shard.stride, ranks)
    if skip_key(models, shard) != setup["key"]:
        raise InvalidInput(
            f"the model under {models.folder}, or Nightread itself, is another one here than where the run "
            f"began: give every node the same files"
        )
    _ = models.reader  # loaded now: it is no document's time
    line.tell("ready")

    def keep(window: int, payload: bytes, tokens: int) -> None:
        kept = False
        if models.leads:
            kept = line.ask("window", window=window, payload=payload.decode(), tokens=tokens)["kept"]
        if not (kept if ranks is None else ranks.any(kept)):
            raise GivenUp

    while True:
        job = Job.from_dict(line.inbox.get())
        try:
            heard = lambda: line.tell("heard")  # noqa: E731
            where = (home, job.document, job.shard, job.source)
            read_shard(*where, models, setup["key"], job.first, keep, heard)
            over = "done"
        except GivenUp:
            over = "free"
        line.tell(over if models.leads else "heard")


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
