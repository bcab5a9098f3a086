"""Short-term and mid-term memory of a session: what is searched in memory, without a table.

The idea: the newest rounds that fit the model's window are there word for word, with the exact vectors of
their spans; of the other ones of the mid-term memory there are the semantic vectors that they joined. Both
are searched by words and by meaning, as documents are, and scores walk between rounds that follow each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tasks.memory.sessions.clusters import Clusters
from tasks.memory.sessions.round import Round
from tasks.memory.sessions.session import Session
from tasks.memory.sessions.store import Span
from tasks.recall.candidates import SEARCHES, Nominated, Nominee, fuse
from tasks.recall.levels.level import ITEMS, Found, Name, Place, Question, item
from tasks.recall.walk import walk
from tasks.settings import RecallConfig
from tasks.text.bm25 import Bm25
from tasks.text.periods import resolve

CHARS_PER_TOKEN = 4
"""Of English text, about."""


@dataclass(frozen=True)
class Recent:
    """Spans of a session that have not moved to long-term memory, and their rounds by number.

    `first` is the number of the oldest round of the current context.
    """

    spans: Sequence[Span]
    rounds: Mapping[int, Round]
    clusters: Clusters
    first: int


def recent(session: Session, window: int) -> Recent:
    """What is searched of a session besides long-term memory.

    Args:
        window: tokens of the current context: what of the newest rounds fits is short-term memory.
    """
    clusters, spans = session.clusters, session.store.spans()
    rounds = session.store.of_numbers({one.round for one in spans})
    left, first = window * CHARS_PER_TOKEN, session.store.last + 1
    for number in sorted(rounds, reverse=True):
        left -= len(rounds[number].text)
        if left < 0:
            break
        first = number
    return Recent(spans, rounds, clusters, first)


class ShortTerm:
    """The current context, in full precision."""

    name: Name = "short"

    def __init__(self, some: Recent, config: RecallConfig) -> None:
        self.recent, self.config = some, config
        self.spans = [one for one in some.spans if one.round >= some.first]

    def find(self, question: Question) -> Found:
        vectors = [one.vector for one in self.spans]
        context = np.array([one.context_vector @ question.vector for one in self.spans])
        return _found(self.name, self.recent, self.spans, question, vectors, context, self.config)


class MidTerm:
    """What was said before the current context, by semantic vectors."""

    name: Name = "mid"

    def __init__(self, some: Recent, config: RecallConfig) -> None:
        self.recent, self.config = some, config
        self.spans = [one for one in some.spans if one.round < some.first]

    def find(self, question: Question) -> Found:
        held = self.recent.clusters
        vectors = [  # a span that waits for long-term memory has none but its own
            held.vector(one.cluster) if one.cluster in held else one.vector for one in self.spans
        ]
        return _found(self.name, self.recent, self.spans, question, vectors, None, self.config)


def _found(
    name: Name,
    some: Recent,
    spans: Sequence[Span],
    question: Question,
    vectors: Sequence[np.ndarray],
    in_context: np.ndarray | None,
    config: RecallConfig,
) -> Found:
    """The best of some spans by their unit vectors, (256,) each, and by their cosines with the question in
    context; None for the same as without."""
    if not spans:
        return Found(name, ())
    plain = np.stack(vectors) @ question.vector
    near = (plain, plain if in_context is None else in_context)
    nominees = [_nominee(one, some.rounds[one.round]) for one in spans]
    words = [np.array(Bm25(texts).scores(question.text)) for texts in _keys(spans)]
    searched = zip(SEARCHES, [*words, *near], strict=True)
    nominated = [
        Nominated(search, [nominees[at] for at in np.flatnonzero(values)], values[np.flatnonzero(values)])
        for search, values in searched
        if values.any()
    ]
    walked = walk(fuse(nominated, config, resolve(question.text, datetime.now().date())))
    places = {one.id: at for at, one in enumerate(spans)}
    best = [(places[one.position], one.score) for one in walked if one.position in places][:ITEMS]
    return Found(
        name,
        tuple(
            item(
                question,
                some.rounds[spans[at].round],
                Place(spans[at].id, spans[at].start, spans[at].end, spans[at].context),
                score / best[0][1],
                vectors[at],
            )
            for at, score in best
        ),
    )


def _keys(spans: Sequence[Span]) -> tuple[list[str], list[str]]:
    return [one.key for one in spans], [one.context for one in spans]


def _nominee(span: Span, said: Round) -> Nominee:
    return Nominee(str(span.id), "passage", "", span.start, span.end, span.id, [said.day])
