"""Replies ready to print: a question asked of a memory, with the seconds of every part."""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from tasks.recall.filters import Filters
from tasks.recall.opened import Opened
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig


def answered(
    open_it: Callable[[], Opened],
    question: str,
    config: RecallConfig,
    most: int | None,
    document: str | None,
    told: Callable[[Any], None],
    filters: Filters = Filters(),  # noqa: B008  (frozen)
) -> Row:
    """The reply to `question` as programs get it; `told` gets every claim as soon as it is checked.

    Args:
        open_it: opens the memory, or has it open.
        most: claims at most; None for the default.
        document: of which sources it is asked, as `tasks.recall.scope.documents_of` takes them.
        filters: what else must hold of a passage, as `tasks.recall.ask.ask.ask` takes it.

    Raises:
        InvalidInput: if there is no memory, no such source, or no question, or another embedder made the
            vectors of the memory.
        Transient: if the memory was moved to another version meanwhile.
    """
    began = perf_counter()
    opened = open_it()
    memory = opened.memory
    from tasks.recall.ask.ask import CLAIMS, ask
    from tasks.recall.scope import documents_of

    documents = documents_of(memory, document)
    embed = opened.embed
    seconds = round(perf_counter() - began, 4)
    with memory.held():
        reply = ask(
            memory,
            question,
            embed,
            config,
            documents=documents,
            filters=filters,
            most=most or CLAIMS,
            told=told,
        )
    return {**reply.as_json(), "seconds": {"open": seconds, **reply.seconds}}
