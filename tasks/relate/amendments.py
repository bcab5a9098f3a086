"""Amendments: which agreement a contract amends, and which of its statements it replaces.

The idea: an amendment says so, in its title or in its first sentences, and names the agreement by its kind,
its parties or its date. What it amends is found by section where it names one, else by the words of the
statement; a statement of which neither leads anywhere is left alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tasks.recall.terms import stems
from tasks.relate.library import Document, Sentence
from tasks.relate.said import jaccard, said
from tasks.text.dates import dates
from tasks.text.parties import parties
from tasks.text.roles import Role, role

HEAD_CHARS = 6000
MOST_CHARS = 2_000_000
"""Of an agreement whose sections are looked at, its first."""
REPLACED, ALIKE = 0.5, 0.3
"""Share of the words of the shorter of two statements of one section, and of both, from which one replaces
the other."""
LEAST_WORDS = 5
"""Content words of a statement that is replaced, and of what replaces it."""
SAME_SUBJECT = 0.6
"""The same where no section is named; then a value must differ too."""

_TITLED = re.compile(
    r"\b(?:amendment|addendum|supplement(?:al)? (?:agreement|deed|lease)|change order"
    r"|variation (?:agreement|deed)|nachtrag|\u00e4nderungsvereinbarung|avenant|modification agreement)\b",
    re.IGNORECASE,
)
TITLES = "amendment addendum supplement variation nachtrag avenant modification"
"""Words of the titles of amendments."""
_AMENDED = (
    r"amend(?:s|ed|ing)?|replace(?:s|d)?|delete(?:s|d)?|restate(?:s|d)?|substitute(?:s|d)?|modif(?:y|ies|ied)"
)
_CHANGED = rf"{_AMENDED}|change(?:s|d)?|revise(?:s|d)?|increase(?:s|d)?|reduce(?:s|d)?|extend(?:s|ed)?"
_SAYS_SO = re.compile(rf"\b(?:{_CHANGED}|ge\u00e4ndert|ersetzt|modifi\u00e9)\b", re.IGNORECASE)
_ADDED = re.compile(r"\b(?:add(?:s|ed|ing)?|insert(?:s|ed|ing)?|append(?:s|ed|ing)?)\b", re.IGNORECASE)
_NEXT = re.compile(r"\s*(?:\d{1,2}|[A-Z])\.\s")
"""How the next clause of an amendment begins."""
_TERMS = (Role.STATEMENT, Role.DEPENDENT, Role.LEGAL)
_SECTION = re.compile(
    r"\b(?:section|clause|article|paragraph|ziffer|artikel|\u00a7)\s*(?P<number>\d+(?:\.\d+)*)", re.IGNORECASE
)
_KINDS = re.compile(
    r"\b(?:lease|licen[sc]e|supply|service[s]?|distribution|franchise|consulting|employment|loan|credit"
    r"|purchase|maintenance|hosting|reseller|marketing|development|manufacturing|agency|joint venture"
    r"|cooperation|collaboration|transportation|outsourcing|endorsement|affiliate|sponsorship|promotion"
    r"|strategic alliance|tenancy|rental|insurance|storage|transport|cleaning|charter)\b",
    re.IGNORECASE,
)
_SUFFIX = re.compile(
    r"(?:,?\s*\b(?:inc|llc|ltd|limited|corp|corporation|co|company|plc|gmbh|ag|lp|l\.p|n\.a|b\.v)\b\.?)+$",
    re.I,
)
_LINE = r"(?m)^[ \t]*(?:section|clause|article|\u00a7)?[ \t]*{0}(?![\d.]*\d)[.):]?[ \t]"
"""How a section of that number begins, as a regular expression."""


@dataclass(frozen=True)
class Amended:
    """A statement of an agreement and the one that an amendment puts in its place."""

    agreement: Document
    new: Sentence
    old: Sentence


def is_amendment(document: Document) -> bool:
    """Whether a document says that it amends another one."""
    return _TITLED.search(document.title) is not None or (
        document.about.kind == "contract" and _TITLED.search(document.head(300)) is not None
    )


def agreement_of(amendment: Document, candidates: Iterable[Document]) -> Document | None:
    """The agreement that an amendment amends; None where none or more than one may be meant."""
    head = amendment.head(HEAD_CHARS)
    kinds = {kind.casefold() for kind in _KINDS.findall(f"{amendment.title}\n{head[:1500]}")}
    named = _parties(head)
    told = {date.iso for date in dates(head)}
    scores: dict[str, tuple[int, Document]] = {}
    for one in candidates:
        if one.id == amendment.id or is_amendment(one):
            continue
        text = one.head(HEAD_CHARS)
        flat = " ".join(text.casefold().split())
        kind = bool(kinds & {found.casefold() for found in _KINDS.findall(f"{one.title}\n{text[:1500]}")})
        both = len(named) > 1 and all(party in flat for party in named)
        dated = bool(one.date) and one.date in told
        if (both and (kind or dated)) or (kind and dated and any(party in flat for party in named)):
            scores[one.id] = (2 * both + 2 * dated + kind, one)
    ranked = sorted(scores.values(), key=lambda found: -found[0])
    if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
        return None
    return ranked[0][1]


def _parties(head: str) -> list[str]:
    """The parties of a contract in small letters, without what kind of company they are."""
    found = re.sub(r"^(?:between|of|zwischen|entre) ", "", parties(head))
    names = re.split(r" (?:and|und|y) ", found) if found else []
    return [" ".join(_SUFFIX.sub("", name).casefold().split()) for name in names if name.strip()]


def amended(amendment: Document, agreement: Document) -> Iterator[Amended]:
    """The statements that an amendment changes, each with what it says instead."""
    named = _parties(amendment.head(HEAD_CHARS))
    old = [one for one in agreement.sentences() if _is_term(one.text) and not _names_all(one.text, named)]
    text = agreement.text(0, MOST_CHARS)
    section: Sequence[Sentence] = ()
    taken = set[int]()
    for new in amendment.sentences():
        if _names_all(new.text, named):
            continue  # what makes the agreement is no term of it
        begins = _SECTION.search(new.text)
        if begins or _NEXT.match(new.text):
            says_so = begins is not None and _SAYS_SO.search(new.text) and not _ADDED.search(new.text)
            section = _of_section(text, begins["number"], old) if begins and says_so else ()
        if not _is_term(new.text):
            continue
        left = [one for one in section if one.start not in taken]
        found = _replaced(new, left) if left else _of_same_subject(new, old, taken)
        if found:
            taken.add(found.start)
            yield Amended(agreement, new, found)


def _is_term(text: str) -> bool:
    """Whether a sentence states something: no heading, no announcement of what follows."""
    words = len(stems(text))
    if text.endswith(":") or words < LEAST_WORDS:
        return False
    kind = role(text)
    return kind in _TERMS or (kind is Role.FRAGMENT and words >= 2 * LEAST_WORDS)  # long ones are cut


def _names_all(text: str, named: Sequence[str]) -> bool:
    flat = " ".join(text.casefold().split())
    return len(named) > 1 and all(name in flat for name in named)


def _of_section(text: str, number: str, sentences: Sequence[Sentence]) -> list[Sentence]:
    """The sentences of a section, from the line that begins with its number to the next such line."""
    begins = re.search(_LINE.format(re.escape(number)), text, re.IGNORECASE)
    if not begins:
        return []
    depth = number.count(".") + 1
    same = _LINE.format(rf"\d+(?:\.\d+){{0,{depth - 1}}}")
    ends = re.compile(same, re.IGNORECASE).search(text, begins.end())
    stop = ends.start() if ends else len(text)
    return [one for one in sentences if begins.start() <= one.start < stop]


def _replaced(new: Sentence, old: Sequence[Sentence]) -> Sentence | None:
    """The statement of a section that a new one replaces: the one with most of its words."""
    words = stems(new.text)
    best = max(old, key=lambda one: jaccard(words, stems(one.text)))
    theirs = stems(best.text)
    same = _shared(words, theirs) >= REPLACED and jaccard(words, theirs) >= ALIKE
    return best if same and best.hash != new.hash else None


def _of_same_subject(new: Sentence, old: Sequence[Sentence], taken: set[int]) -> Sentence | None:
    """The statement anywhere in the agreement that has the same words and another value."""
    ours = said(new.text)
    if not ours.values or len(ours.words) < 3 or not _SAYS_SO.search(new.text):
        return None
    best, most = None, 0.0
    for one in old:
        theirs = said(one.text)
        shared = _shared(ours.words, theirs.words)
        if shared > most and len(theirs.words) > 2 and theirs.values and one.start not in taken:
            best, most = one, shared
    if best is None or most < SAME_SUBJECT or set(said(best.text).forms) == set(ours.forms):
        return None
    return best


def _shared(one: set[str] | frozenset[str], other: set[str] | frozenset[str]) -> float:
    return len(one & other) / max(1, min(len(one), len(other)))
