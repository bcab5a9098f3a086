"""Where sentences lie in a text, in many scripts: spans of characters, never copies that could drift."""

import re
from collections.abc import Iterable, Iterator

from tasks.text.dates import MONTH

Span = tuple[int, int]

SENTENCE_CHARS = 600
"""A run without an end is cut here, at white space if there is some."""

_ABBREVIATION = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Messrs|Dr|Prof|St|Gov|Sen|Rep|Gen|Col|Lt|Rev|Hon|Inc|Ltd|Co|Corp|vs|etc|cf|al"
    r"|ca"
    r"|approx|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|Sr|Sra|Mme|Mlle|bzw|vgl|Abs)"
    r"|\b(?:e\.g|i\.e|U\.S|z\. ?B|d\. ?h|u\. ?a))\.$"
)
_BEFORE_NUMBER = re.compile(r"\b(?:Nos?|Nr|Secs?|Arts?|Figs?|Eqs?|pp?)\.$", re.IGNORECASE)
_NUMBERING = re.compile(r"\W*+(?:\d+|[a-zA-Z]|[ivxIVX]+)[.)．]+$")
_ORDINAL = re.compile(r"(?<!\w)\d{1,2}\.$")  # German: "am 5. März"
_MONTH_NEXT = re.compile(rf"\s(?:{MONTH})(?!\w)", re.IGNORECASE)
_LETTER = re.compile(r"(?<!\w)[^\W\d_]\.$")
_LETTER_NEXT = re.compile(r"\s[^\W\d_]\.(?!\w)")  # "z. B."
_ELLIPSIS = re.compile(r"(?:\.\.\.|…)[\"'”’)\]]*$")
_LOOK_BACK = 16  # longer than any abbreviation or clause number

_CLOSING = "\"'”’“)\\]»›"
_CLOSING_WIDE = "”’」』】）》〉"
# Possessive, and begun only where a run begins: a megabyte of dots or line ends costs one pass.
_END = re.compile(
    rf"(?<![.!?…؟۔։።])[.!?…؟۔։።]++[{_CLOSING}{_CLOSING_WIDE}]*+(?:[^\S\n]»)?+(?=\s)"
    rf"|[।॥။។]++(?:[०-९\d]{{1,4}}+॥)?[{_CLOSING}]*+"
    rf"|(?:[。！？｡]|(?<!\d)．|．(?!\d))++[…。！？]*+[{_CLOSING_WIDE}]*+"
)
_FINISHED = re.compile(rf"[.!?…؟۔։።।॥။។。！？｡．][{_CLOSING}{_CLOSING_WIDE}]*+$")
_NO_SPACE = re.compile("([。！？｡」』]) ")
_UNMARKED = re.compile("[\u0e01-\u0e4e\u0e81-\u0ece]")
_CLAUSES = 40
"""Characters of Thai or Lao that are more than a heading."""
_UNMARKED_CHARS = 300
"""There a run is cut at white space sooner than elsewhere."""
_BREAK = re.compile(
    r"\n[^\S\n]*+\n"  # a blank line
    r"|(?<=[{};:])\n"  # the end of a line of code, of a clause, of a heading
    r"|\n(?=[ \t]*+[#>|])"  # before a heading, a quotation, a table row
    r"|\n(?=[ \t]*+(?:[-*\u2022]|\d+[.)]|\((?:[a-z]|[ivx]+|\d+)\))\s)"  # before an item
)


def sentences(text: str, longest: int = SENTENCE_CHARS) -> list[Span]:
    """Spans of the sentences of `text`, in order, without the white space around them.

    Blank lines, lines of code and list items end a sentence too; abbreviations and clause numbers do not.
    Every character that is not white space lies in exactly one span, none of more than `longest` characters.
    """
    spans: list[Span] = []
    start = 0
    for piece_end in [*(match.start() for match in _BREAK.finditer(text)), len(text)]:
        for end in _ends(text, start, piece_end):
            spans += _bounded(text, start, end, longest)
            start = end
    return spans


def is_finished(sentence: str) -> bool:
    """Whether it ends as a sentence does, and was not cut off. Thai and Lao have no mark for that: there some
    clauses, a space between them, are as good."""
    if _FINISHED.search(sentence):
        return True
    unmarked = len(sentence) >= _CLAUSES and _UNMARKED.match(sentence[-1]) is not None
    return unmarked and any(char.isspace() for char in sentence)


def joined(some: Iterable[str]) -> str:
    """Sentences as one paragraph: a blank between two, none after a full stop of Chinese or Japanese."""
    return _NO_SPACE.sub(r"\1", " ".join(some))


def _ends(text: str, start: int, stop: int) -> Iterator[int]:
    """Where sentences end inside text[start:stop], `stop` last."""
    for match in _END.finditer(text, start, stop):
        if not _goes_on(text, start, match.end()):
            yield match.end()
            start = match.end()
    yield stop


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether the stop before `end` belongs to an abbreviation or to a clause number."""
    tail = text[max(start, end - _LOOK_BACK) : end]
    if end - start <= _LOOK_BACK and _NUMBERING.match(tail):
        return True
    if _BEFORE_NUMBER.search(tail):
        return text[end : end + 2].strip()[:1].isdigit()
    if _ELLIPSIS.search(tail):
        return text[end : end + 2].strip()[:1].islower()
    if _LETTER.search(tail) and _LETTER_NEXT.match(text, end):
        return True
    if _ORDINAL.search(tail) and _MONTH_NEXT.match(text, end):
        return True
    return _ABBREVIATION.search(tail) is not None


def _bounded(text: str, start: int, end: int, longest: int) -> Iterator[Span]:
    """text[start:end] without outer white space, in spans of at most `longest`, cut at white space if any."""
    start, end = _trim(text, start, end)
    if end - start > _UNMARKED_CHARS and _UNMARKED.match(text, start):
        longest = min(longest, _UNMARKED_CHARS)
    while end - start > longest:
        limit = start + longest
        stop = next((at for at in range(limit, start, -1) if text[at].isspace()), limit)
        yield _trim(text, start, stop)
        start, end = _trim(text, stop, end)
    if start < end:
        yield start, end


def _trim(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
