"""Recall: which records of memory answer a question, and where exactly their words stand.

The idea: words and meaning each nominate candidates (BM25 and cosine over the same filter), and their
scores are brought to one scale and added. A question is data: it is never parsed as a query language,
and a filter value is never anything but a string.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory, Row, quoted
from tasks.recall.candidates import Embed, distinct, fuse, nominate, where_sql
from tasks.recall.neighbours import expand, spread
from tasks.settings import RecallConfig

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
    title: str = ""
    section: str = ""
    position: int = -1
    dates: Sequence[str] = ()
    entities: Sequence[str] = ()


HIDDEN = ("vector", "context", "context_vector")
COLUMNS = tuple(name for name in schema.RECORDS.names if name not in HIDDEN)


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
        embed: texts to vectors (n, 256), as `model.embed.embedder.Embedder.encode`.
        level: only records of this level, or of these.
        document: only records of this document id, or of these.
        place: what names a place in a source; `tasks.ingest.parse.place_of` unless given.

    Raises:
        InvalidInput: if the question is empty or a level does not exist.
    """
    question = question.encode("utf-8", "replace").decode().strip()
    if not question:
        raise InvalidInput("the question is empty")
    where = where_sql(_some(level), _some(document))
    if memory.is_empty:
        return []
    scored = fuse(nominate(memory, question, embed, config, where), config)
    if config.neighbour_decay:
        scored = spread(memory, scored, config)
    best = expand(memory, distinct(scored), config)
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


def _some(value: str | Sequence[str] | None) -> list[str] | None:
    return [value] if isinstance(value, str) else None if value is None else list(value)
