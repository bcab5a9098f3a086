"""A hit: a record that answers, what it cites, and why it came."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.memory.corrections import Correction
from tasks.memory.reader import Memory
from tasks.recall.citation import Citation
from tasks.recall.receipt import Receipt
from tasks.recall.related import Told
from tasks.runs.ledger import Row

Place = Callable[[Path, str, int, int], str]

COLUMNS = (
    *("id", "level", "document", "char_start", "char_end", "summary", "text", "quotes"),
    *("title", "section", "position", "dates", "novelty", "relations", "labels"),
)
"""Columns of a record that a hit has: those that are shown, or told of. To read another one of ten records
of a million takes up to 3 ms; `tasks.recall.inspect` shows them all."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A record that answers, with its score from 0 to 1 and what it cites: its own quotes under every source
    that holds them, then those of the records that say the same."""

    id: str
    level: str
    document: str
    char_start: int
    char_end: int
    summary: str
    text: str
    quotes: list[Row]
    score: float
    citations: list[Citation]
    receipt: Receipt
    title: str = ""
    section: str = ""
    position: int = -1
    dates: Sequence[str] = ()
    novelty: float = -1.0
    relations: Sequence[Row] = ()
    """Rows of schema.RELATION."""
    labels: Sequence[str] = ()
    """What to know of its words before using them (`tasks.text.labels`)."""
    corrections: Sequence[Correction] = ()
    """What people said is right of it."""
    pinned: bool = False
    told: Sequence[Told] = ()
    """What it is to other records: superseded by one, contradicted by one."""


Sources = Callable[[str], Sequence[Row]]
"""Those that hold a document."""


def cite(
    memory: Memory, record: Row, place: Place | None = None, sources: Sources | None = None
) -> list[Citation]:
    """Every quote of a record under every uri that holds its document; a passage quotes itself.

    Args:
        sources: `memory.sources_of`, which remembers what it was asked.
    """
    place, sources = place or _place_of(), sources or memory.sources_of
    own = {"text": record["text"], "document": record["document"]}
    own |= {"start": record["char_start"], "end": record["char_end"]}
    quotes = record["quotes"] or ([own] if record["level"] == "passage" else [])
    return [
        _citation(memory, quote, source, place) for quote in quotes for source in sources(quote["document"])
    ]


def cite_all(
    memory: Memory, records: Iterable[Row], place: Place | None = None, sources: Sources | None = None
) -> list[Citation]:
    """What several records cite, each place once."""
    named = place or _place_of()
    cited = [one for record in records for one in cite(memory, record, named, sources)]
    return list({(one.uri, one.label, one.place, one.start, one.end): one for one in cited}.values())


def _citation(memory: Memory, quote: Row, source: Row, place: Place) -> Citation:
    where = place(memory.home, source["parsed"], source["part"], quote["start"])
    at = (where, quote["start"], quote["end"], quote["text"])
    return Citation(source["uri"], *at, source.get("label", ""), quote["document"])


def _place_of() -> Place:
    from tasks.ingest.parse import place_of  # here: the parsers are heavy, and a caller may bring its own

    return place_of
