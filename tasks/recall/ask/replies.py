"""Replies ready to print: a question asked of the memory of a home, with the seconds of every part."""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

from tasks.memory.embedders import question_embedder
from tasks.memory.reader import open_memory
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig


def answered(
    home: Path,
    question: str,
    embedder: str,
    config: RecallConfig,
    most: int | None,
    document: str | None,
    told: Callable[[Any], None],
) -> Row:
    """The reply to `question` as programs get it; `told` gets every claim as soon as it is checked.

    Args:
        embedder: a folder, "" the default one.
        most: claims at most; None for the default.
        document: of which sources it is asked, as `tasks.recall.scope.documents_of` takes them.

    Raises:
        InvalidInput: if there is no memory, no such source, or no question, or another embedder made the
            vectors of the memory.
        Transient: if the memory was moved to another version meanwhile.
    """
    began = perf_counter()
    memory = open_memory(home)
    from tasks.recall.ask.ask import CLAIMS, ask
    from tasks.recall.scope import documents_of

    documents = documents_of(memory, document)
    embed = question_embedder(memory, embedder)
    opened = round(perf_counter() - began, 4)
    with memory.held():
        reply = ask(memory, question, embed, config, documents=documents, most=most or CLAIMS, told=told)
    return {**reply.as_json(), "seconds": {"open": opened, **reply.seconds}}
