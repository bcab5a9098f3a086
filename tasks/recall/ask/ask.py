"""Ask: the sentences of what was read that answer a question, or that nothing there does.

The idea: an answer is an extract. Passages are recalled, every sentence in them is judged by what it covers
of the question, and those above a threshold are the claims, each cited and each citation checked against the
stored text before it is shown. Below the threshold the answer is "not found", with the nearest passages.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tasks.errors import InvalidInput
from tasks.ingest.parse.store import place_of
from tasks.memory.corrections import Correction, standing
from tasks.memory.embedders import once
from tasks.memory.reader import Memory, quoted
from tasks.recall.ask.amended import Over, current, is_over, with_older
from tasks.recall.ask.conflicts import EXACT, disagreeing, named
from tasks.recall.ask.question import Asked, is_named, understand, without_names
from tasks.recall.ask.statements import Statement, head_of, statements, stored
from tasks.recall.ask.support import THRESHOLD, Judged, completed, judge
from tasks.recall.candidates import Embed
from tasks.recall.citation import Citation
from tasks.recall.corrected import answering, day
from tasks.recall.filters import Filters, both
from tasks.recall.hit import COLUMNS, Hit
from tasks.recall.recall import recall
from tasks.recall.receipt import Receipt
from tasks.recall.related import Told
from tasks.recall.terms import stems
from tasks.runs.ledger import Row
from tasks.settings import RecallConfig
from tasks.text.labels import labels
from tasks.text.sentences import joined

PASSAGES = 24
"""Passages whose sentences are judged."""
NEAREST = 3
"""Passages shown where nothing answers."""
CLAIMS = 5
"""Claims of an answer, unless another number is asked for: all of a list, or of what none is clearly best."""
NEARLY = 4.0
"""Logarithm of how many times the odds of the best claim may be those of another one."""
LEAST = 0.1
"""Probability of a claim beside a better one."""
MOST_CHARS = 2000
"""Characters of a question."""
GONE = "not checked: the stored text is gone"
"""Place of a citation that cannot be opened."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A sentence that answers, and every place that holds it, each checked; `source` tells whose it is where
    sources disagree, `over` by what an amendment has replaced it."""

    text: str
    citations: tuple[Citation, ...]
    probability: float
    source: str = ""
    over: Told | None = None
    by_person: bool = False
    """Whether a person said it, correcting what was read."""

    @property
    def labels(self) -> list[str]:
        """What to know of its words before using them (`tasks.text.labels`)."""
        return labels(self.text)

    def as_json(self) -> dict[str, Any]:
        """The claim as programs get it."""
        return {
            "text": self.text,
            "citations": [asdict(one) for one in self.citations],
            "source": self.source,
            "by_person": self.by_person,
            "labels": self.labels,
            "superseded_by": asdict(self.over) if self.over else None,
        }


@dataclass(frozen=True, slots=True)
class Reply:
    """What is known of a question: the claims that answer it, or the nearest passages; seconds by part."""

    question: str
    claims: tuple[Claim, ...] = ()
    nearest: tuple[Citation, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def found(self) -> bool:
        return bool(self.claims)

    @property
    def answer(self) -> str:
        """The claims in one text; with their sources where those disagree; "" where nothing answers."""
        if corrected := [claim for claim in self.claims if claim.by_person]:
            return " ".join(f"{claim.text} ({claim.source})" for claim in corrected)
        if not any(claim.source for claim in self.claims):
            now = [claim.text for claim in self.claims if not claim.over]
            return joined(now or [claim.text for claim in self.claims])
        said = " ".join(f"{claim.source}: {claim.text}" for claim in self.claims)
        return f"Sources disagree. {said}"

    def as_json(self) -> dict[str, Any]:
        """The reply as programs get it."""
        return {
            "question": self.question,
            "found": self.found,
            "answer": self.answer,
            "claims": [claim.as_json() for claim in self.claims],
            "nearest": [asdict(one) for one in self.nearest],
            "seconds": self.seconds,
        }


def ask(
    memory: Memory,
    question: str,
    embed: Embed,
    config: RecallConfig = RecallConfig(),  # noqa: B008  (frozen)
    *,
    documents: Sequence[str] | None = None,
    filters: Filters = Filters(),  # noqa: B008  (frozen)
    most: int = CLAIMS,
    told: Callable[[Claim], None] = lambda claim: None,
) -> Reply:
    """The claims of the memory that answer `question`, the likeliest first.

    Args:
        documents: ids of the only documents to answer from; None for all.
        filters: what else must hold of a passage to answer: its dates, names and labels.
        most: claims at most.
        told: called with every claim as soon as its citations are checked.

    Raises:
        InvalidInput: if the question is empty, or too long for one.
    """
    question = one_line(question)
    clock = _Clock()
    embed = once(embed)
    how = replace(config, k=PASSAGES, candidates=max(PASSAGES, config.candidates))
    search = partial(_passages, memory, embed, how, filters)
    hits = search(question, documents)
    clock.part("recall")
    if not hits:
        return Reply(question, seconds=clock.seconds)
    where = replace(filters, levels=["passage"], documents=documents).where(memory)
    asked = understand(memory, question, where)
    hits, subject = _of_named(memory, asked, hits, search)
    vector = np.asarray(embed([subject])[0])

    def more(ids: Sequence[str]) -> list[Judged]:
        return judge(asked, statements(memory, _hits(memory, ids, where), vector))

    judged = judge(asked, statements(memory, hits, vector))
    judged, over = current(memory, [one for one in judged if one.statement.stands], more)
    clock.part("judge")
    said = answering(standing(memory), [_row(hit) for hit in hits[:PASSAGES]], stems(question))
    claims = [_by_person(one) for one in said]
    for claim in claims:
        told(claim)
    for claim in _claims(memory, asked, judged, over, most):
        told(claim)
        claims.append(claim)
    nearest = () if claims else _nearest(memory, hits)
    clock.part("check")
    return Reply(question, tuple(claims), tuple(nearest), clock.seconds)


def one_line(question: str) -> str:
    """The question as it is asked: one blank between two words.

    Raises:
        InvalidInput: if it is empty, or too long for a question.
    """
    question = " ".join(question.encode("utf-8", "replace").decode().split())
    if not question:
        raise InvalidInput("the question is empty")
    if len(question) > MOST_CHARS:
        raise InvalidInput(f"the question has {len(question):,} characters: ask at most {MOST_CHARS:,}")
    return question


def _passages(
    memory: Memory,
    embed: Embed,
    config: RecallConfig,
    filters: Filters,
    question: str,
    documents: Sequence[str] | None,
) -> list[Hit]:
    """Passages of these documents that satisfy the filters, best first."""
    return recall(
        memory,
        question,
        embed,
        config,
        level="passage",
        document=documents,
        date=filters.dates,
        entity=filters.entities,
        label=filters.labels,
        without_label=filters.without_labels,
        place=_no_place,
    )


def _by_person(one: Correction) -> Claim:
    return Claim(one.says, (), 1.0, f"a person's correction of {day(one)}", by_person=True)


def _row(hit: Hit) -> Row:
    return {
        "document": hit.document,
        "char_start": hit.char_start,
        "char_end": hit.char_end,
        "level": hit.level,
    }


def _hits(memory: Memory, ids: Sequence[str], where: str | None) -> list[Hit]:
    """Records that were not recalled, as hits."""
    rows = memory.rows(both(where, f"id IN ({quoted(ids)})"), COLUMNS)
    return [Hit(**row, score=0.0, citations=[], receipt=Receipt((), 0.0, 0.0, None, ())) for row in rows]


def _of_named(
    memory: Memory, asked: Asked, hits: list[Hit], again: Callable[..., list[Hit]]
) -> tuple[list[Hit], str]:
    """The passages to judge, and what is asked of them. Where the question names a document, as by its
    parties, the rest of it is asked of that document, in front of what was recalled for all of it."""
    rest = without_names(asked)
    held = dict.fromkeys(hit.document for hit in hits) if rest else {}
    named = [one for one in held if is_named(asked, head_of(memory, one))]
    if not named:
        return hits, asked.text
    first = again(rest, named)
    seen = {hit.id for hit in first}
    return [*first, *(hit for hit in hits if hit.id not in seen)], rest


def _claims(memory: Memory, asked: Asked, stands: Sequence[Judged], over: Over, most: int) -> Iterator[Claim]:
    """Claims whose citations stand, if one is above the threshold; those that contradict it say whose they
    are, and those that an amendment has replaced come last."""
    sure = [one for one in stands if one.probability >= THRESHOLD]
    if not sure:
        return
    others = disagreeing(asked, sure[0], [one for one in sure[1:] if not is_over(one, over)])
    chosen = [sure[0], *others][: max(2, most)] if others else _distinct(asked, stands)[:most]
    shown: list[Statement] = []
    for one in chosen:
        statement = one.statement if others or shown else completed(asked, one.statement)
        statement = one.statement if with_older(one.statement, statement, over) else statement
        if any(_overlap(statement, other) for other in shown):
            continue
        equal = [other.statement for other in stands if other.statement.text == statement.text]
        if citations := tuple(_checked(memory, [statement, *equal])):
            shown.append(statement)
            source = str(named(one.statement)) if others else ""
            cited = (*citations, *_header(memory, statement))
            key = (one.statement.document, one.statement.start)
            yield Claim(statement.shown, cited, one.probability, source, over.get(key))


def _header(memory: Memory, row: Statement) -> Iterator[Citation]:
    """Where the names of the columns stand of which a row holds values."""
    if row.header:
        end = row.header_start + len(row.header)
        yield from _checked(memory, [replace(row, text=row.header, start=row.header_start, end=end)])


def _overlap(one: Statement, other: Statement) -> bool:
    return one.document == other.document and one.start < other.end and other.start < one.end


def _distinct(asked: Asked, some: Sequence[Judged]) -> list[Judged]:
    """Those that are nearly as good as the best, without what says what one before it says."""
    kept: list[Judged] = []
    least = LEAST if some[0].statement.cosine else THRESHOLD  # by words alone, less is nothing
    for one in some:
        if one.probability < least or one.odds < some[0].odds - NEARLY:
            continue  # behind it there may be what an amendment has replaced
        if _joins(asked, some[0], one) and all(not one.repeats(other) for other in kept):
            kept.append(one)
    return kept


def _joins(asked: Asked, best: Judged, one: Judged) -> bool:
    """Whether a claim may stand beside the best one: it has a value where one is asked for and the best has
    it; beside a row of a table, it holds as much of the question."""
    if asked.expects in EXACT and best.feature("value") > 0 > one.feature("value"):
        return False
    return not best.statement.header or one.feature("sentence") >= best.feature("sentence")


def _checked(memory: Memory, equal: Sequence[Statement]) -> Iterator[Citation]:
    """The places that hold a claim, where the stored text has exactly its characters and the place opens."""
    for one in {(one.document, one.start): one for one in equal}.values():
        for source in one.sources:
            if stored(memory, [source], one.start, one.end) == one.text:
                cited = _citation(memory, source, one.start, one.end, one.text)
                if cited.place != GONE:
                    yield cited


def _nearest(memory: Memory, hits: Sequence[Hit]) -> Iterator[Citation]:
    """The best passages with their first source each; one whose text is gone says so."""
    for hit in hits[:NEAREST]:
        for source in memory.sources_of(hit.document)[:1]:
            yield _citation(memory, source, hit.char_start, hit.char_end, hit.text)


def _no_place(*_: Any) -> str:
    """Recall need not name places: those of claims are named when they are checked."""
    return ""


class _Clock:
    """Seconds by part, each from the end of the part before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def part(self, name: str) -> None:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._last, 4)
        self._last = now


def _citation(memory: Memory, source: Row, start: int, end: int, text: str) -> Citation:
    try:
        place = place_of(memory.home, source["parsed"], source["part"], start)
    except (OSError, ValueError):
        place = GONE
    return Citation(source["uri"], place, start, end, text, source.get("label", ""), source["document"])
