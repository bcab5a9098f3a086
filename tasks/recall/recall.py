"""Recall: which records of memory answer a question, and where exactly their words stand.

The idea: words and meaning nominate candidates by two keys each; their scores are added, walk to neighbouring
passages, and equal records become one hit. A question is data: it is never parsed as a query language, and a
filter value is never anything but a string.
"""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, partial

import numpy as np

from tasks.errors import InvalidInput
from tasks.memory.corrections import Standing, standing
from tasks.memory.reader import Memory, quoted
from tasks.recall.candidates import Embed, Nominated, fuse, nominate
from tasks.recall.citation import Citation
from tasks.recall.corrected import concerning, is_pinned
from tasks.recall.duplicates import groups
from tasks.recall.fetch import Ranked, fetched, found_at, passages_at
from tasks.recall.filters import SUMMARIES, SUMMARY_LEVELS, Filters, both
from tasks.recall.hit import COLUMNS, Hit, Place, cite_all
from tasks.recall.kinds import Kind, kind_of
from tasks.recall.receipt import Found, Receipt, found_by
from tasks.recall.related import Told, ordered, told
from tasks.recall.rerank import Candidate, Reranker, blended
from tasks.recall.strength import cosines, strength
from tasks.recall.terms import stems
from tasks.recall.walk import Visited, walk
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig
from tasks.text.periods import resolve

BESIDE = ("document", "position", "text")
"""Columns of a passage that stands beside one that is re-ranked."""


def recall(
    memory: Memory,
    question: str,
    embed: Embed,
    config: RecallConfig = RecallConfig(),  # noqa: B008  (frozen)
    *,
    level: str | Sequence[str] | None = None,
    document: str | Sequence[str] | None = None,
    date: str | Sequence[str] | None = None,
    entity: str | Sequence[str] | None = None,
    label: str | Sequence[str] | None = None,
    without_label: str | Sequence[str] | None = None,
    place: Place | None = None,
    rerank: Reranker | None = None,
    seconds: dict[str, float] | None = None,
) -> list[Hit]:
    """The `config.k` records that answer best, best first; [] where nothing can.

    Args:
        embed: texts to vectors (n, 256), as `model.embed.embedder.Embedder.encode`; zeros for what it cannot
            read, which is searched by words alone.
        level, document, date, entity, label, without_label: as `Filters`; one value, or any of several.
        place: what names a place in a source; `tasks.ingest.parse.place_of` unless given.
        rerank: re-ranks the best `config.rerank_candidates` of them.
        seconds: gets the seconds of every part.

    Raises:
        InvalidInput: if the question is empty, or a level, a date or a label does not exist.
    """
    question = question.encode("utf-8", "replace").decode().strip()
    if not question:
        raise InvalidInput("the question is empty")
    some = Filters(_some(level), _some(document), _some(date), _some(entity), _some(label))
    where = (filters := replace(some, without_labels=_some(without_label) or ())).where(memory)
    if memory.is_empty:
        return []
    clock = {} if seconds is None else seconds
    vector = cache(partial(_vector, question, embed, config, clock))
    with _timed(clock, "search", within="embed"):
        nominated = nominate(memory, question, vector, config, where, filters.only_levels)
        if whole := level is None and kind_of(question) is Kind.DOCUMENT:
            nominated += _summaries(memory, question, vector, config, where)
    with _timed(clock, "rank"):
        fused = fuse(nominated, config, resolve(question, datetime.now().date()), summaries_first=whole)
        ranked = walk(fused)
    with _timed(clock, "fetch"):
        wanted = max(config.k, config.rerank_candidates) if rerank else config.k
        chosen = _chosen(memory, ranked, where, wanted)
        said = standing(memory)
    if rerank:
        with _timed(clock, "rerank"):
            chosen = _reranked(memory, question, chosen, rerank, config.rerank_candidates)
    with _timed(clock, "cite"):
        chosen = _with_pinned(memory, chosen[: config.k], ranked, where, said)
        asked, cited = stems(question), _citing(memory, place)
        chosen, marks = _current(memory, chosen, where, asked)
        best = strength(question, [one.row for group in chosen for one in group.records], cosines(nominated))
        found = found_by(nominated, [group.row["id"] for group in chosen])
        why = _Why(found, {one.nominee.id: one.score for one in fused}, best, asked, said)
        return [_hit(group, why, cited, told) for group, told in zip(chosen, marks, strict=True)]


def _summaries(
    memory: Memory,
    question: str,
    vector: Callable[[], np.ndarray | None],
    config: RecallConfig,
    where: str | None,
) -> list[Nominated]:
    """What the searches find among records that say what whole documents are about."""
    levels = None if where else SUMMARY_LEVELS
    return nominate(memory, question, vector, config, both(where, SUMMARIES), levels)


def _vector(question: str, embed: Embed, config: RecallConfig, clock: dict[str, float]) -> np.ndarray | None:
    """The vector of a question; None where the embedder cannot read it, or none is asked for."""
    if not config.vector_weight:
        return None
    with _timed(clock, "embed"):
        vector: np.ndarray = np.asarray(embed([question])[0], dtype=np.float32)
    return vector if vector.any() else None


@dataclass(frozen=True, slots=True)
class _Group:
    """Records that are one hit together, best first."""

    records: list[Ranked]
    score: float
    """1 for the best hit."""
    reread: float | None = None
    """What the reader added."""

    @property
    def row(self) -> Row:
        return self.records[0].row


def _chosen(memory: Memory, ranked: Sequence[Visited], where: str | None, k: int) -> list[_Group]:
    """The best `k` groups of records that are one hit together."""
    read: list[Ranked | None] = []
    known = found_at(ranked)
    taken = 2 * k + 10
    while True:
        if len(read) < taken:  # twice as many rows take hardly longer than to read once more
            read += fetched(memory, ranked[len(read) : 2 * taken], known, where)
        some = [one for one in read[:taken] if one]
        texts = [one.row["text"] for one in some]
        keys = [one.keys for one in some]
        found = [[some[number] for number in group] for group in groups(texts, keys)]
        if len(found) >= k or taken >= len(ranked):
            return [_Group(group, group[0].visited.score / ranked[0].score) for group in found[:k]]
        taken *= 2


def _pinned(said: Sequence[Standing], group: _Group) -> bool:
    row = group.row
    return is_pinned(said, row["document"], row["char_start"], row["char_end"], row["level"])


def _with_pinned(
    memory: Memory,
    chosen: list[_Group],
    ranked: Sequence[Visited],
    where: str | None,
    said: Sequence[Standing],
) -> list[_Group]:
    """As many groups; pinned candidates that are not among them take the place of the last ones."""
    there = {one.row["id"] for group in chosen for one in group.records}
    pinned = [
        one
        for one in (ranked if any(some.correction.kind == "pin" for some in said) else ())
        if (found := one.nominee)
        and found.id not in there
        and is_pinned(said, found.document, found.char_start, found.char_end, found.level)
    ][: len(chosen)]
    some = fetched(memory, pinned, {}, where)
    more = [_Group([one], one.visited.score / ranked[0].score) for one in some if one]
    return [*chosen[: len(chosen) - len(more)], *more]


def _current(
    memory: Memory, chosen: list[_Group], where: str | None, asked: Set[str]
) -> tuple[list[_Group], list[list[Told]]]:
    """As many groups, each with what it is to others; what supersedes one of them stands before it."""
    marks = told(memory, [group.row for group in chosen])
    over = [
        [one for one in some if group.row["level"] == "passage" and asked & stems(one.about)]
        for group, some in zip(chosen, marks, strict=True)
    ]
    order = ordered([[one.row["id"] for one in group.records] for group in chosen], over)
    missing = [one for one in order if isinstance(one, str)]
    held = both(where, f"id IN ({quoted(missing)})")
    rows = {row["id"]: row for row in memory.rows(held, COLUMNS)} if missing else {}
    found: list[_Group] = []
    for at, one in enumerate(order):
        if isinstance(one, int):
            found.append(chosen[one])
        elif one in rows:  # scored as what it supersedes, the next of them
            after = next(chosen[other] for other in order[at:] if isinstance(other, int))
            found.append(_Group([Ranked(after.records[0].visited, rows[one])], after.score))
    found = found[: len(chosen)]
    best = max((group.score for group in found), default=0.0)
    found = [replace(group, score=best if number == 0 else group.score) for number, group in enumerate(found)]
    return found, told(memory, [group.row for group in found]) if missing else [
        marks[one] for one in order if isinstance(one, int)
    ]


def _reranked(
    memory: Memory, question: str, chosen: list[_Group], rerank: Reranker, most: int
) -> list[_Group]:
    """The first `most` groups in the order that the reader's scores bring them to, the others behind them.

    A score is exp(difference to the best one), so that the best hit has 1 here as well.
    """
    some, others = chosen[:most], chosen[most:]
    places = [
        (one.row["document"], place)
        for one in some
        if (at := one.row.get("position", -1)) >= 0
        for place in (at - 1, at + 1)
        if place >= 0
    ]
    rows = memory.rows(passages_at(places), BESIDE) if places else []
    beside = {(row["document"], row["position"]): row["text"] for row in rows}

    def candidate(row: Row) -> Candidate:
        at = row.get("position", -1)  # tables of earlier versions have no such column
        before, after = (beside.get((row["document"], at + step), "") if at >= 0 else "" for step in (-1, 1))
        heading = " > ".join(part for part in (row.get("title"), row.get("section")) if part)
        return Candidate(before, row["text"], after, heading)

    reread = rerank.scores(question, [candidate(one.row) for one in some])
    scores = blended([one.records[0].visited.score for one in some], reread)
    best = max(scores, default=0.0)
    found = [
        replace(one, score=math.exp(score - best), reread=more)
        for one, score, more in zip(some, scores, reread, strict=True)
    ]
    lowest = min((one.score for one in found), default=1.0)
    behind = [replace(one, score=min(one.score, lowest)) for one in others]
    return sorted(found, key=lambda one: -one.score) + behind


Citing = Callable[[Iterator[Row]], list[Citation]]
"""Gives what several records cite."""


def _citing(memory: Memory, place: Place | None) -> Citing:
    """What names a place, and who holds a document, is looked up once."""
    named = cache(place) if place else None
    return partial(cite_all, memory, place=named, sources=cache(memory.sources_of))


@dataclass(frozen=True)
class _Why:
    """What a receipt is written from."""

    found: Mapping[str, tuple[Found, ...]]
    fused: dict[str, float]
    strength: float
    """Score of the best hit, from 0 to 1."""
    asked: Set[str]
    """Stems of the question's words."""
    said: Sequence[Standing]
    """What people corrected and pinned."""


def _hit(group: _Group, why: _Why, cited: Citing, marks: Sequence[Told]) -> Hit:
    first, *others = group.records
    ident = first.row["id"]
    receipt = Receipt(
        found=why.found[ident],
        fused=why.fused.get(ident, 0.0),
        walked=first.visited.score,
        reranked=group.reread,
        merged=tuple(one.row["id"] for one in others),
    )
    leading = [_leading(one.row, why.asked) for one in group.records]
    return Hit(
        **first.row,
        score=group.score * why.strength,
        citations=cited(_apart(leading)),
        receipt=receipt,
        corrections=concerning(why.said, group.row, why.asked),
        pinned=_pinned(why.said, group),
        told=marks,
    )


def _apart(rows: Sequence[Row]) -> Iterator[Row]:
    """Records with those of their quotes that no record before them holds, or a part of them."""
    held: dict[str, list[tuple[int, int]]] = {}
    for row in rows:
        quotes = [
            quote
            for quote in row["quotes"]
            if not any(
                quote["start"] < end and start < quote["end"]
                for start, end in held.get(quote["document"], ())
            )
        ]
        for quote in quotes:
            held.setdefault(quote["document"], []).append((quote["start"], quote["end"]))
        if quotes or not row["quotes"]:
            yield {**row, "quotes": quotes}


def _leading(row: Row, asked: Set[str]) -> Row:
    """A record whose quotes begin with those that name most of the question: a summary leads to its spans."""
    if len(row["quotes"]) < 2:
        return row
    quotes = sorted(row["quotes"], key=lambda quote: -len(asked & stems(quote["text"])))
    return {**row, "quotes": quotes}


@contextmanager
def _timed(clock: dict[str, float], part: str, within: str = "") -> Iterator[None]:
    """Add the seconds of the block to those of a part, without what the part `within` it took of them."""
    began, inner = time.perf_counter(), clock.get(within, 0.0)
    yield
    spent = time.perf_counter() - began - (clock.get(within, 0.0) - inner)
    clock[part] = clock.get(part, 0.0) + spent


def _some(value: str | Sequence[str] | None) -> list[str] | None:
    return [value] if isinstance(value, str) else None if value is None else list(value)
