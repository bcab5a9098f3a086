"""Candidates: the sentences of a document that can stand in a summary, cut from a stream of its text.

The idea: a sentence that does not stand by itself (a heading, a list marker, a line of code, the rest of a
sentence that was cut) is none, however central; one that is too long to read is quoted up to a clause's end.
Every candidate is verbatim, at its characters of the document; what is shown of it is readable.
"""

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from tasks.reduce.kinds import Kind
from tasks.reduce.prose import prose
from tasks.text.headings import is_titled
from tasks.text.markup import readable
from tasks.text.outline import Outline
from tasks.text.passages import Placed
from tasks.text.roles import Role, role
from tasks.text.sentences import SENTENCE_CHARS, Span, is_finished, sentences
from tasks.text.stop_words import BY_LANGUAGE
from tasks.text.words import length, terms

FEWEST_WORDS, MOST_WORDS = 5, 60
FEWEST_CLIPPED = 20
"""Words that a long sentence keeps at least where it is cut at the end of a clause."""
MOST_CAPITALS = 0.75
"""Share of words that begin with a capital letter."""
FEWEST_BESIDE_URL = 40
"""Words of a sentence that holds an address and still says something."""
_LETTERS = re.compile(r"[^\W\d_]|[\u0300-\u036f\u064b-\u0652\u0900-\u0903\u093a-\u094f\u0981-\u0e4e]")
"""Letters, and the signs that stand at one in the scripts of India, in Thai and in Arabic."""
_WORD = re.compile(r"[^\W\d_]{2,}")
_NAMED = re.compile(
    r"\W*\w+ (?:is|has|aims|can|provides|makes|offers|lets|allows|implements|supports|helps|adds)\b"
)
"""A sentence about something whose name is in lower case."""
_LEAD = re.compile(
    r"(?:\s|[>#*\u2022\u2014\u2013|/+~=-]+(?=\s)|\d{1,2}(?:\.\d{1,2}){1,3}\.?(?=\s)"
    r"|\(?(?:\d{1,3}|[a-zA-Z]|[ivxIVX]{1,5})[.)](?=\s)"
    r"|\[[^\]\n]{0,60}\](?=\s)|\"\"\"|''')*"
)
"""What stands before the words of a sentence: list and comment marks, clause numbers, a date in brackets."""
_NUMBERED = re.compile(r"\W{0,4}(?:\d{1,2}(?:\.\d{1,2}){0,3}|[IVX]{1,5}|[a-z])[.)]?\s")
_TAIL = re.compile(r"(?:\s|\"\"\"|'''|\*\*|__)+$")
_DROP_CAPITAL = re.compile(r"^([B-HJ-Z]) (?=[a-z]{2})")
"""The first letter of a chapter, set large and so apart."""
_LOOSE = re.compile(r"^[*_]{1,3}(?=[^\W_])|(?<=[.!?])[*_]{1,3}$")
"""Emphasis that other sentences share."""
_HOLE = re.compile(
    r"[\w,;][\"')\u201d]?\s{1,40}(?:\|[\w .-]{1,60}\|_{0,2}|!\[[^\]\n]{0,300}\]\([^()\n]{0,600}\)"
    r"|<img\b[^<>]{0,600}>)[\s,;.!]{1,40}[^\W\d_]"
)
"""A picture, or a word that is defined elsewhere, inside a sentence: without it the rest is none."""
_ABOVE = re.compile(
    r"(?:(?:[Ee]xhibit|EXHIBIT)\s+[\d.]+\s+)?(?:[A-Z][A-Z&,'\u2019-]*\s+){2,14}(?:\([^()]{1,30}\)\s+)?"
    r"(?=(?:This|THIS)\s)"
    r"|(?:(?!Section|Article|Exhibit|Clause|Schedule|Annex|Appendix|Subject|Pursuant|Under)"
    r"[A-Z][\w&,'\u2019-]*\s+(?:(?:of|and|or|the|to|for|in|on|by|with)\s+)*){1,8}\d{1,2}\.\d{1,2}\.?\s+(?=[A-Z])"
)
"""The title of a contract in front of its first sentence, or that of a clause and its number."""
_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|will|shall|must|may|can|to|agrees?"
    r"|\w{2,}(?:ed|iert|\u00e9e?s?))\b"
)
"""What a numbered line of minutes has that is no heading."""
_ITEM_END = re.compile(r"[;,]?(?:\s+(?:and|or|und|oder|et|ou|y|o))?[;,]?$")
"""How an item of a list of clauses ends."""
_CLAUSE = (re.compile(r";(?=\s)"), re.compile(r"[:,](?=\s)"))
"""Where a long sentence may be cut: better after a semicolon."""
_UNUSABLE = {
    Role.HEADING,
    Role.MARKER,
    Role.CODE,
    Role.TABLE,
    Role.CITATION,
    Role.NAVIGATION,
    Role.QUOTED,
    Role.SIGNATURE,
    Role.COURTESY,
}


@dataclass(frozen=True)
class Candidate:
    """Characters [start, end) of a document that can stand in its summary."""

    start: int
    end: int
    text: str
    """Verbatim."""
    shown: str
    """Readable: in one line, without markup; ends with an ellipsis where the sentence goes on."""
    section: str = ""
    """Path of the headings above it."""
    nth: int = 0
    """Candidates of the same section before it."""
    salience: float = 0.0
    terms: tuple[str, ...] = ()
    """Stems of its words (`tasks.text.words`)."""
    tells: frozenset[int] = frozenset()
    """Aspects of its kind of document that it tells, by number."""
    role: Role = Role.STATEMENT

    @cached_property
    def words(self) -> int:
        """Words of what is shown."""
        return length(self.shown)


def spans(pieces: Iterable[Placed], kind: Kind) -> Iterator[tuple[int, str, bool]]:
    """(char_start, text, whole) of the sentences of a document, of its lines where those say something each.

    Args:
        pieces: paragraphs of the text.
    """
    for at, paragraph in pieces:
        cut = False
        for start, end in _lines(paragraph) if kind.fragments else sentences(paragraph):
            text = paragraph[start:end]
            yield at + start, text, not cut
            cut = len(text) > SENTENCE_CHARS - 40 and not is_finished(text)


def _lines(paragraph: str) -> Iterator[Span]:
    """Lines, and the sentences of those that are long."""
    at = 0
    for line in paragraph.splitlines(keepends=True):
        if len(line) > SENTENCE_CHARS // 2:
            yield from ((at + start, at + end) for start, end in sentences(line))
        elif line.strip():
            start = len(line) - len(line.lstrip())
            yield at + start, at + len(line.rstrip())
        at += len(line)


@dataclass(frozen=True)
class Cut:
    """What of a sentence can be quoted: `text` from its character `at` on, and how that is shown."""

    at: int
    text: str
    shown: str
    role: Role


def cut(sentence: str, outline: Outline, kind: Kind, names: Container[str] = ()) -> Cut | None:
    """What of a sentence can be quoted; None if it says nothing by itself.

    Args:
        names: words that may begin a sentence in lower case.
    """
    at = _LEAD.match(sentence).end()  # type: ignore[union-attr]
    if kind.clauses and (above := _ABOVE.match(sentence, at)):
        at = above.end()
    whole = _TAIL.sub("", sentence[at:])
    leads_up = whole.endswith(":")
    if (leads_up and not (kind.clauses and length(whole) >= FEWEST_CLIPPED)) or _HOLE.search(whole):
        return None
    if kind.clauses:
        whole = _ITEM_END.sub("", whole).rstrip(":")
    text = _clipped(whole)
    shown = _LOOSE.sub("", " ".join(readable(" ".join(text.split())).split()))
    shown = _DROP_CAPITAL.sub(r"\1", shown)
    if length(shown) < FEWEST_WORDS or not _is_prose(shown, kind) or _is_title(sentence, shown, outline):
        return None
    mail = outline.kind == "mail"  # begins in lower case behind a salutation
    found = Role.QUOTED if mail and sentence.startswith(">") else role(sentence[at:], outline.kind)
    if found in _UNUSABLE or (found is Role.LEGAL and not kind.clauses):
        return None
    if not (mail or _begins(shown, kind, names)):
        return None
    if len(text) < len(whole) or leads_up:
        shown += " ..."
    elif len(whole) < len(sentence) - at and not is_finished(shown):
        shown += ";"
    elif not is_finished(shown) and not kind.fragments:
        return None
    if shown.endswith("?") and not kind.fragments:
        return None
    return Cut(at, text, shown, found)


def _is_title(sentence: str, shown: str, outline: Outline) -> bool:
    """Whether it only names its document, or what stands below it, as a line of a table of contents does."""
    if outline.kind not in ("readme", "table") and shown[0].isupper() and is_titled(shown, share=1.0):
        return True
    if is_finished(shown):
        return False
    named = outline.kind == "minutes" and _NUMBERED.match(sentence) and not _VERB.search(shown.lower())
    return bool(named) or shown.casefold() == outline.title.casefold()


def _begins(shown: str, kind: Kind, names: Container[str]) -> bool:
    """Whether it begins as a sentence does: in lower case only with a name, or where items do."""
    first = shown.split()[0].strip("\"'(\u201c\u2018*_")
    if not first:  # a footnote
        return False
    if not first[:1].islower() or kind.fragments or not first.isalpha():
        return True
    return first in names or _NAMED.match(shown) is not None


def _is_prose(shown: str, kind: Kind) -> bool:
    """Whether most of it is letters, and it is neither a list of names nor a heading in capitals."""
    words, letters = _WORD.findall(shown), len(_LETTERS.findall(shown))
    if "://" in shown and len(words) < FEWEST_BESIDE_URL:
        return False
    if letters < kind.letters * len(shown.replace(" ", "")) or (shown.isupper() and len(words) < 12):
        return False
    capital = sum(word[0].isupper() for word in words)
    return kind.fragments or len(words) < 6 or capital < MOST_CAPITALS * len(words) or shown.isupper()


def _clipped(body: str) -> str:
    """A sentence of readable length: whole, or up to the end of a clause; "" where it has no such end."""
    if length(body) <= MOST_WORDS:
        return body
    for clause in _CLAUSE:
        ends = [match.start() for match in clause.finditer(body)]
        fitting = [end for end in ends if FEWEST_CLIPPED <= length(body[:end]) <= MOST_WORDS]
        if fitting:
            return body[: fitting[-1]]
    return ""


@dataclass(frozen=True)
class Source:
    """What is known of a document whose sentences are candidates."""

    kind: Kind
    outline: Outline
    language: str
    """As `tasks.text.words` calls it."""
    salience: Mapping[int, float] = field(default_factory=dict)
    """Of sentences, by their first character."""


def candidates(pieces: Iterable[Placed], source: Source) -> Iterator[Candidate]:
    """Candidates of a document whose text is given as consecutive pieces, in order."""
    kind, outline = source.kind, source.outline
    names = frozenset(re.findall(r"\w+", outline.title.lower())) - BY_LANGUAGE["english"]
    section, nth = "", 0
    for start, text, whole in spans(prose(pieces, outline), kind):
        path = outline.section_at(start)
        nth = nth if path == section else 0
        section = path
        if whole and (found := cut(text, outline, kind, names)):
            yield Candidate(
                start + found.at,
                start + found.at + len(found.text),
                found.text,
                found.shown,
                section,
                nth,
                source.salience.get(start, 0.0),
                tuple(terms(found.shown, source.language)),
                kind.told_by(f"{section}\n{found.shown}"),
                found.role,
            )
            nth += 1
