"""Support: how well a statement answers a question, as features and the probability they add up to.

The idea: an answer covers what the question says, in its own words or in what stands around it; it is about
whom and what the question names; and it holds a value of the kind that is asked for. These are few and plain
enough for one weighted sum. Halving or doubling any weight changes little (`nightread evaluate ask`
measures it); what matters is the threshold, which is set so that what was never read is not found.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise

from lancedb.query import MatchQuery

from tasks.memory.reader import Memory
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.values import Expected, comparable, expected, values
from tasks.recall.terms import Term, ordered, stem, stems, terms
from tasks.text.markup import readable
from tasks.text.roles import Role, role
from tasks.text.sentences import sentences
from tasks.text.speakers import opening

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
_FRAME = re.compile(
    r"\b(how) (?:long|often|frequently|soon|old|large|big|tall|high|far|fast|wide|deep|heavy)\b"
    r"|\b(?:what|which) (?:kinds?|types?|sorts?) of\b"
    r"|\b(?:what|which) (?:date|day|year|month|time|percentage)\b"
    r"|\bwie (?:hoch|lange|gro\u00df|oft|weit|teuer)\b",
    re.IGNORECASE,
)
"""Words that say what kind of value is asked for, and not of what."""
_BETWEEN = re.compile(
    r"(?:,\s*)?(?:\b(?:under|of|in|by|for|to|with|from)\s+)?\b(?:the|a|an)\s+(?P<kind>(?:[\w-]+\s+){1,5}?)"
    r"(?:dated\s[^?]{1,30}?\s)?between\s[^?]*?(?=\?|$|,\s(?:how|what|when|who|which|where|may|must|does|is|shall)\b)",
    re.IGNORECASE,
)
"""A document named by its kind and its parties."""
NEAR = 3
"""Content words between two terms that stand beside each other."""
_CALLED = re.compile(
    r"(?:^|[,.!?:]|\b(?i:hey|hi|hello|thanks|wow|yeah|yep|oh|congrats|sure|aw+))\s*,?\s*[A-Z]\w+(?=\s*[,.!?])"
)
_SPOKEN_TO = re.compile(r"\b(?:you|your|yours|you're|you've|yourself)\b", re.IGNORECASE)
MOST_ROWS = 2000
"""Passages that are counted for a term; one that is in more of them says nothing."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question: its terms with their weights, which add up to 1, and the kind of value it asks for."""

    text: str
    terms: tuple[Term, ...]
    weights: Mapping[str, float]
    documents: Mapping[str, frozenset[str]]
    """Documents that hold a term."""
    expects: Expected
    naming: frozenset[str]
    """Terms that name a document rather than ask for something in it: names, and what kind it is."""


def understand(memory: Memory, question: str, where: str | None = None) -> Asked:
    """The terms of a question, weighted by how few passages of the memory hold them."""
    found = tuple(terms(_FRAME.sub(r"\1", question)) or terms(question))
    total = memory.count(where)
    idf: dict[str, float] = {}
    documents: dict[str, frozenset[str]] = {}
    for term in found:
        rows = _holding(memory, term, where)
        documents[term.stem] = frozenset(row["document"] for row in rows)
        idf[term.stem] = math.log(1 + (total + 0.5) / (len(rows) + 0.5))
    whole = sum(idf.values()) or 1.0
    weights = {one: value / whole for one, value in idf.items()}
    kinds = stems(" ".join(match["kind"] for match in _BETWEEN.finditer(question)))
    naming = frozenset(term.stem for term in found if term.kind == "name" or term.stem in kinds)
    return Asked(question, found, weights, documents, expected(question), naming)


def without_names(asked: Asked) -> str:
    """The question without what names a document: "What is the rent under the lease between A and B?" asks
    "What is the rent?" of that lease. "" where nothing is left, or too little is named to know a document."""
    if sum(term.kind == "name" for term in asked.terms) < 2:
        return ""
    left = _BETWEEN.sub(" ", asked.text)
    for term in asked.terms if left == asked.text else ():
        if term.kind == "name":
            left = left.replace(term.written, " ")
    return " ".join(left.split()) if terms(_FRAME.sub(r"\1", left)) else ""


def is_named(asked: Asked, text: str) -> bool:
    """Whether a text, how a document begins, has all names of the question."""
    held = _stems(text)
    return all(has(term.stem, held) for term in asked.terms if term.kind == "name")


def _holding(memory: Memory, term: Term, where: str | None) -> list[dict[str, str]]:
    match = MatchQuery(term.written, "text")  # type: ignore[call-arg]
    query = memory.table.search(match, query_type="fts").select(["document", "_score"]).limit(MOST_ROWS)
    rows: list[dict[str, str]] = (query.where(where, prefilter=True) if where else query).to_list()
    return rows


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
    "speaker": -3.0,  # another person than the one who is asked about says it
    "dialogue": 1.3,  # 1: somebody says it, in other words than a question has
    "rank": 1.0,  # of its passage
    "cosine": 4.5,  # of the question and its passage
    "cosine_context": 1.0,
}
BIAS = -15.0
THRESHOLD = 0.6
"""Probability from which a statement is an answer."""
FEATURES = tuple(WEIGHTS)


def features(asked: Asked, one: Statement) -> list[float]:
    """Values of `FEATURES`, most of them from 0 to 1."""
    own = _stems(one.text)
    subject = _subject(asked, one)
    near = own | _stems(one.before) | _stems(one.after) | _stems(one.speaker)
    passage = near | _stems(one.passage)
    document = passage | _stems(one.head)
    held = {t.stem for t in asked.terms if one.document in asked.documents[t.stem]}
    names = [t for t in asked.terms if t.kind != "word"]
    left = [t for t in names if t in subject]
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
        _prose(one.text),
        float(_asks(one.text)),
        _covered(asked, subject, _stems(one.before))
        if one.before.rstrip().endswith(("?", "\uff1f"))
        else 0.0,
        _other_speaker(asked, one),
        float(bool(one.speaker)),
        one.rank,
        one.cosine,
        one.cosine_context,
    ]


WHOLE_CHARS = 500
"""Characters of two sentences that are cited together."""
SAME = 0.8
"""Share of the words of two statements from which one repeats the other."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A statement, its features, and the probability that it answers."""

    statement: Statement
    features: tuple[float, ...]
    probability: float

    def repeats(self, other: "Judged") -> bool:
        """Whether it says what the other one says."""
        first, second = _stems(self.statement.text), _stems(other.statement.text)
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
    own = _stems(one.text)
    missing = {term.stem for term in asked.terms if not has(term.stem, own)}
    best, gained = one, MORE
    for start, end, text, beside in (
        (one.start - len(one.before), one.end, one.before + one.text, one.before),
        (one.start, one.end + len(one.after), one.text + one.after, one.after),
    ):
        whole = replace(one, text=text, start=start, end=end)
        adds = sum(asked.weights[term] for term in missing if has(term, _stems(beside)))
        adds += float(valued(asked, one) < 0 < valued(asked, whole))
        if beside and len(text) <= WHOLE_CHARS and adds >= gained:
            best, gained = whole, adds
    return best


def probability(found: Sequence[float]) -> float:
    """Of a statement with these features being an answer: the logistic function of their weighted sum."""
    return 1 / (1 + math.exp(-BIAS - sum(w * x for w, x in zip(WEIGHTS.values(), found, strict=True))))


@lru_cache(maxsize=4096)
def _stems(text: str) -> frozenset[str]:
    return frozenset(stems(text))


def _subject(asked: Asked, one: Statement) -> Sequence[Term]:
    """What is asked of a document that the question names: the terms that do not name it."""
    head = _stems(one.head)
    named = {stem for stem in asked.naming if not one.speaker and has(stem, head)}
    return [term for term in asked.terms if term.stem not in named] or asked.terms


def _covered(asked: Asked, some: Sequence[Term], held: set[str] | frozenset[str]) -> float:
    """Share of the weight of some terms that is held."""
    whole = sum(asked.weights[term.stem] for term in some)
    return sum(asked.weights[term.stem] for term in some if has(term.stem, held)) / whole if whole else 0.0


def has(one: str, held: set[str] | frozenset[str]) -> bool:
    """Whether a stem, or another form of it with a longer or a shorter ending, is held."""
    if one in held:
        return True
    if len(one) < 4 or not one.isalpha():
        return False
    return any(
        min(len(other), len(one)) >= 4
        and abs(len(other) - len(one)) <= 4
        and (other.startswith(one) or one.startswith(other))
        for other in held
    )


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
    return all(
        text[start:end].rstrip("\"'\u201d)] ").endswith(("?", "\uff1f")) for start, end in sentences(text)
    )


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


def _prose(text: str) -> float:
    """1 for a sentence, less for code and lists, and for what is cut off."""
    return _SAYS.get(role(text), 1.0)


def _other_speaker(asked: Asked, one: Statement) -> float:
    """1 where the question is about a person of a dialogue, and another one speaks only of other things.

    To be called by name is not to be spoken of: "Thanks, Nora! I adopted a dog" says nothing of Nora.
    """
    if not one.speaker:
        return 0.0
    people = _speakers(one.head) | _speakers(one.passage)
    named = {term.stem for term in asked.terms if term.stem in people}
    if not named or stem(one.speaker.split()[0]) in named:
        return 0.0
    said = _CALLED.sub(" ", one.text)
    return float(not _SPOKEN_TO.search(said) and not named & _stems(said))


@lru_cache(maxsize=4096)
def _speakers(text: str) -> frozenset[str]:
    found = (opening(line) for line in text.splitlines())
    return frozenset(stem(one.speaker.split()[0]) for one in found if one)
