"""Candidates: words and meaning each nominate records; their scores are brought to one scale and added."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from lancedb.query import MatchQuery

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory, Row, quoted
from tasks.settings import RecallConfig

Embed = Callable[[list[str]], np.ndarray]
"""Texts to unit vectors (n, 256), as `model.embed.embedder.Embedder.encode`."""
Scored = tuple[Row, float]
"""A record, or as much of it as `SPAN` names, and its score."""

SPAN = ("id", "level", "document", "char_start", "char_end")


def where_sql(levels: list[str] | None, documents: list[str] | None) -> str | None:
    """An SQL condition for records of these levels and documents; None for all.

    Raises:
        InvalidInput: if a level does not exist.
    """
    for level in levels or ():
        if level not in schema.LEVELS:
            raise InvalidInput(f"level {level!r} is none of {', '.join(schema.LEVELS)}")
    chosen = (("level", levels), ("document", documents))
    terms = [f"{column} IN ({quoted(some or [''])})" for column, some in chosen if some is not None]
    return " AND ".join(terms) or None


def nominate(
    memory: Memory, question: str, embed: Embed, config: RecallConfig, where: str | None
) -> tuple[list[Row], list[Row]]:
    """Two lists of candidates, best first, each row with its `value`: BM25, and cosine similarity."""
    words = meaning = None
    if config.text_weight:
        match = MatchQuery(question, "text")  # type: ignore[call-arg]
        words = memory.table.search(match, query_type="fts")
    if config.vector_weight:
        vector = np.asarray(embed([question])[0], dtype=np.float32)
        meaning = memory.table.search(vector, vector_column_name="vector").distance_type("cosine")
    by_words = _candidates(words, "_score", config.candidates, where)
    by_meaning = _candidates(meaning, "_distance", config.candidates, where)
    return by_words, [{**row, "value": 1.0 - row["value"]} for row in by_meaning]


def _candidates(query: Any, value: str, limit: int, where: str | None) -> list[Row]:
    if query is None:
        return []
    query = query.select([*SPAN, value]).limit(limit)
    rows = (query.where(where, prefilter=True) if where else query).to_list()
    return [{**{name: row[name] for name in SPAN}, "value": float(row[value])} for row in rows]


def fuse(lists: tuple[list[Row], list[Row]], config: RecallConfig) -> list[Scored]:
    """Candidates with one score: the weighted sum of what each list gains them."""
    rows: dict[str, Row] = {}
    scores: dict[str, float] = {}
    by_words, by_meaning = lists
    lowest = min((row["value"] for row in by_meaning), default=0.0)
    weighted = ((by_words, config.text_weight, 0.0), (by_meaning, config.vector_weight, lowest))
    for some, weight, floor in weighted:
        for row, gain in zip(some, _gains(some, floor, config), strict=True):
            rows[row["id"]] = row
            scores[row["id"]] = scores.get(row["id"], 0.0) + weight * gain
    return ordered((row, scores[one]) for one, row in rows.items())


def _gains(some: list[Row], floor: float, config: RecallConfig) -> list[float]:
    """RRF (Cormack et al. 2009): 1 / (rank_constant + rank). Score: from 0 at `floor` to 1 at the best.

    The floor of BM25 is that of a text without any of the words. Cosine has none: any two texts are
    somewhat alike, so it begins at the least alike of the candidates.
    """
    if config.fusion == "rrf":
        return [1 / (config.rank_constant + rank) for rank in range(1, len(some) + 1)]
    width = max((row["value"] for row in some), default=0.0) - floor
    return [(row["value"] - floor) / width if width > 0 else 1.0 for row in some]


def ordered(scored: Iterable[Scored]) -> list[Scored]:
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]["id"]))  # ties: the same on every machine


def distinct(scored: list[Scored]) -> list[Scored]:
    """The best record of every span: a short document's window and summary cover the same characters."""
    best: dict[tuple[Any, ...], Scored] = {}
    for row, score in scored:
        span = (row["document"], row["char_start"], row["char_end"]) if row["document"] else (row["id"],)
        best.setdefault(span, (row, score))
    return list(best.values())
