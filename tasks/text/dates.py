"""Dates in a text by rule, as ISO 8601 with the precision they were written in: 2024, 2024-03, 2024-03-05.

A date needs its year. Numeric forms count only where day and month cannot be exchanged.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from typing import NamedTuple


class Dated(NamedTuple):
    """A date as written in text[start:end]."""

    start: int
    end: int
    iso: str


_NAMES = (
    "january jan januar jänner janvier enero gennaio janeiro जनवरी يناير январь января",
    "february feb februar février fevrier febrero febbraio fevereiro फरवरी فبراير февраль февраля",
    "march mar märz maerz mars marzo março मार्च مارس март марта",
    "april apr avril abril aprile अप्रैल أبريل апрель апреля",
    "may mai mayo maggio maio मई مايو май мая",
    "june jun juni juin junio giugno junho जून يونيو июнь июня",
    "july jul juli juillet julio luglio julho जुलाई يوليو июль июля",
    "august aug août aout agosto अगस्त أغسطس август августа",
    "september sep sept septembre septiembre settembre setembro सितंबर سبتمبر сентябрь сентября",
    "october oct oktober okt octobre octubre ottobre outubro अक्टूबर أكتوبر октябрь октября",
    "november nov novembre noviembre novembro नवंबर نوفمبر ноябрь ноября",
    "december dec dezember dez décembre decembre diciembre dicembre dezembro दिसंबर ديسمبر декабрь декабря",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
MONTH = "|".join(sorted(MONTHS, key=len, reverse=True))

_DAY = r"(?P<{0}>0?[1-9]|[12]\d|3[01])"
_YEAR = r"(?P<{0}>1[5-9]\d\d|20\d\d)(?!\d)"
_BIG_YEAR = r"(?P<{0}>1[89]\d\d|20\d\d)(?!\d)"
_DATE = re.compile(
    # 2024-03-05, 2024/3/5, 2024年3月5日
    rf"(?<![A-Za-z\d_.,/-]){_YEAR.format('y1')}(?:(?P<sep>[-/.])(?P<m1>\d\d?)(?P=sep){_DAY.format('d1')}(?![\d/]"
    rf"|-\d)"
    rf"|\s?年\s?(?P<m2>\d\d?)\s?月(?:\s?{_DAY.format('d2')}\s?日)?|\s?年|-(?P<m3>\d\d)(?![\w-]))"
    # 24/09/2018, 24.9.2018
    rf"|(?<![A-Za-z\d_.,/-])(?P<n1>\d\d?)(?P<sep2>[-/.])(?P<n2>\d\d?)(?P=sep2){_YEAR.format('y2')}(?![/-])"
    # 5 March 2024, 20th day of November, 2018, 5. März 2024, 1er mars 2024, 5 de marzo de 2024
    rf"|(?<![A-Za-z\d_.,/-]){_DAY.format('d3')}(?:\s?(?:st|nd|rd|th|t h|er|º|\.))?(?:\s{{1,4}}day)?"
    rf"(?:\s{{1,4}}(?:of|de))?[\s-]{{1,4}}(?P<b1>{MONTH})\.?,?(?:\s{{1,4}}(?:of|de"
    rf"|del))?[\s-]{{1,4}}{_YEAR.format('y3')}"
    # March 5th, 2024; March 5-7, 2024
    rf"|(?<!\w)(?P<b2>{MONTH})\.?\s{{1,4}}{_DAY.format('d4')}(?:\s?(?:st|nd|rd|th|t h))?"
    rf"(?:\s?[-\u2013]\s?\d\d?)?(?:\s?,\s{{0,4}}|\s{{1,4}}){_YEAR.format('y4')}"
    # March 2024, marzo de 2024
    rf"|(?<!\w)(?P<b3>{MONTH})\.?,?(?:\s{{1,4}}(?:of|de|del))?\s{{1,4}}{_YEAR.format('y5')}"
    # 2024
    rf"|(?<![A-Za-z\d_.,/$€£#¥-]){_BIG_YEAR.format('y6')}(?![A-Za-z\d_%-]|[.,/]\d)",
    re.IGNORECASE,
)


_ANY_YEAR = re.compile(r"(?<!\d)(?:1[5-9]|20)\d\d(?!\d)")
_BEGINS = re.compile(r"(?<![A-Za-z\d])[^\W_]")
_BEFORE, _AFTER = 36, 12  # the rest of a date lies that near its year


_DIGITS = {sign: value for value, sign in enumerate("\u3007一二三四五六七八九")} | {"零": 0, "○": 0}
_HAN = "".join(_DIGITS)
_HAN_DATE = re.compile(
    rf"(?<![{_HAN}])(?P<year>[一二][{_HAN}]{{3}})年"
    r"(?:(?P<month>十[一二]?|[一二三四五六七八九])月(?:(?P<day>[二三]?十[一二三四五六七八九]?|廿[一二三四五六七八九]?"
    r"|[一二三四五六七八九])日)?)?"
)
"""In Chinese numerals: a sign for each digit of the year, month and day in tens and ones."""


def dates(text: str) -> list[Dated]:
    """The dates of a text in order; what is no day of the calendar, or could be two, is left out."""
    return sorted([*_in_figures(text), *_in_han(text)])


def _in_han(text: str) -> Iterator[Dated]:
    for match in _HAN_DATE.finditer(text):
        year = int("".join(str(_DIGITS[sign]) for sign in match["year"]))
        iso = written(year, _tens(match["month"] or ""), _tens(match["day"] or ""))
        if 1500 <= year < 2100 and iso:
            yield Dated(match.start(), match.end(), iso)


def _tens(numeral: str) -> int:
    """A number below 40 in Chinese numerals, 0 for ""."""
    tens, ten, ones = numeral.replace("廿", "二十").rpartition("十")
    return (_DIGITS[tens] if tens else len(ten)) * 10 + (_DIGITS[ones] if ones else 0)


def _in_figures(text: str) -> list[Dated]:
    found: list[Dated] = []
    done = 0
    for year in _ANY_YEAR.finditer(text):
        if year.start() < done:
            continue
        start, stop = max(done, year.start() - _BEFORE), year.end() + _AFTER
        begins = (word.start() for word in _BEGINS.finditer(text, start, year.start() + 1))
        tried = (_DATE.match(text, at, stop) for at in begins)
        match = next((one for one in tried if one and one.end() >= year.end()), None)
        done = year.end()
        if match:
            done = match.end()
            if iso := _iso(match):
                found.append(Dated(match.start(), match.end(), iso))
    return found


def _iso(match: re.Match[str]) -> str:
    part = {name: value for name, value in match.groupdict().items() if value is not None}
    year = int(next(value for name, value in part.items() if name.startswith("y")))
    day = next((int(value) for name, value in part.items() if name.startswith("d")), 0)
    if name := next((part[key] for key in ("b1", "b2", "b3") if key in part), ""):
        return written(year, MONTHS[name.lower()], day)
    if "n1" in part:
        return _numeric(int(part["n1"]), int(part["n2"]), year, part["sep2"])
    month = next((int(part[key]) for key in ("m1", "m2", "m3") if key in part), 0)
    if "m3" in part and month == (year + 1) % 100:  # 2004-05 may be a fiscal year
        return ""
    return written(year, month, day)


def _numeric(first: int, second: int, year: int, separator: str) -> str:
    """Day before month with dots; else only where one of the two cannot be a month."""
    if separator == "." or first > 12 or first == second:
        return written(year, second, first)
    return written(year, first, second) if second > 12 else ""


def written(year: int, month: int = 0, day: int = 0) -> str:
    """ISO of a date of that precision (0 for none), "" if the calendar has no such day."""
    if month > 12 or (day and not 1 <= day <= monthrange(year, month or 1)[1]):
        return ""
    return f"{year:04}" + (f"-{month:02}" if month else "") + (f"-{day:02}" if month and day else "")
