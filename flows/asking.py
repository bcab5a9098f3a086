"""`nightread ask`: what was read, and what was said in a session, that answers a question."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import show
from flows.answer import Answer
from tasks.errors import InvalidInput
from tasks.text.visible import printable

if TYPE_CHECKING:
    from flows.config import RunConfig


def ask(
    config: "RunConfig",
    question: Sequence[str],
    k: int | None = None,
    document: str | None = None,
    memory: str | None = None,
    explain: bool = False,
    new: bool = False,
) -> Answer:
    """What answers a question, or the nearest passages; `memory` is the key of a session, which is begun
    where there is none with `new`."""
    if k is not None and k < 1:
        raise InvalidInput(f"-k {k}: give 1 or more")
    if explain and memory is None:
        raise InvalidInput("--explain: it tells of the levels of a session: give --memory KEY too")
    if new and memory is None:
        raise InvalidInput("--new: it begins a session: give --memory KEY too")
    asked = " ".join(question)
    from model import weights

    weights.resolve_embedder(config.infer.embedder)
    if memory is not None:
        return _of_session(config, memory, asked, k, document, explain, new)
    from tasks.recall.ask import replies
    from tasks.recall.opened import opened

    open_it = partial(opened, Path(config.home), config.infer.embedder)
    reply = replies.answered(open_it, asked, config.recall, k, document, _print_claim)
    return Answer(reply, show.reply(reply))


def _print_claim(claim: Any) -> None:
    print(printable(show.claim(claim)), flush=True)


def _of_session(
    config: "RunConfig",
    key: str,
    asked: str,
    k: int | None,
    document: str | None,
    explain: bool,
    new: bool,
) -> Answer:
    from tasks.recall.levels import replies

    home, window = Path(config.home), config.shard.stride
    embedder, how = config.infer.embedder, config.recall
    found = replies.answered(home, key, asked, embedder, how, window, k, document, new)
    return Answer(found, show.session_reply(found, explain))
