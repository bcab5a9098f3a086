"""What a cell of a workbook shows: its number by its format, its date in ISO form.

The idea: people look for "1,450" and "12.5 %", not for 1450.0 and 0.125; what decides is the first section of
the number format (ECMA-376, part 1, 18.8.31).
"""

import re
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import NamedTuple

from openpyxl.styles.numbers import is_date_format, is_timedelta_format
from openpyxl.utils.datetime import from_excel

_LITERAL = re.compile(
    r"\[\$(?P<currency>[^\]-]*)[^\]]*\]|\[[^\]]*\]|\"(?P<quoted>[^\"]*)\"|\\(?P<one>.)|_.|\*."
)
_DIGITS = re.compile(r"[#0?][#0?,]*(?P<point>\.[#0?]*)?(?P<scale>,*)")


class _Form(NamedTuple):
    before: str
    after: str
    least: int
    """Decimals that always show."""
    most: int
    grouped: bool
    factor: float


@lru_cache(maxsize=1024)
def _form(code: str) -> _Form | None:
    """How a number format writes a number; None for the plain way."""
    section = code.split(";")[0]
    if section.lower() in ("", "general", "@") or re.search(r"[eE][+-]|/", section):
        return None
    text = _LITERAL.sub(lambda found: found["currency"] or found["quoted"] or found["one"] or "", section)
    digits = _DIGITS.search(text)
    if digits is None:
        return None
    point = digits["point"] or "."
    whole = digits[0].rstrip(",").partition(".")[0]
    scale = len(digits[0]) - len(digits[0].rstrip(","))
    percent = 100.0 if "%" in text else 1.0
    before, after = text[: digits.start()].lstrip(), text[digits.end() :].rstrip()
    return _Form(before, after, point.count("0"), len(point) - 1, "," in whole, percent / 1000**scale)


def number_text(value: float, code: str) -> str:
    """A number as its format shows it."""
    form = _form(code)
    if form is None:
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else f"{value:.15g}"
    shown = f"{abs(value) * form.factor:{',' if form.grouped else ''}.{form.most}f}"
    for _ in range(form.most - form.least):
        shown = shown.removesuffix("0")
    return f"{'-' if value < 0 else ''}{form.before}{shown.rstrip('.')}{form.after}"


def is_date(code: str) -> bool:
    """Whether a number format shows a number as a date, a time or a span of time."""
    return bool(is_date_format(code)) or bool(is_timedelta_format(code))


def date_text(value: float, code: str, epoch: datetime) -> str:
    """A serial number as its date, ISO; the number itself where it is none."""
    try:
        when = from_excel(value, epoch, timedelta=is_timedelta_format(code))
    except (OverflowError, ValueError):
        return number_text(value, "General")
    return iso(when)


def iso(when: datetime | date | time | timedelta | None) -> str:
    """ISO, as short as it can be said: no time at midnight, no seconds that are 0."""
    if isinstance(when, timedelta):
        minutes, seconds = divmod(round(when.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
    if isinstance(when, datetime):
        whole = when.replace(microsecond=0)
        return (
            whole.date().isoformat() if whole.time() == time() else whole.isoformat(" ").removesuffix(":00")
        )
    if isinstance(when, time):
        return when.replace(microsecond=0).isoformat().removesuffix(":00")
    return when.isoformat() if when else ""
