"""Answers from a session: what was said in it and what was read, weighed by the level that knows.

The idea: every sentence that the levels found is judged as one of a document is, and documents are asked as
ever: they are long-term memory. A claim counts as much as it is likely and its level weighs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from tasks.memory.reader import Memory
from tasks.memory.sessions.longterm import open_long_term
from tasks.memory.sessions.session import Session
from tasks.recall.ask.ask import CLAIMS, NEAREST, Claim, Reply, ask
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.support import THRESHOLD, completed, judge
from tasks.recall.candidates import Embed
from tasks.recall.citation import Citation
from tasks.recall.levels.level import Item, Level, Name, Question, Weights, strength_of, understood
from tasks.recall.levels.long_term import LongTerm
from tasks.recall.levels.recent import MidTerm, Recent, ShortTerm, recent
from tasks.recall.levels.router import ASKED, Routed, ranked, route, strongest, weigh
from tasks.recall.levels.statements import asked, is_about, statements
from tasks.settings import RecallConfig

ASK_ITEMS = 24
"""Spans whose sentences are judged, the best of all levels together."""
WORTH = 0.5
"""Share of what the best claim counts that another one needs."""


@dataclass(frozen=True, slots=True)
class Asking:
    """How a session is asked: `window` is what of its newest rounds is the current context, in tokens."""

    embed: Embed
    config: RecallConfig
    window: int
    most: int = CLAIMS


@dataclass(frozen=True, slots=True)
class Corpus:
    """What was read: a memory, and the only documents to answer from; None for all."""

    memory: Memory
    documents: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Recalled:
    """An answer, the level of each of its claims, and how much each level counted."""

    reply: Reply
    levels: tuple[Name, ...]
    weights: Weights
    documents: tuple[str, ...] = ()
    """Ids of the documents that it quotes."""


def recall_rounds(session: Session, question: str, how: Asking) -> tuple[Question, Recent, Routed]:
    """What the three levels of a session find for a question."""
    some = recent(session, how.window)
    meant = understood(question, how.embed, [span.key for span in some.spans])
    levels: list[Level] = [
        ShortTerm(some, how.config),
        MidTerm(some, how.config),
        LongTerm(open_long_term(session.folder), session.store, how.config),
    ]
    return meant, some, route(meant, levels)


def answer(session: Session, question: str, how: Asking, corpus: Corpus | None) -> Recalled:
    """The claims of a session and of what was read that answer `question`, those that count most first."""
    began = perf_counter()
    meant, some, routed = recall_rounds(session, question, how)
    said = _claims(session.key, meant, routed, how)
    judged = perf_counter()
    read = None
    if corpus is not None:
        memory, only = corpus.memory, corpus.documents
        read = ask(memory, question, how.embed, how.config, documents=only, most=how.most)
    weights = _with_read(meant, routed, read, how.embed)
    found = [(weights[level] * claim.probability, level, claim) for level, claim in said]
    found += [(weights["long"] * one.probability, "long", one) for one in (read.claims if read else ())]
    best = sorted(found, key=lambda one: -one[0])
    chosen = [one for one in best if one[0] >= WORTH * best[0][0]][: how.most]
    seconds = {"levels": round(judged - began, 4), "read": round(perf_counter() - judged, 4)}
    claims, levels = tuple(one[2] for one in chosen), tuple(one[1] for one in chosen)
    nearest = () if chosen else _nearest(session.key, routed, weights, read)
    reply = Reply(question, claims, nearest, seconds)
    session.use([span for span in some.spans if span.id in _used(routed)])
    return Recalled(reply, levels, weights, _documents(corpus, claims))


def _claims(key: str, meant: Question, routed: Routed, how: Asking) -> list[tuple[Name, Claim]]:
    """Claims of the session above the threshold, the likeliest first, each with its level."""
    items = routed.items[:ASK_ITEMS]
    level_of = {item.place.span: level for level, item in items}
    about = asked(meant, [item for _, item in items])
    found = statements([item for _, item in items])
    placed = {(one.document, one.start): (item, one) for item, one in found}
    claims: list[tuple[Name, Claim]] = []
    shown: list[Statement] = []
    for one in judge(about, [statement for _, statement in placed.values() if is_about(about, statement)]):
        if one.probability < THRESHOLD or len(claims) == how.most:
            break
        if any(one.statement.text == other.text for other in shown):
            continue
        item = placed[one.statement.document, one.statement.start][0]
        whole = one.statement if shown else completed(about, one.statement)
        shown.append(one.statement)
        cited = cite(key, item, whole.start, whole.end)
        claims.append(
            (level_of[item.place.span], Claim(" ".join(whole.text.split()), (cited,), one.probability))
        )
    return claims


def cite(key: str, item: Item, start: int, end: int) -> Citation:
    """Characters [start, end) of a round, with its number, its time and who speaks."""
    place = f"{item.said.place}, {item.said.speaker}"
    return Citation(f"session {key}", place, start, end, item.said.text[start:end])


def _with_read(meant: Question, routed: Routed, read: Reply | None, embed: Embed) -> Weights:
    """The weights, where long-term memory also earns by what was read."""
    strengths = {one.level: strongest(one) for one in routed.found}
    texts = [one.text for one in (read.claims or read.nearest)] if read else []
    if texts:
        vectors = np.asarray(embed(texts), dtype=np.float32)
        read_best = max(strength_of(meant, *one) for one in zip(texts, vectors, strict=True))
        strengths["long"] = max(strengths["long"], read_best)
    return weigh(strengths)


def _nearest(key: str, routed: Routed, weights: Weights, read: Reply | None) -> tuple[Citation, ...]:
    """The best spans of the session, and the best passages of what was read where long-term memory counts."""
    items = [item for _, item in ranked(routed.found, weights)][:NEAREST]
    said = [cite(key, item, item.place.start, item.place.end) for item in items]
    passages = list(read.nearest) if read and weights["long"] >= ASKED else []
    first, then = (
        (passages, said) if weights["long"] > max(weights["short"], weights["mid"]) else (said, passages)
    )
    return tuple([*first, *then][:NEAREST])


def _used(routed: Routed) -> set[int]:
    return {item.place.span for _, item in routed.items[:NEAREST]}


def _documents(corpus: Corpus | None, claims: Sequence[Claim]) -> tuple[str, ...]:
    """Ids of the documents that claims cite."""
    if corpus is None:
        return ()
    parts = {(cited.uri, cited.label) for claim in claims for cited in claim.citations}
    rows = corpus.memory.sources.to_pylist() if parts else []
    cited = {row["document"] for row in rows if (row["uri"], row["label"]) in parts}
    return tuple(sorted(cited - {""}))
