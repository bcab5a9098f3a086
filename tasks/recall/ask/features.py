"""Features of a statement as an answer to a question, most of them from 0 to 1.

The idea: an answer covers what the question says, in its own words or in what stands around it; it is about
whom and what the question names; and it holds a value of the kind that is asked for.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from tasks.recall.ask.persons import asked_in, asks, speakers_of, spoken_of, stated
from tasks.recall.ask.question import Asked
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.values import comparable, values
from tasks.recall.terms import Term, has, ordered, stems
from tasks.recall.text_cache import text_cache
from tasks.text.markup import readable
from tasks.text.roles import Role, role
from tasks.text.sentences import sentences

_DEFINITION = re.compile(
    r"^\W*what (?:is|are|was|were|does)\s(?:an?\s|the\s)?([^?]{2,60}?)(?:\s(?:mean|do|stand for))?\W*$", re.I
)
_DEFINING = re.compile(
    r"^\W*([^,;:.]{1,80}?)\s(?:is|are|was|were|means?|shall mean|refers to|stands for|provides?)\b", re.I
)
_SAYS = {
    Role.CODE: 0.25,
    Role.CITATION: 0.25,
    Role.SIGNATURE: 0.25,
    Role.FRAGMENT: 0.5,
    Role.TABLE: 0.5,
}
ALIKE = 0.5
"""Cosine of a question and a passage that has all of its words, where the embedder cannot read them."""
NEAR = 3
"""Content words between two terms that stand beside each other."""


def features(asked: Asked, one: Statement) -> list[float]:
    """Values of `FEATURES`, most of them from 0 to 1."""
    own = stems_of(stated(one.text)) | stems_of(one.header)
    subject = _subject(asked, one)
    beside = frozenset() if one.header else stems_of(one.before) | stems_of(one.after)
    near = own | beside | stems_of(one.speaker)
    passage = near | stems_of(one.passage)
    document = passage | stems_of(one.head)
    held = {t.stem for t in asked.terms if one.document in asked.documents[t.stem]}
    names = [t for t in asked.terms if t.kind != "word"]
    left = [t for t in names if t in subject]
    spoken = spoken_of(one, frozenset(term.stem for term in asked.terms))
    return [
        _covered(asked, subject, own),
        _covered(asked, subject, near),
        _covered(asked, subject, passage),
        _covered(asked, asked.terms, document | held),
        _covered(asked, left, near) if left else 1.0,
        _covered(asked, left, passage) if left else 1.0,
        _covered(asked, names, document | held) if names else 1.0,
        float(all(has(name.stem, document | held) for name in names)),
        float(len(names) - len(left) > 1 and not left),
        sum(asked.weights[t.stem] for t in asked.terms if not asked.documents[t.stem] and t.kind == "word"),
        sum(asked.weights[t.stem] for t in names if not asked.documents[t.stem]),
        valued(asked, one),
        min(1.0, len(own - {t.stem for t in asked.terms}) / 5),
        _beside(subject, one.text),
        _defines(asked, one.text),
        _prose(one),
        float(_asks(one.text)),
        _replies(asked, subject, one),
        max(0.0, -spoken),
        max(0.0, spoken),
        _in_dialogue(asked, one),
        one.rank,
        one.cosine or ALIKE * _covered(asked, asked.terms, passage),
        one.cosine_context or ALIKE * _covered(asked, asked.terms, document | held),
    ]


@text_cache(4096)
def stems_of(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def _subject(asked: Asked, one: Statement) -> Sequence[Term]:
    """What is asked of a document that the question names, or of the speakers of a dialogue: the terms that
    name neither. What a row of a table names tells it from the other rows."""
    if one.header:
        return asked.terms
    head, people = stems_of(one.head), speakers_of(one)
    named = {stem for stem in asked.naming if (stem in people if people else has(stem, head))}
    return [term for term in asked.terms if term.stem not in named] or asked.terms


def _in_dialogue(asked: Asked, one: Statement) -> float:
    """1 for a turn of a dialogue with a person who is asked about, 0.5 of another one, 0 for other text."""
    people = speakers_of(one)
    return (1.0 if any(term.stem in people for term in asked.terms) else 0.5) if people else 0.0


def _covered(asked: Asked, some: Sequence[Term], held: set[str] | frozenset[str]) -> float:
    """Share of the weight of some terms that is held."""
    whole = sum(asked.weights[term.stem] for term in some)
    return sum(asked.weights[term.stem] for term in some if has(term.stem, held)) / whole if whole else 0.0


def valued(asked: Asked, one: Statement) -> float:
    if asked.expects in ("", "yes or no"):
        return 0.0
    known = stems(asked.text)
    for value in values(one.text, asked.expects):
        if comparable(value.form) not in asked.text.lower() and not stems(value.form) <= known - {""}:
            return 1.0
    if asked.expects == "person" and one.speaker:
        return 1.0
    return 1.0 if asked.expects == "date" and values(one.speaker, "date") else -1.0


def _asks(text: str) -> bool:
    """Whether all that is said is a question."""
    return all(asks(text[start:end]) for start, end in sentences(text))


def _replies(asked: Asked, some: Sequence[Term], one: Statement) -> float:
    """Share of the weight of some terms that the question before a statement has, its own words beside it."""
    before = asked_in(one.replied) if one.replied else one.before if asks(one.before) else ""
    return _covered(asked, some, stems_of(before)) if before and not asks(one.text) else 0.0


def _beside(some: Sequence[Term], text: str) -> float:
    """Share of the pairs of terms that follow each other in the question and stand within NEAR words here."""
    places: dict[str, list[int]] = {}
    for place, term in enumerate(ordered(text)):
        places.setdefault(term, []).append(place)
    pairs = [(a.stem, b.stem) for a, b in pairwise(some)]
    held = [
        pair
        for pair in pairs
        if any(abs(x - y) <= NEAR for x in places.get(pair[0], ()) for y in places.get(pair[1], ()))
    ]
    return len(held) / len(pairs) if pairs else 0.0


def _defines(asked: Asked, text: str) -> float:
    wanted = _DEFINITION.match(asked.text)
    if not wanted:
        return 0.0
    said = _DEFINING.match(readable(text))
    subject = stems(wanted[1])
    return (
        1.0
        if said and subject and subject <= stems(said[1]) and len(stems(said[1])) <= len(subject) + 2
        else -1.0
    )


def _prose(one: Statement) -> float:
    """1 for a sentence and a row with its header, less for code and lists, and for what is cut off."""
    if one.header:
        return 1.0
    return _SAYS.get(role(one.text, "dialogue" if one.speaker else "text"), 1.0)
