"""Support: how well a statement answers a question, the probability that its features add up to.

The idea: features are few and plain enough for one weighted sum. Halving or doubling any weight changes
little (`nightread evaluate ask` measures it); what matters is the threshold, which is set so that what was
never read is not found.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.recall.ask.features import features, stems_of, valued
from tasks.recall.ask.question import Asked
from tasks.recall.ask.statements import SAY_NOTHING, Statement
from tasks.recall.terms import has
from tasks.text.roles import role

WEIGHTS: Mapping[str, float] = {
    "sentence": 4.0,  # share of the question's weight that the sentence itself covers
    "near": 2.0,  # with the sentences beside it and its speaker
    "passage": 1.5,  # with its passage
    "document": 1.0,  # with its document
    "names_near": 0.5,  # share of the question's names and numbers, likewise
    "names_passage": 1.5,
    "names_document": 2.0,
    "names_all": 1.0,  # 1: its document has all of them
    "named": 2.0,  # 1: two names and more, and its document begins with all of them
    "unknown": -1.5,  # weight of words that no passage of the memory holds
    "unknown_names": -4.0,  # likewise of names and numbers
    "value": 0.8,  # 1: a value of the kind that is asked for; -1: none; 0: no kind is asked for
    "fresh": 0.5,  # content words that the question has not, of 5
    "beside": 0.5,  # share of the question's neighbouring terms that stand near each other
    "defines": 0.5,  # 1: it says what the thing is that "What is ...?" asks for; -1: it does not
    "prose": 0.6,  # 1: a sentence; less: code, a list, what is cut off
    "question": -2.5,  # 1: it asks itself
    "reply": 3.0,  # share of the question's weight that a question before it covers
    "of another": -6.0,  # it speaks of another person than the one who is asked about
    "of them": 1.0,  # the one who is asked about speaks of themselves
    "dialogue": 2.1,  # in the words of a talk: 1 with a person who is asked about, 0.5 of others
    "rank": 1.0,  # of its passage
    "cosine": 4.5,  # of the question and its passage
    "cosine_context": 1.0,
}
BIAS = -15.0
THRESHOLD = 0.65
"""Probability from which a statement is an answer."""
FEATURES = tuple(WEIGHTS)


WHOLE_CHARS = 500
"""Characters of two sentences that are cited together."""
_HEADING = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
SAME = 0.8
"""Share of the words of two statements from which one repeats the other."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement, its features, and the probability that it answers."""

    statement: Statement
    features: tuple[float, ...]
    probability: float

    @property
    def odds(self) -> float:
        """The logarithm of its odds of being an answer."""
        return weighted(self.features)

    def feature(self, name: str) -> float:
        """The value of one of `FEATURES`."""
        return self.features[FEATURES.index(name)]

    def repeats(self, other: "Judged") -> bool:
        """Whether it says what the other one says, and no other number."""
        first, second = stems_of(self.statement.text), stems_of(other.statement.text)
        if any(stem[0].isdigit() for stem in first ^ second):
            return False
        return len(first & second) >= SAME * max(1, len(first | second))


def judge(asked: Asked, some: Iterable[Statement]) -> list[Judged]:
    """Statements with the probability that they answer, the likeliest first."""
    found = [(one, tuple(features(asked, one))) for one in some]
    judged = [Judged(one, values, probability(values)) for one, values in found]
    return sorted(judged, key=lambda one: (-one.probability, one.statement.document, one.statement.start))


MORE = 0.15
"""Weight of the question that a neighbouring sentence must add to be cited with a statement."""


def completed(asked: Asked, one: Statement) -> Statement:
    """The statement with the sentence before or after it, where that holds what is missing of the question,
    or the value that is asked for: "The rent is due monthly. It is 1,450 euros." """
    if one.header:
        return one
    own = stems_of(one.text)
    missing = {term.stem for term in asked.terms if not has(term.stem, own)}
    best, gained = one, MORE
    for start, end, text, beside in (
        (one.start - len(one.before), one.end, one.before + one.text, one.before),
        (one.start, one.end + len(one.after), one.text + one.after, one.after),
    ):
        whole = replace(one, text=text, start=start, end=end)
        adds = sum(asked.weights[term] for term in missing if has(term, stems_of(beside)))
        adds += float(valued(asked, one) < 0 < valued(asked, whole))
        states = beside and role(beside.strip()) not in SAY_NOTHING and not _HEADING.search(text)
        if states and len(text) <= WHOLE_CHARS and adds >= gained:
            best, gained = whole, adds
    return best


def weighted(found: Sequence[float]) -> float:
    """The weighted sum of features."""
    return BIAS + sum(weight * value for weight, value in zip(WEIGHTS.values(), found, strict=True))


def probability(found: Sequence[float]) -> float:
    """Of a statement with these features being an answer: the logistic function of their weighted sum."""
    return 1 / (1 + math.exp(-weighted(found)))
