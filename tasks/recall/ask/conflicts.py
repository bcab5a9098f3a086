"""Conflicts: sources that say the same of a subject with another date, amount or number.

The idea: two statements contradict each other where they cover the same of the question and share most of
their words, but not the exact value that it asks for. Both are shown, each with its document and its date;
which of them holds is for the reader to say.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tasks.recall.ask.question import Asked
from tasks.recall.ask.statements import Statement
from tasks.recall.ask.support import Judged
from tasks.recall.ask.values import Expected, values
from tasks.recall.terms import has, stems
from tasks.text.dates import dates

EXACT: tuple[Expected, ...] = ("date", "duration", "money", "percent", "number")
ALIKE = 0.5
"""Share of the words of two statements, values aside, that they have in common if they are of one subject."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a document is called, and its date; "" where it names none."""

    title: str
    date: str

    def __str__(self) -> str:
        return f"{self.title} ({self.date})" if self.date else self.title


def disagreeing(asked: Asked, best: Judged, others: Sequence[Judged]) -> list[Judged]:
    """Statements of other documents that give another value than the best one, one for every value, the
    likeliest first. What the document of the best one says too is no contradiction of it."""
    found: list[Judged] = []
    document = best.statement.document
    said = {one.statement.text for one in others if one.statement.document == document}
    known = _values(asked, best.statement)
    for other in (one for one in others if one.statement.text not in said):
        told = _values(asked, other.statement)
        if known and told and not known & told and _same_subject(asked, best.statement, other.statement):
            found.append(other)
            known = known | told
    return found


def _values(asked: Asked, one: Statement) -> frozenset[str]:
    kinds: tuple[Expected, ...] = (
        (asked.expects,) if asked.expects in EXACT else ("money", "percent", "duration", "date")
    )
    told = {value.form for kind in kinds for value in values(one.text, kind)}
    return frozenset(form for form in told if form not in asked.text.lower())


def _same_subject(asked: Asked, one: Statement, other: Statement) -> bool:
    """Whether both cover the same terms of the question and are put in much the same words."""
    first, second = _words(one), _words(other)
    terms = [term.stem for term in asked.terms if term.kind != "number"]
    covers = [[has(term, held) for term in terms] for held in (first, second)]
    common = len(first & second) / max(1, min(len(first), len(second)))
    return covers[0] == covers[1] and any(covers[0]) and common >= ALIKE


def _words(one: Statement) -> set[str]:
    """Stems of a statement without its values."""
    text = one.text
    for kind in EXACT:
        for value in reversed(values(text, kind)):
            text = f"{text[: value.start]} {text[value.end :]}"
    return stems(text)


def named(one: Statement) -> Named:
    """The title of a statement's document, or its name, and the most exact date in how it begins."""
    title, _, head = one.head.partition("\n")
    name = str(one.sources[0]["uri"]).rpartition("/")[2]
    told = [date.iso for date in dates(head)]
    return Named(title or name, max(told, key=len, default=""))
