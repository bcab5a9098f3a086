"""Replies of a session ready to print; the question and what was replied become a round of it."""

from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

from tasks.errors import InvalidInput
from tasks.memory.embedders import question_embedder
from tasks.memory.reader import open_memory, published
from tasks.memory.sessions.round import Said
from tasks.memory.sessions.session import Session
from tasks.settings import RecallConfig

Row = dict[str, Any]

ASKS = "you"
"""Who asks."""
NOT_FOUND = "not found in what was said or read"


def answered(
    home: Path,
    session: Session,
    question: str,
    embedder: str,
    config: RecallConfig,
    window: int,
    most: int | None,
    document: str | None,
) -> Row:
    """The reply to `question` for programs, with `levels` (what each counted) and the `round` it became.

    Args:
        embedder: a folder, "" the default one.
        window: tokens of the current context.
        most: claims at most; None for the default.
        document: only sources of this name beside the session, as `tasks.recall.scope.documents_of` has it.

    Raises:
        InvalidInput: if there is neither a round nor a memory to answer from, no such source, or no question.
    """
    began = perf_counter()
    question = " ".join(question.encode("utf-8", "replace").decode().split())
    if not question:
        raise InvalidInput("the question is empty")
    memory = open_memory(home) if published(home) or not session.store.last else None
    from model.embed.question import load_question_embedder
    from tasks.recall.ask.ask import CLAIMS
    from tasks.recall.levels.answer import Asking, Corpus, answer
    from tasks.recall.scope import documents_of

    corpus = Corpus(memory, documents_of(memory, document)) if memory else None
    embed = question_embedder(memory, embedder) if memory else load_question_embedder(embedder)
    how = Asking(embed, config, window, most or CLAIMS)
    session.check_embedder()
    opened = round(perf_counter() - began, 4)
    found = answer(session, question, how, corpus)
    said = Said(ASKS, question, datetime.now(UTC), found.reply.answer or NOT_FOUND, found.documents)
    (added,) = session.add([said], how.embed)
    row = found.reply.as_json()
    claims = [{**one, "level": level} for one, level in zip(row["claims"], found.levels, strict=True)]
    levels = {name: round(weight, 4) for name, weight in found.weights.items()}
    told = {"session": session.key, "round": added.number, "levels": levels}
    return {**row, "claims": claims, **told, "seconds": {"open": opened, **row["seconds"]}}
