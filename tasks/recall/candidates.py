"""Candidates: words and meaning each nominate records by both their keys, plain and with context.

The idea: scores of one search are comparable, those of two are not. So each is brought to one scale, from 0
for a record that the search says nothing for to 1 for its best, and then they are added. Sums of scores beat
sums of ranks wherever both were measured.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from lancedb.query import MatchQuery

from tasks import schema
from tasks.memory.reader import Memory
from tasks.settings import RecallConfig
from tasks.text.periods import Period
from tasks.text.searched import asked

Rows = tuple[np.ndarray, np.ndarray]
"""Ids of rows of a table, and what each scored."""

Embed = Callable[[list[str]], np.ndarray]
"""Texts to unit vectors (n, 256), as `model.embed.embedder.Embedder.encode`."""

PARTITIONS = 64
"""Of the vector index that a search reads: of a million records some 6 %, which hold at least 95 % of the ten
nearest; of a small memory all."""

SPAN = ("id", "level", "document", "char_start", "char_end", "position", "dates")


class Nominee(NamedTuple):
    """A record, as much of it as its rank depends on."""

    id: str
    level: str
    document: str
    char_start: int
    char_end: int
    position: int = -1
    dates: Sequence[str] = ()
    """ISO, of the record's document and in its text."""
    row: int = -1
    """Id of its row in the table; -1 where it stands in none."""


@dataclass(frozen=True, slots=True)
class Search:
    """One way to look: a column, by its words or by its vector."""

    name: str
    column: str
    by_words: bool


SEARCHES = (
    Search("words", "text", True),
    Search("words in context", "context", True),
    Search("meaning", "vector", False),
    Search("meaning in context", "context_vector", False),
)


@dataclass(frozen=True)
class Nominated:
    """What one search found, best first."""

    search: Search
    nominees: list[Nominee]
    values: np.ndarray
    """(n,) float64: BM25, or cosine."""

    def gains(self) -> np.ndarray:
        """(n,) from 0 to 1. The floor of BM25 is that of a text without any of the words. Cosine has none:
        two texts are always somewhat alike, so it begins at the least alike of the candidates."""
        floor = 0.0 if self.search.by_words else self.values.min(initial=np.inf)
        width = self.values.max(initial=-np.inf) - floor
        gains: np.ndarray = (self.values - floor) / width if width > 0 else np.ones(len(self.values))
        return gains


def nominate(
    memory: Memory,
    question: str,
    vector: Callable[[], np.ndarray | None],
    config: RecallConfig,
    where: str | None,
    levels: Sequence[str] | None = None,
) -> list[Nominated]:
    """What each search finds; tables of earlier versions have fewer keys to search.

    Args:
        vector: gives that of the question, (256,) float32, or None to search by words alone; called while the
            words are looked for.
        levels: those that the condition lets through, where it asks for nothing else: what is in memory knows
            them, so it is found there.
    """
    some = [one for one in SEARCHES if one.column in memory.columns and weight(one, config)]

    def by_meaning(one: Search, asked: np.ndarray) -> Rows:
        kept = memory.nearest.get(one.column) if where is None or levels is not None else None
        if kept:
            return kept.of(asked, config.candidates, levels)
        query = vector_query(memory.table, one.column, asked)
        table = _searched(query, "_distance", config.candidates, where)
        return table["_rowid"].to_numpy(), 1.0 - table["_distance"].to_numpy().astype(np.float64)

    def in_words(one: Search) -> Rows:
        table = by_words(memory, one.column, question, config.candidates, where)
        return table["_rowid"].to_numpy(), table["_score"].to_numpy().astype(np.float64)

    with ThreadPoolExecutor(len(SEARCHES)) as pool:  # they run outside of the interpreter
        begun = {one: pool.submit(in_words, one) for one in some if one.by_words}
        asked = vector() if len(begun) < len(some) else None
        if asked is not None:
            begun |= {one: pool.submit(by_meaning, one, asked) for one in some if not one.by_words}
    found = {one: search.result() for one, search in begun.items()}
    nominees = _nominees(memory, [rows for rows, _ in found.values()])
    return [
        Nominated(one, [nominees[row] for row in rows.tolist()], values)
        for one, (rows, values) in found.items()
    ]


def _nominees(memory: Memory, rows: Sequence[np.ndarray]) -> dict[int, Nominee]:
    """The records in these rows, by them."""
    found = memory.taken({row for some in rows for row in some.tolist()}, SPAN)
    return {number: Nominee(**row, row=number) for number, row in found.items()}


def weight(search: Search, config: RecallConfig) -> float:
    """What a search counts for in the sum."""
    return config.text_weight if search.by_words else config.vector_weight


def by_words(
    memory: Memory, column: str, text: str, limit: int, where: str | None, columns: Sequence[str] = ()
) -> pa.Table:
    """Row ids, `_score` and some columns of the records that share most with the words of a text, best first.

    The text is data and no query language. What is not English in it is looked for in the words that were cut
    from the column too, and a record counts by the better of its two scores of BM25.
    """
    found = _searched(_word_query(memory.table, column, text), "_score", limit, where, columns)
    words = asked(text) if schema.CUT[column] in memory.columns else ""
    if not words:
        return found
    query = _word_query(memory.table, schema.CUT[column], words)
    cut = _searched(query, "_score", limit, where, columns)
    if not cut.num_rows:
        return found
    both = pa.concat_tables([found, cut])
    scores = both["_score"].to_pylist()
    best: dict[int, int] = {}
    for number, row in enumerate(both["_rowid"].to_pylist()):
        if row not in best or scores[number] > scores[best[row]]:
            best[row] = number
    order = sorted(best.values(), key=lambda number: -scores[number])  # equal ones stay as they were found
    return both.take(pa.array(order[:limit], pa.int64()))


def _word_query(table: Any, column: str, text: str) -> Any:
    match = MatchQuery(text, column)  # type: ignore[call-arg]
    return table.search(match, query_type="fts")


def vector_query(table: Any, column: str, vector: np.ndarray | Sequence[np.ndarray] | None) -> Any:
    """The nearest records to a vector, or to each of several, by the column's index where there is one."""
    return table.search(vector, vector_column_name=column).distance_type("cosine").nprobes(PARTITIONS)


def _searched(query: Any, score: str, limit: int, where: str | None, columns: Sequence[str] = ()) -> pa.Table:
    """Row ids, score and some columns of what one search finds, best first."""
    query = query.select([*columns, score]).with_row_id(True).limit(limit)
    found: pa.Table = (query.where(where, prefilter=True) if where else query).to_arrow()
    return found


class Scored(NamedTuple):
    """A record and its score, of whichever stage."""

    nominee: Nominee
    score: float


TIMELY = 0.3
"""What a date in the time that a question names adds to a score, as a share of it."""


def fuse(
    found: Sequence[Nominated],
    config: RecallConfig,
    periods: Sequence[Period] = (),
    summaries_first: bool = False,
) -> list[Scored]:
    """Every nominee with one score: the weighted sum of what each search gains it.

    Args:
        periods: times that the question names; what is dated in one of them gains.
        summaries_first: whether the record of a whole document gains what the best of its other records has,
            for a question about documents.
    """
    nominees: dict[str, Nominee] = {}
    scores: dict[str, float] = {}
    for some in found:
        for nominee, gain in zip(some.nominees, some.gains().tolist(), strict=True):
            nominees[nominee.id] = nominee
            scores[nominee.id] = scores.get(nominee.id, 0.0) + weight(some.search, config) * gain
    if summaries_first:
        scores = _lifted(nominees, scores)
    return [
        Scored(nominee, scores[one] * (1.0 + TIMELY * (bool(periods) and _is_timely(nominee, periods))))
        for one, nominee in nominees.items()
    ]


def _lifted(nominees: dict[str, Nominee], scores: dict[str, float]) -> dict[str, float]:
    """Scores where a whole document's record is above what else there is of the document."""
    best: dict[str, float] = {}
    for one, nominee in nominees.items():
        if nominee.level != "document":
            best[nominee.document] = max(scores[one], best.get(nominee.document, 0.0))
    return {
        one: score + best.get(nominees[one].document, 0.0) * (nominees[one].level == "document")
        for one, score in scores.items()
    }


def _is_timely(nominee: Nominee, periods: Sequence[Period]) -> bool:
    return any(period.holds(iso) for period in periods for iso in nominee.dates)
