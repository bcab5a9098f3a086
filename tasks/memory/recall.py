"""Recall: which records of memory answer a question, and where exactly their words stand.

The idea: words and meaning each nominate candidates (BM25 and cosine over the same filter), and their
scores are brought to one scale and added. A question is data: it is never parsed as a query language,
and a filter value is never anything but a string.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from lancedb.query import MatchQuery

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory, Row, quoted
from tasks.settings import RecallConfig

Embed = Callable[[list[str]], np.ndarray]
Place = Callable[[Path, str, int, int], str]


@dataclass(frozen=True, slots=True)
class Citation:
    """Verbatim words and one source that holds them; offsets are characters of its parsed text."""

    uri: str
    place: str
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that answers, with its score (comparable within one recall) and what it cites: its own
    quotes first, then the passages beside it."""

    id: str
    level: str
    document: str
    corpus: str
    window_first: int
    window_last: int
    char_start: int
    char_end: int
    summary: str
    generated: bool
    text: str
    quotes: list[Row]
    grounding: float
    dropped: int
    model: str
    skip_key: str
    run: str
    created: datetime
    children: list[str]
    score: float
    citations: list[Citation]


COLUMNS = tuple(name for name in schema.RECORDS.names if name != "vector")
SPAN = ("id", "level", "document", "char_start", "char_end")


def recall(
    memory: Memory,
    question: str,
    embed: Embed,
    config: RecallConfig = RecallConfig(),  # noqa: B008  (frozen)
    *,
    level: str | Sequence[str] | None = None,
    document: str | Sequence[str] | None = None,
    place: Place | None = None,
) -> list[Hit]:
    """The `config.k` records that answer best, best first; [] where nothing can.

    Args:
        embed: texts to vectors (n, 256), as `model.embedder.Embedder.encode`.
        level: only records of this level, or of these.
        document: only records of this document id, or of these.
        place: what names a place in a source; `tasks.ingest.parse.place_of` unless given.

    Raises:
        InvalidInput: if the question is empty or a level does not exist.
    """
    question = question.encode("utf-8", "replace").decode().strip()
    if not question:
        raise InvalidInput("the question is empty")
    where = _filter(_some(level), _some(document))
    if memory.is_empty:
        return []
    scored = _fuse(_nominate(memory, question, embed, config, where), config)
    if config.neighbour_decay:
        scored = _spread(memory, scored, config)
    best = _expand(memory, _distinct(scored), config)
    if not best:
        return []
    wanted = {one for shown, _ in best for one in shown}
    rows = {row["id"]: row for row in memory.rows(f"id IN ({quoted(sorted(wanted))})", COLUMNS)}
    named = lru_cache(maxsize=None)(place or _place_of())

    def hit(shown: Sequence[str], score: float) -> Hit:
        citations = [one for ident in shown for one in cite(memory, rows[ident], named)]
        return Hit(**rows[shown[0]], score=score, citations=citations)

    return [hit(shown, score) for shown, score in best]


def format_citation(citation: Citation) -> str:
    """`docs/a.pdf:page 3:1200-1320`."""
    return f"{citation.uri}:{citation.place}:{citation.start}-{citation.end}"


def cite(memory: Memory, record: Row, place: Place | None = None) -> list[Citation]:
    """Every quote of a record under every uri that holds its document; a passage quotes itself."""
    place = place or _place_of()
    own = {"text": record["text"], "document": record["document"]}
    own |= {"start": record["char_start"], "end": record["char_end"]}
    quotes = record["quotes"] or ([own] if record["level"] == "passage" else [])
    return [
        _citation(memory, quote, source, place)
        for quote in quotes
        for source in memory.sources_of(quote["document"])
    ]


def _citation(memory: Memory, quote: Row, source: Row, place: Place) -> Citation:
    where = place(memory.home, source["parsed"], source["part"], quote["start"])
    return Citation(source["uri"], where, quote["start"], quote["end"], quote["text"])


def _place_of() -> Place:
    from tasks.ingest.parse import place_of  # here: the parsers are heavy, and a caller may bring its own

    return place_of


# Candidates.


def _some(value: str | Sequence[str] | None) -> list[str] | None:
    return [value] if isinstance(value, str) else None if value is None else list(value)


def _filter(levels: list[str] | None, documents: list[str] | None) -> str | None:
    for level in levels or ():
        if level not in schema.LEVELS:
            raise InvalidInput(f"level {level!r} is none of {', '.join(schema.LEVELS)}")
    chosen = (("level", levels), ("document", documents))
    terms = [f"{column} IN ({quoted(some or [''])})" for column, some in chosen if some is not None]
    return " AND ".join(terms) or None


def _nominate(
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


def _fuse(lists: tuple[list[Row], list[Row]], config: RecallConfig) -> list[tuple[Row, float]]:
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
    return _ordered((row, scores[one]) for one, row in rows.items())


def _gains(some: list[Row], floor: float, config: RecallConfig) -> list[float]:
    """RRF (Cormack et al. 2009): 1 / (rank_constant + rank). Score: from 0 at `floor` to 1 at the best.

    The floor of BM25 is that of a text without any of the words. Cosine has none: any two texts are
    somewhat alike, so it begins at the least alike of the candidates.
    """
    if config.fusion == "rrf":
        return [1 / (config.rank_constant + rank) for rank in range(1, len(some) + 1)]
    width = max((row["value"] for row in some), default=0.0) - floor
    return [(row["value"] - floor) / width if width > 0 else 1.0 for row in some]


def _ordered(scored: Iterable[tuple[Row, float]]) -> list[tuple[Row, float]]:
    return sorted(scored, key=lambda pair: (-pair[1], pair[0]["id"]))  # ties: the same on every machine


def _distinct(scored: list[tuple[Row, float]]) -> list[tuple[Row, float]]:
    """The best record of every span: a short document's window and summary cover the same characters."""
    best: dict[tuple[Any, ...], tuple[Row, float]] = {}
    for row, score in scored:
        span = (row["document"], row["char_start"], row["char_end"]) if row["document"] else (row["id"],)
        best.setdefault(span, (row, score))
    return list(best.values())


# Neighbours.


def _passages(memory: Memory, rows: list[Row]) -> dict[str, list[Row]]:
    """All passages of the documents of these passages, without their texts, in order."""
    documents = sorted({row["document"] for row in rows if row["level"] == "passage"})
    found: dict[str, list[Row]] = {one: [] for one in documents}
    where = f"level = 'passage' AND document IN ({quoted(documents)})"
    for row in memory.rows(where, SPAN) if documents else ():
        found[row["document"]].append(row)
    return {one: sorted(some, key=_position) for one, some in found.items()}


def _position(row: Row) -> tuple[int, str]:
    return row["char_start"], row["id"]


def _beside(row: Row, passages: dict[str, list[Row]], reach: int) -> list[Row]:
    """Up to `reach` passages before and after a passage; nothing beside any other record."""
    if row["level"] != "passage":
        return []
    some = passages[row["document"]]
    at = bisect_left(some, _position(row), key=_position)
    return some[max(0, at - reach) : at] + some[at + 1 : at + 1 + reach]


def _spread(memory: Memory, scored: list[tuple[Row, float]], config: RecallConfig) -> list[tuple[Row, float]]:
    """Let the passages beside candidates gain a share of their score: an answer often stands beside the
    words of its question, and candidates that stand together speak for each other. All candidates
    spread, so that the order does not depend on how many hits are asked for."""
    passages = _passages(memory, [row for row, _ in scored])
    rows = {row["id"]: row for row, _ in scored}
    scores = {row["id"]: score for row, score in scored}
    for row, score in scored:
        for other in _beside(row, passages, config.neighbours):
            rows.setdefault(other["id"], other)
            gained = config.neighbour_decay * score
            scores[other["id"]] = scores.get(other["id"], 0.0) + gained
    return _ordered((row, scores[one]) for one, row in rows.items())


def _expand(
    memory: Memory, scored: list[tuple[Row, float]], config: RecallConfig
) -> list[tuple[list[str], float]]:
    """The best `k` records, each with the ids of the passages shown beside it; no passage is shown twice.

    An answer often goes on where a passage ends. A hit grows on the side that answers better, into what
    no hit before it has shown; a record that was shown as a neighbour is no hit of its own.
    """
    reach = config.neighbours
    passages = _passages(memory, [row for row, _ in scored[: config.k * (1 + reach)]]) if reach else {}
    scores = {row["id"]: score for row, score in scored}
    best: list[tuple[list[str], float]] = []
    shown: set[str] = set()
    for row, score in scored:
        if len(best) == config.k:
            break
        if row["id"] not in shown:
            beside = _grow(row, passages, reach, scores, shown) if reach else []
            best.append(([row["id"], *beside], score))
            shown |= {row["id"], *beside}
    return best


def _grow(
    row: Row, passages: dict[str, list[Row]], reach: int, scores: dict[str, float], shown: set[str]
) -> list[str]:
    """Up to `reach` passages around a passage, in the order they were added; the next one where equal."""
    if row["level"] != "passage":
        return []
    some = passages[row["document"]]
    low = high = bisect_left(some, _position(row), key=_position)
    grown: list[str] = []
    while len(grown) < reach:
        ends = [at for at in (high + 1, low - 1) if 0 <= at < len(some) and some[at]["id"] not in shown]
        if not ends:
            break
        at = max(ends, key=lambda at: scores.get(some[at]["id"], 0.0))
        low, high = min(low, at), max(high, at)
        grown.append(some[at]["id"])
    return grown
