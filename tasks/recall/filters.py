"""Filters: which records a recall may return at all, as one SQL condition on values that are only data."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.reader import Memory, quoted
from tasks.text.dates import written
from tasks.text.labels import LABELS

SUMMARY_LEVELS = ("document", "corpus")
SUMMARIES = f"level IN ({quoted(SUMMARY_LEVELS)})"
"""Records that say what whole documents are about."""

_DATE = re.compile(r"\d{4}(?:-\d{2}(?:-\d{2})?)?")


@dataclass(frozen=True)
class Filters:
    """Only records that satisfy all of these; None is no condition, an empty list lets nothing through."""

    levels: Sequence[str] | None = None
    documents: Sequence[str] | None = None
    """Ids of documents."""
    dates: Sequence[str] | None = None
    """Any of these ISO dates, or months ("2024-03") or years in which they lie."""
    entities: Sequence[str] | None = None
    """Any of these names, in any case, or a part of one."""
    labels: Sequence[str] | None = None
    """Any of these labels (`tasks.text.labels`), or the beginning of one."""
    without_labels: Sequence[str] = ()
    """None of these."""

    @property
    def only_levels(self) -> Sequence[str] | None:
        """The levels, where nothing else is asked of a record."""
        return self.levels if self == Filters(self.levels) else None

    def where(self, memory: Memory) -> str | None:
        """The SQL condition; None where everything passes.

        Raises:
            InvalidInput: if a level, a date, a name or a label is none, or records had no such field
                when the memory was made.
        """
        terms = []
        if self.levels is not None:
            terms.append(_any_of("level", _levels(self.levels)))
        if self.documents is not None:
            terms.append(_any_of("document", self.documents))
        if self.dates is not None:
            terms.append(_dated(memory, [_date(date) for date in self.dates]))
        if self.entities is not None:
            terms.append(_within(memory, "entities", [_name(name) for name in self.entities]))
        if self.labels is not None:
            terms.append(_labelled(memory, self.labels))
        if self.without_labels:
            terms.append(f"NOT {_labelled(memory, self.without_labels)}")
        return " AND ".join(terms) or None


def both(one: str | None, other: str) -> str:
    """The condition that two conditions are together."""
    return f"({one}) AND {other}" if one else other


def _levels(levels: Sequence[str]) -> Sequence[str]:
    for level in levels:
        if level not in schema.LEVELS:
            raise InvalidInput(f"level {level!r} is none of {', '.join(schema.LEVELS)}")
    return levels


def _date(date: str) -> str:
    if not _DATE.fullmatch(date) or not written(*map(int, date.split("-"))) == date:
        raise InvalidInput(
            f"date {date!r}: give a year, a month or a day, such as 2024, 2024-03 or 2024-03-05"
        )
    return date


def _name(name: str) -> str:
    if not name.strip():
        raise InvalidInput(f"entity {name!r}: give a name, or a part of one")
    return name.strip().lower()


def _labelled(memory: Memory, labels: Sequence[str]) -> str:
    _check_column(memory, "labels")
    return f"array_has_any(labels, [{quoted([_label(one) for one in labels] or [''])}])"


def _label(given: str) -> str:
    found = [label for label in LABELS if given.strip() and label.startswith(given.strip().lower())]
    if len(found) != 1:
        raise InvalidInput(f"label {given!r} is none of {', '.join(LABELS)}")
    return found[0]


def _any_of(column: str, values: Sequence[str]) -> str:
    return f"{column} IN ({quoted(values or [''])})"


def _dated(memory: Memory, dates: Sequence[str]) -> str:
    """Whether a record is dated one of these, or a day or month in it: each is named, so that an index can
    find it."""
    _check_column(memory, "dates")
    named = [one for date in dates for one in (date, *_inside(date))]
    return f"array_has_any(dates, [{quoted(named or [''])}])"


def _inside(date: str) -> Iterator[str]:
    """Every month and day of a year, or day of a month; a day has none."""
    if len(date) == 4:
        for month in range(1, 13):
            yield f"{date}-{month:02}"
            yield from _inside(f"{date}-{month:02}")
    elif len(date) == 7:
        yield from (f"{date}-{day:02}" for day in range(1, 32))


def _check_column(memory: Memory, column: str) -> None:
    if column not in memory.columns:
        raise InvalidInput(f"this memory was made before records had {column}: read its corpora again")


def _within(memory: Memory, column: str, values: Sequence[str]) -> str:
    """Whether one of the texts of a list holds one of the values."""
    _check_column(memory, column)
    joined = f"lower(concat(' ', array_to_string({column}, ' ')))"
    return "(" + (" OR ".join(f"contains({joined}, {quoted([value])})" for value in values) or "false") + ")"
