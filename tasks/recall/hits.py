"""Hits ready to print: what was recalled, where it stands, and why it came, as plain rows."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from time import perf_counter
from typing import Any

from tasks.ingest.parse.store import place_of
from tasks.recall.opened import Opened
from tasks.recall.rerank import Reranker
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig

SHOWN = ("id", "score", "level", "document", "title", "section", "summary", "text")
"""Fields of a hit that are printed as they are."""


def recalled(
    open_it: Callable[[], Opened],
    question: str,
    config: RecallConfig,
    filters: Mapping[str, Any],
    reranker: Callable[[], Reranker] | None = None,
) -> Row:
    """{answered, hits, seconds}: hits with their quotes, citations and receipts, and the seconds by part.

    Args:
        open_it: opens the memory, or has it open.
        filters: `level`, `date`, `entity`, `label`, `without_label`, and `document` (a uri, a folder or a
            glob), each None for all.
        reranker: loads what re-ranks the hits.

    Raises:
        InvalidInput: if there is no memory, no such source, or no question, or another embedder made the
            vectors of the memory, or what is asked was dropped meanwhile.
        Transient: if the memory was moved to another version meanwhile.
    """
    began = perf_counter()
    opened = open_it()
    memory = opened.memory
    from tasks.recall.citation import format_citation
    from tasks.recall.corrected import corrected
    from tasks.recall.hit import Hit
    from tasks.recall.recall import recall
    from tasks.recall.scope import documents_of
    from tasks.recall.strength import answers

    some = {**filters, "document": documents_of(memory, filters.get("document"))}
    embed = opened.embed
    rerank = reranker() if reranker else None
    seconds = {"open": perf_counter() - began}
    with memory.held():
        hits = recall(memory, question, embed, config, **some, place=place_of, rerank=rerank, seconds=seconds)

    def row(hit: Hit) -> Row:
        cited = [{**asdict(one), "citation": format_citation(one)} for one in hit.citations]
        return {
            **{name: getattr(hit, name) for name in SHOWN},
            "dates": list(hit.dates),
            "quotes": cited,
            "labels": list(hit.labels),
            "novelty": round(hit.novelty, 2),
            "corrections": [corrected(one) for one in hit.corrections],
            "pinned": hit.pinned,
            "relations": [asdict(one) for one in hit.told],
            "receipt": asdict(hit.receipt),
        }

    times = {part: round(amount, 4) for part, amount in seconds.items()}
    return {"answered": answers(hits), "hits": [row(hit) for hit in hits], "seconds": times}
