"""Questions as they are understood: their terms, what each is worth, and the kind of value asked for.

The idea: a word is worth the more, the fewer passages hold it; a name or the parties of a contract say which
document is meant, and what is left is asked of that document.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.memory.reader import Memory
from tasks.recall.ask.values import Expected, expected
from tasks.recall.candidates import by_words
from tasks.recall.terms import Term, has, stems, terms
from tasks.runs.ledger import Row
from tasks.text.interrogatives import FRAME
from tasks.text.scripts import is_unspaced

_FRAME = re.compile(
    r"\b(how) (?:long|often|frequently|soon|old|large|big|tall|high|far|fast|wide|deep|heavy)\b"
    r"|\b(?:what|which) (?:kinds?|types?|sorts?) of\b"
    r"|\b(?:what|which) (?:date|day|year|month|time|percentage)\b"
    r"|\bwie (?:hoch|lange|gro\u00df|oft|weit|teuer)\b"
    r"|\u4ec0\u4e48\u65f6\u5019|\u4ec0\u9ebc\u6642\u5019|\u4f55\u65f6|\u54ea\u4e00?\u5e74|\u54ea\u5929|\u4e3a\u4ec0\u4e48|\u4ec0\u4e48|\u591a\u5c11|\u600e\u4e48|\u5982\u4f55"
    r"|\u3044\u3064|\u3069\u3053|\u3044\u304f\u3064|\u306a\u305c"
    rf"|{FRAME}",
    re.IGNORECASE,
)
"""Words that say what kind of value is asked for, and not of what."""
_BETWEEN = re.compile(
    r"(?:,\s*)?(?:\b(?:under|of|in|by|for|to|with|from)\s+)?\b(?:the|a|an)\s+(?P<kind>(?:[\w-]+\s+){1,5}?)"
    r"(?:dated\s[^?]{1,30}?\s)?between\s[^?]*?(?=\?|$|,\s(?:how|what|when|who|which|where|may|must|does|is|shall)\b)",
    re.IGNORECASE,
)
"""A document named by its kind and its parties."""
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
    found = tuple(terms(_FRAME.sub(r" \1 ", question)) or terms(question))
    total = memory.count(where)
    held = {term.stem: _holding(memory, term, where) for term in found}
    found = tuple(term for term in found if held[term.stem] or not _joins(term, found, held))
    documents = {term.stem: frozenset(row["document"] for row in held[term.stem]) for term in found}
    idf = {term.stem: math.log(1 + (total + 0.5) / (len(held[term.stem]) + 0.5)) for term in found}
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
    return " ".join(left.split()) if terms(_FRAME.sub(r" \1 ", left)) else ""


def is_named(asked: Asked, text: str) -> bool:
    """Whether a text, how a document begins, has all names of the question."""
    held = stems(text)
    return all(has(term.stem, held) for term in asked.terms if term.kind == "name")


def _joins(term: Term, others: Sequence[Term], held: Mapping[str, Sequence[Row]]) -> bool:
    """Whether a pair of characters only joins a word that is held to its ending or to the next word."""
    return is_unspaced(term.written) and any(
        held[other.stem] and abs(other.start - term.start) <= len(term.written) for other in others
    )


def _holding(memory: Memory, term: Term, where: str | None) -> list[Row]:
    rows: list[Row] = by_words(memory, "text", term.written, MOST_ROWS, where, ["document"]).to_pylist()
    return rows
