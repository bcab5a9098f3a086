"""Names of themes: terms that most documents of a theme share and few others have, as they write them.

The idea: a document is about a word that stands in its title or comes back in its summary, and about up to
three words in a row if they are a name or stand in its title. A theme is called by what its documents are
about if that stands in a title or is a name; what any document of a kind is (a report, a contract) names
none. Terms are compared by their stems and shown in the form that the documents write most.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from tasks.reduce.kinds import KINDS
from tasks.reduce.shown import without_facts
from tasks.reduce.tree import SummaryNode
from tasks.text.stems import stem
from tasks.text.stop_words import BY_LANGUAGE
from tasks.text.words import language_of

MOST = 3
"""Terms of a name."""
LONGEST = 3
"""Words of a term."""
SHARED = 0.6
"""Share of a theme's documents that have a term of its name."""
_CHARS = 1200
"""Of a summary that are looked at."""
COMES_BACK = 700
"""Characters of a summary for each of which a word comes back once more, to be what it is about."""
CONSULTED = 50
"""Documents of a theme whose way to write a term is looked at."""
ELSEWHERE = 0.34
"""Of that, the share of the other documents that may have it."""
_PIECE = re.compile(r"[.,;:!?()\[\]{}\"\u201c\u201d\u2026|/\\\u3001\u3002\n]+|\s[-\u2013\u2014]+\s")
_WORD = re.compile(r"[^\W\d_][\w+#'\u2019-]*")
_FUNCTION = frozenset(word for words in BY_LANGUAGE.values() for word in words)
_SAYS_NOTHING = frozenset(
    {*KINDS, "document", "agreement", "license", "project", "section", "inc", "llc", "ltd", "corp", "gmbh"}
    | {
        "company",
        "limited",
        "corporation",
        "party",
        "parties",
        "right",
        "rights",
        "term",
        "terms",
        "part",
        "chapter",
    }
)
"""What any document of a kind names, and forms of companies."""
Term = tuple[str, ...]
"""Stems."""


@dataclass(frozen=True)
class _About:
    """What a document is about, as numbers of terms."""

    topics: frozenset[int]
    leading: frozenset[int]
    """Those that stand in its title, or are names."""


@dataclass(frozen=True)
class Name:
    """What a theme is called, and its documents that are about that."""

    text: str
    bearers: frozenset[str]


class Names:
    """Finds the names of themes among all documents of a corpus; it holds some numbers of each."""

    def __init__(self, documents: Sequence[SummaryNode]) -> None:
        self.numbers: dict[Term, int] = {}
        self.counts: Counter[int] = Counter()
        """Documents by term: those that mention a word, those that are about several in a row."""
        self.about = {node.document: self._about(node) for node in documents}
        self.terms = list(self.numbers)

    def _about(self, node: SummaryNode) -> _About:
        forms = _forms(node)
        titled = set(_forms(node, title_only=True))
        often = 1 + min(len(node.text), _CHARS) // COMES_BACK
        topics, leading = set[int](), set[int]()
        for term, found in forms.items():
            named = len(term) > 1 and all(map(_is_name, found))
            about = term in titled or (found.total() >= often and (len(term) == 1 or named))
            if not about and len(term) > 1:
                continue
            number = self.numbers.setdefault(term, len(self.numbers))
            self.counts[number] += 1
            if about:
                topics.add(number)
            if named or term in titled:
                leading.add(number)
        return _About(frozenset(topics), frozenset(leading))

    def of(self, members: Sequence[SummaryNode]) -> Name | None:
        """The name of a theme of several documents; None if they share nothing that others are less about."""
        own = [self.about[node.document] for node in members]
        shared = Counter(term for found in own for term in found.topics)
        worth = {term: self._worth(term, number, own) for term, number in shared.items() if number > 1}
        chosen: list[int] = []
        for at in sorted(
            (one for one in worth if worth[one]), key=lambda one: (-worth[one], self.terms[one])
        ):
            if len(chosen) < MOST and not any(set(self.terms[at]) & set(self.terms[one]) for one in chosen):
                chosen.append(at)
        if not chosen or (len(chosen) == 1 and self._is_chance(chosen[0], own)):
            return None
        bearers = frozenset(
            node.document for node in members if not self.about[node.document].topics.isdisjoint(chosen)
        )
        forms = [_forms(node) for node in members[:CONSULTED]]
        text = ", ".join(_written(self.terms[at], forms) for at in chosen)
        return Name(text[:1].upper() + text[1:], bearers)

    def _is_chance(self, term: int, own: Sequence[_About]) -> bool:
        """Whether a word alone makes no theme: fewer than two documents are called by it."""
        return len(self.terms[term]) == 1 and sum(term in found.leading for found in own) < 2

    def _worth(self, term: int, number: int, own: Sequence[_About]) -> float:
        inside = number / len(own)
        outside = (self.counts[term] - number) / max(1, len(self.about) - len(own))
        leading = sum(term in found.leading for found in own) / len(own)
        if inside < SHARED or outside > ELSEWHERE * inside or not leading:
            return 0.0
        rare = math.log((len(self.about) + 1) / (self.counts[term] + 0.5)) + 0.1
        return float(inside * (1 + leading) * rare * len(self.terms[term]) ** 0.5)


def _forms(node: SummaryNode, title_only: bool = False) -> dict[Term, Counter[str]]:
    """The terms at the beginning of a document's summary, with the forms that they are written in."""
    title = without_facts(node.title)
    text = title if title_only else f"{title}\n{node.text.removeprefix(node.title)}"[:_CHARS]
    language = language_of(node.text[:_CHARS])
    found: dict[Term, Counter[str]] = defaultdict(Counter)
    for piece in _PIECE.split(text):
        for term, form in _in_row(piece, language):
            found[term][form] += 1
    return found


def _is_name(form: str) -> bool:
    return all(word[0].isupper() for word in form.split())


def _in_row(piece: str, language: str) -> Iterator[tuple[Term, str]]:
    """Terms of words in a row without a function word between them."""
    row: list[tuple[str, str]] = []
    for word in piece.split():
        match = _WORD.fullmatch(word.strip("'\u2019*_`"))
        if match is None or len(match[0]) < 3 or match[0].lower() in _FUNCTION:
            row = []
            continue
        row = [*row[1 - LONGEST :], (stem(match[0].lower(), language), match[0])]
        for first in range(len(row) - (match[0].lower() in _SAYS_NOTHING)):
            yield tuple(one for one, _ in row[first:]), " ".join(form for _, form in row[first:])


def _written(term: Term, documents: Sequence[Mapping[Term, Counter[str]]]) -> str:
    """The form that most of the documents write; in small letters where one of them does."""
    forms = Counter(form for found in documents for form in found.get(term, ()))
    best = max(forms, key=lambda form: (forms[form], form), default=" ".join(term))
    return best.lower() if best.lower() in forms else best
