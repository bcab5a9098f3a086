"""Hits ready to print: what was recalled, with its quotes and citations, as plain rows."""

from pathlib import Path
from typing import Any

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
    from tasks.recall.hit import format_citation
    from tasks.recall.recall import recall

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
