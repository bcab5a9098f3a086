"""The time that a question asks about: "last March", "between May and July 2022", "three weeks ago" as days.

Everything is relative to a day that the caller names, so that an answer can be had again later.
"""

import re
from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

from tasks.text.dates import MONTH, MONTHS, dates


class Period(NamedTuple):
    """Days from the first to the last, both included, in ISO; "" where it is open."""

    first: str
    last: str

    def holds(self, iso: str) -> bool:
        """Whether a date of any precision lies in it, in part at least."""
        first, last = days_of(iso)
        return (not self.first or last >= self.first) and (not self.last or first <= self.last)


def days_of(iso: str) -> Period:
    """First and last day of an ISO date of any precision.

    Raises:
        ValueError: if it is none.
    """
    year, month, day = ([int(part) for part in iso.split("-")] + [0, 0])[:3]
    last = day or monthrange(year, month or 12)[1]
    return Period(date(year, month or 1, day or 1).isoformat(), date(year, month or 12, last).isoformat())


_COUNT = {
    name: number
    for number, names in enumerate("a an one|two|three|four|five|six|seven|eight|nine|ten".split("|"), 1)
    for name in names.split()
} | {"a couple of": 2, "a few": 3}
_NUMBER = r"\d{1,3}|" + "|".join(sorted(_COUNT, key=len, reverse=True))
_UNIT = "day|week|month|year"
_WEEKDAYS = "monday|tuesday|wednesday|thursday|friday|saturday|sunday"
_AGO = re.compile(rf"\b(?P<count>{_NUMBER})\s+(?P<unit>{_UNIT})s?\s+ago\b")
_PAST = re.compile(rf"\bthe\s+(?:last|past|previous)\s+(?P<count>{_NUMBER})\s+(?P<unit>{_UNIT})s?\b")
_NAMED = re.compile(rf"\b(?P<which>last|this|previous|current|next|past)\s+(?P<unit>{_UNIT}|{_WEEKDAYS})\b")
_DAY = re.compile(r"\b(?P<day>today|yesterday|day before yesterday|tomorrow)\b")
_MONTH = re.compile(
    r"\b(?P<which>last|this|next|in|during|since|before|after|until|till|by|from|between|and|of|to|early|late"
    rf"|mid)[\s-]+(?P<month>{MONTH})\b(?!\.?,?\s+(?:of\s+)?\d)"
)
_BETWEEN = re.compile(
    r"\b(?:between|from)\b(?P<one>.{2,40}?)\b(?:and|to|until|till|through)\b(?P<two>.{2,40})"
)
_LOOK_BACK = 60  # characters, more than any words before a date that belong to it
_AHEAD = 50  # years; what lies further ahead is no date
_UNITS_BEFORE = re.compile(
    rf"\b(?P<count>the|{_NUMBER})\s+(?P<unit>{_UNIT})(?:end)?s?\s+before\s+(?:the\s+)?$"
)
_OPEN = re.compile(
    r"\b(?P<word>since|after|before|until|till|prior to|from|as of)"
    r"\s+(?:the\s+(?:end|start|beginning)\s+of\s+)?$"
)


def resolve(question: str, today: date) -> list[Period]:
    """The periods that a question asks about, in the order of its words; [] if it names none.

    A month without a year is the last one that has begun.
    """
    low = " ".join(question.lower().split())
    if (both := _BETWEEN.search(low)) and (period := _between(both["one"], both["two"], today)):
        return [period]
    found = sorted([*_absolute(low), *_relative(low, today), *_months(low, today)])
    kept: list[tuple[int, int, Period]] = []
    for start, end, period in found:
        if not kept or start >= kept[-1][1]:
            kept.append((start, end, _opened(low, start, period)))
    return [period for *_, period in kept if period.first[:4] <= str(today.year + _AHEAD)]


def _absolute(low: str) -> list[tuple[int, int, Period]]:
    """Dates; "two weeks before 5 May 2023" is all the time from then to that day."""
    found = []
    for one in dates(low):
        period = days_of(one.iso)
        if before := _UNITS_BEFORE.search(low, max(0, one.start - _LOOK_BACK), one.start):
            day = _back(date.fromisoformat(period.first), _count(before["count"]), before["unit"])
            found.append((before.start(), one.end, Period(day.isoformat(), period.last)))
        else:
            found.append((one.start, one.end, period))
    return found


def _between(one: str, two: str, today: date) -> Period | None:
    """From the one to the other; the first takes its year from the second."""
    last = [*_absolute(two), *_months(f"and {two.strip()}", today)]
    if not last:
        return None
    end = last[0][2]
    dated = _absolute(one) or _absolute(f"{one.strip()} {end.last[:4]}")
    first = dated or _months(f"and {one.strip()}", today)
    if not first or first[0][2].first > end.last:
        return None
    return Period(first[0][2].first, end.last)


def _relative(low: str, today: date) -> list[tuple[int, int, Period]]:
    found = []
    for match in _AGO.finditer(low):
        day = _back(today, _count(match["count"]), match["unit"])
        found.append((*match.span(), _around(day, match["unit"])))
    for match in _PAST.finditer(low):
        day = _back(today, _count(match["count"]), match["unit"])
        found.append((*match.span(), Period(day.isoformat(), today.isoformat())))
    for match in _NAMED.finditer(low):
        found.append((*match.span(), _named(match["which"], match["unit"], today)))
    for match in _DAY.finditer(low):
        away = {"today": 0, "yesterday": -1, "day before yesterday": -2, "tomorrow": 1}[match["day"]]
        found.append((*match.span(), _around(today + timedelta(away), "day")))
    return found


def _months(low: str, today: date) -> list[tuple[int, int, Period]]:
    """Months without a year, behind a word that says that a month is meant: "may" may be another word."""
    found = []
    for match in _MONTH.finditer(low):
        month = MONTHS[match["month"]]
        begun = month < today.month or (month == today.month and match["which"] != "last")
        year = today.year - (not begun)
        if match["which"] == "next":
            year = today.year + (month <= today.month)
        found.append((match.start("month"), match.end(), days_of(f"{year:04}-{month:02}")))
    return found


def _opened(low: str, start: int, period: Period) -> Period:
    """The period at `start` as the word before it opens it: since 2021, before May."""
    match = _OPEN.search(low, max(0, start - _LOOK_BACK), start)
    word = match["word"] if match else ""
    if word in ("since", "from", "as of"):
        return Period(period.first, "")
    if word == "after":
        return Period((date.fromisoformat(period.last) + timedelta(1)).isoformat(), "")
    if word in ("before", "prior to"):
        return Period("", (date.fromisoformat(period.first) - timedelta(1)).isoformat())
    return Period("", period.last) if word in ("until", "till") else period


def _named(which: str, unit: str, today: date) -> Period:
    """This, the last or the next week, month, year or weekday."""
    step = {"next": 1, "this": 0, "current": 0}.get(which, -1)
    if unit in _WEEKDAYS.split("|"):
        since = (today.weekday() - _WEEKDAYS.split("|").index(unit)) % 7
        return _around(today + timedelta({1: 7 - since, 0: -since % 7, -1: -(since or 7)}[step]), "day")
    return _around(_back(today, -step, unit), unit)


def _count(word: str) -> int:
    return int(word) if word.isdigit() else _COUNT.get(word, 1)


def _back(day: date, count: int, unit: str) -> date:
    """The day so many units earlier, the last of its month where that month is shorter."""
    if unit in ("day", "week"):
        return day - timedelta(count * (7 if unit == "week" else 1))
    months = day.year * 12 + day.month - 1 - count * (12 if unit == "year" else 1)
    year, month = max(1, months // 12), months % 12 + 1
    return date(year, month, min(day.day, monthrange(year, month)[1]))


def _around(day: date, unit: str) -> Period:
    """The day, week (from Monday), month or year that holds a day."""
    if unit == "week":
        monday = day - timedelta(day.weekday())
        return Period(monday.isoformat(), (monday + timedelta(6)).isoformat())
    return days_of(day.isoformat()[: {"day": 10, "month": 7, "year": 4}[unit]])
