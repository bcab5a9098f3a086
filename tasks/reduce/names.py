"""Names of themes: terms that most documents of a theme share and few others have, as they write them.

The idea: a document is about a word that stands in its title or comes back in its summary, and about up to
three words in a row if they are a name or stand in its title. A theme is called by what its documents are
about if that stands in a title or is a name; what any document of a kind is (a report, a contract) names
none. Terms are compared by their stems and shown in the form that the documents write most.
"""

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

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
COMES_BACK = 120
"""Words of a summary for each of which a word comes back once more, to be what it is about."""
ELSEWHERE = 0.34
"""Of that, the share of the other documents that may have it."""
_PIECE = re.compile(r"[.,;:!?()\[\]{}\"\u201c\u201d\u2026|/\\\u3001\u3002\n]+|\s[-\u2013\u2014]+\s")
_WORD = re.compile(r"[^\W\d_][\w+#'\u2019-]*")
_FUNCTION = frozenset(word for words in BY_LANGUAGE.values() for word in words)
_SAYS_NOTHING = frozenset(
    {*KINDS, "document", "agreement", "license", "project", "section", "inc", "llc", "ltd", "corp", "gmbh"}
    | {"company", "party", "parties", "right", "rights", "term", "terms", "part", "chapter"}
)
"""What any document of a kind names, and forms of companies."""
Term = tuple[str, ...]
"""Stems."""


@dataclass
class _Terms:
    """The terms of a document, each with the forms it is written in, those of its title and its topics."""

    forms: dict[Term, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    title: set[Term] = field(default_factory=set)
    topics: set[Term] = field(default_factory=set)
    """Those that it is about."""


@dataclass(frozen=True)
class Name:
    """What a theme is called, and its documents that have a term of that."""

    text: str
    bearers: frozenset[str]


class Names:
    """Finds the names of themes among all documents of a corpus."""

    def __init__(self, documents: Sequence[SummaryNode]) -> None:
        self.terms = {node.document: _terms(node) for node in documents}
        self.counts = Counter(term for found in self.terms.values() for term in found.forms)

    def of(self, members: Sequence[SummaryNode]) -> Name | None:
        """The name of a theme of several documents; None if it shares no words that others have less."""
        own = [self.terms[node.document] for node in members]
        shared = Counter(term for found in own for term in found.topics)
        worth = {term: self._worth(term, number, own) for term, number in shared.items()}
        chosen: list[Term] = []
        for term in sorted((one for one in worth if worth[one] > 0), key=lambda one: (-worth[one], one)):
            if not any(set(term) & set(other) for other in chosen):
                chosen.append(term)
            if len(chosen) == MOST:
                break
        bearers = {
            node.document
            for node in members
            if any(one in self.terms[node.document].topics for one in chosen)
        }
        if len(bearers) < 2:
            return None
        text = ", ".join(_written(term, own) for term in chosen)
        return Name(text[:1].upper() + text[1:], frozenset(bearers))

    def _worth(self, term: Term, number: int, own: Sequence[_Terms]) -> float:
        others = len(self.terms) - len(own)
        inside = number / len(own)
        outside = (self.counts[term] - sum(term in found.forms for found in own)) / max(1, others)
        if number < 2 or inside < SHARED or outside > ELSEWHERE * inside:
            return 0.0
        if not any(term in found.title or all(map(_is_name, found.forms.get(term, ()))) for found in own):
            return 0.0
        titled = sum(term in found.title for found in own) / len(own)
        rare = math.log((len(self.terms) + 1) / (self.counts[term] + 0.5))
        return float(inside * (1 + titled) * (rare + 0.1) * len(term) ** 0.5)


def _terms(node: SummaryNode) -> _Terms:
    found = _Terms()
    language = language_of(node.text)
    for at, line in enumerate([without_facts(node.title), *node.text.removeprefix(node.title).splitlines()]):
        for piece in _PIECE.split(line):
            for term, form in _in_row(piece, language):
                found.forms[term][form] += 1
                if at == 0:
                    found.title.add(term)
    often = 1 + len(node.text.split()) // COMES_BACK
    found.topics = found.title | {
        term
        for term, forms in found.forms.items()
        if forms.total() >= often and (len(term) == 1 or all(map(_is_name, forms)))
    }
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


def _written(term: Term, own: Sequence[_Terms]) -> str:
    """The form that most of the documents write; in small letters where one of them does."""
    forms = sum(
        (Counter(dict.fromkeys(found.forms[term], 1)) for found in own if term in found.forms), Counter()
    )
    best = max(forms, key=lambda form: (forms[form], form))
    return next((form for form in forms if form == best.lower()), best)
