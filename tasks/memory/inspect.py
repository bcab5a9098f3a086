"""Looking into the memory: recall with citations, or a record by its id."""

from pathlib import Path
from typing import Any

from tasks.errors import InvalidInput
from tasks.ingest.parse.store import place_of
from tasks.memory.reader import open_memory
from tasks.settings import RecallConfig

Row = dict[str, Any]


def recall_hits(
    home: Path, question: str, embedder: str, config: RecallConfig, level: str | None, as_of: str | None
) -> list[Row]:
    """Hits with their quotes and citations, ready to print; `embedder` is a folder, "" the default one."""
    memory = open_memory(home, as_of)
    from model.embed.question import load_question_embedder  # here: of no use without a memory
    from tasks.memory.recall import format_citation, recall

    embed = load_question_embedder(embedder)
    hits = recall(memory, question, embed, config, level=level, place=place_of)
    return [
        {
            "id": hit.id,
            "score": hit.score,
            "level": hit.level,
            "summary": hit.summary,
            "text": hit.text,
            "quotes": [{"text": cite.text, "citation": format_citation(cite)} for cite in hit.citations],
        }
        for hit in hits
    ]


def record(home: Path, ident: str) -> Row:
    """A record of the published memory, with the sources that hold its document.

    Raises:
        InvalidInput: if there is none of this id.
    """
    memory = open_memory(home)
    found = memory.records([ident])
    if not found:
        raise InvalidInput(
            f"{ident!r} is neither a run nor a record: `nightread runs` and `recall --json` list ids"
        )
    return {**found[0], "sources": [row["uri"] for row in memory.sources_of(found[0]["document"])]}
