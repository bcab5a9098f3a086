"""Replies of a session ready to print; the question and what was replied become a round of it."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from time import perf_counter

from model import weights
from tasks.memory.embedders import check_embedder, embedder_name
from tasks.memory.reader import published
from tasks.memory.sessions.round import Said
from tasks.memory.sessions.session import Session
from tasks.memory.sessions.sessions import folder_of
from tasks.recall.opened import Opened, opened
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig

ASKS = "you"
"""Who asks."""
NOT_FOUND = "not found in what was said or read"


def answered(
    home: Path,
    key: str,
    question: str,
    embedder: str,
    config: RecallConfig,
    window: int,
    most: int | None,
    document: str | None,
    new: bool = False,
    open_it: Callable[[], Opened] | None = None,
) -> Row:
    """The reply to `question` for programs, with `levels` (what each counted) and the `round` it became.

    Args:
        key: of the session.
        embedder: a folder, "" the default one.
        window: tokens of the current context.
        most: claims at most; None for the default.
        document: only sources of this name beside the session, as `tasks.recall.scope.documents_of` has it.
        new: whether the session is begun where there is none but there is a memory.
        open_it: has the memory of the home open; None opens it for this question.

    Raises:
        InvalidInput: if there is no such session or, with `new`, no memory to ask either, no such source, or
            no question.
    """
    began = perf_counter()
    from tasks.recall.ask.ask import CLAIMS, one_line

    question = one_line(question)
    folder = folder_of(home, key, must_exist=not new, remedy="--new begins it")
    wanted = published(home) or not folder.exists()
    memory = (open_it or partial(opened, home, embedder))().memory if wanted else None
    from model.embed.question import load_question_embedder
    from tasks.recall.levels.answer import Asking, Corpus, answer
    from tasks.recall.scope import documents_of

    corpus = Corpus(memory, documents_of(memory, document)) if memory else None
    if memory:
        check_embedder(memory, weights.resolve_embedder(embedder))
    embed = load_question_embedder(embedder)  # of what was said too, which has a vector in any script
    how = Asking(embed, config, window, most or CLAIMS)
    with Session(folder, embedder_name(weights.resolve_embedder(embedder))) as session:
        session.check_embedder()
        waited = round(perf_counter() - began, 4)
        found = answer(session, question, how, corpus)
        said = Said(ASKS, question, datetime.now(UTC), found.reply.answer or NOT_FOUND, found.documents)
        (added,) = session.add([said], embed)
    row = found.reply.as_json()
    claims = [{**one, "level": level} for one, level in zip(row["claims"], found.levels, strict=True)]
    levels = {name: round(weight, 4) for name, weight in found.weights.items()}
    told = {"session": key, "round": added.number, "levels": levels}
    return {**row, "claims": claims, **told, "seconds": {"open": waited, **row["seconds"]}}
