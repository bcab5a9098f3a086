"""What a cell of a workbook shows: its number by its format, its date in ISO form.

The idea: people look for "1,450" and "12.5 %", not for 1450.0 and 0.125; what decides is the section of the
number format that is for such a number (ECMA-376, part 1, 18.8.31). A negative one keeps its sign unless its
section says it in words: what is only red or in brackets there is found by nobody.
"""

import operator
import re
from collections.abc import Callable, Mapping
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
    whole: int
    """Digits before the point that always show."""


_CONDITION = re.compile(r"(?:\[[^\]<>=]*\])*\[(<=|>=|<>|<|>|=)(-?[0-9.]{1,20})\]")
_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<>": operator.ne, "<": operator.lt, ">": operator.gt,
    "=": operator.eq,
}  # fmt: skip
_GROUPS = re.compile(r"([^0#]*)([0#]+(?:[^0#.,?%]+[0#]+)+)([^0#]*)")
"""Digits in groups, such as those of a telephone number."""


def _section(value: float, code: str) -> tuple[str, bool]:
    """The section of a number format that is for a number, and whether it says itself that it is negative."""
    sections = code.split(";")
    conditions = [_CONDITION.match(one) for one in sections[:2]]
    if any(conditions):
        for section, condition in zip(sections, conditions, strict=False):
            if condition is None or _HOLDS[condition[1]](value, _float(condition[2])):
                return section, False
        return sections[min(2, len(sections) - 1)], False
    if value == 0 and len(sections) > 2:
        return sections[2], False
    if value < 0 and len(sections) > 1 and re.search(r"[^\W\d_]", _shown(sections[1])):
        return sections[1], True
    return sections[0], False


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _shown(section: str) -> str:
    """A section with its literal characters as they show."""
    return _LITERAL.sub(lambda found: found["currency"] or found["quoted"] or found["one"] or "", section)


def _in_groups(value: float, groups: str) -> str:
    """A whole number whose digits stand among other characters; those too many stand at its beginning."""
    digits = list(f"{abs(value):.0f}")
    found = []
    for char in reversed(groups):
        if char in "0#":
            found.append(digits.pop() if digits else "0" * (char == "0"))
        elif digits or "0" in groups:
            found.append(char)
    first = next((at for at in range(len(found) - 1, -1, -1) if found[at].isdigit()), 0)
    return "".join(reversed([*found[: first + 1], *reversed(digits), *found[first + 1 :]]))


@lru_cache(maxsize=1024)
def _form(section: str) -> _Form | None:
    """How a section of a number format writes a number; None for the plain way."""
    if section.lower() in ("", "general", "@") or re.search(r"[eE][+-]|/", section):
        return None
    text = _shown(section)
    digits = _DIGITS.search(text)
    if digits is None:
        return None
    point = digits["point"] or "."
    whole = digits[0].rstrip(",").partition(".")[0]
    scale = len(digits[0]) - len(digits[0].rstrip(","))
    percent = 100.0 if "%" in text else 1.0
    before, after = text[: digits.start()].lstrip(), text[digits.end() :].rstrip()
    return _Form(
        before, after, point.count("0"), len(point) - 1, "," in whole, percent / 1000**scale, whole.count("0")
    )


def number_text(value: float, code: str) -> str:
    """A number as its format shows it."""
    section, signed = _section(value, code)
    text = _shown(section).replace("?", "").strip()
    if text and not re.search("[0#@]|general", text, re.I) and not signed:  # a word in place of the number
        return text
    sign = "-" if value < 0 and not signed else ""
    if "." not in text and (groups := _GROUPS.fullmatch(text)) and "/" not in section:
        return f"{sign}{groups[1]}{_in_groups(value, groups[2])}{groups[3]}"
    form = _form(section)
    if form is None:
        whole = value.is_integer() and abs(value) < 1e15
        return str(int(value)) if whole else f"{value:.15g}"
    shown = f"{abs(value) * form.factor:{',' if form.grouped else ''}.{form.most}f}"
    for _ in range(form.most - form.least):
        shown = shown.removesuffix("0")
    before, point, behind = shown.rstrip(".").partition(".")
    shown = f"{before if form.grouped else before.zfill(form.whole)}{point}{behind}"
    sign = sign if re.search("[1-9]", shown) else ""
    return f"{sign}{form.before}{shown}{form.after}"


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
