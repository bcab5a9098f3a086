"""Numbers of clauses in Word: "4.2", "(a)", "Article IV", as Word computes them from lists and styles.

The idea: no text of a document holds them, and people cite by them. Every paragraph of a numbered list is
counted in reading order, by the rules of ECMA-376, part 1, 17.9.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from docx.oxml.ns import qn

from tasks.ingest.parse.formats.numerals import numeral

_LEVELS = 9
_LONGEST = 100
"""Characters of a label: no person writes a longer one, and it stands before every item."""
_PLACE = re.compile(r"%([1-9])")
_BULLET = "-"
_TICKED = {0xF0FE: "☑", 0xF0FD: "☒", 0xF0A8: "☐", 0xF06F: "☐", 0x2610: "☐", 0x2611: "☑", 0x2612: "☒"}
"""Bullets that say something."""
_OFF = ("0", "false", "off", "none")


@dataclass(frozen=True, slots=True)
class Level:
    """How one level of a list is numbered."""

    start: int
    form: str
    text: str
    """With "%1" where the number of the first level stands, and so on."""
    behind: str
    """What stands between the number and the words."""
    restarts: int
    """It begins anew behind every level of a smaller index than this; 0 is never."""
    legal: bool
    """Whether the numbers of all levels are written in decimal."""


class Numbering:
    """The lists of a document, and how far each is counted."""

    def __init__(self, numbering: Any, styles: Any) -> None:
        self._styles = _by_id(styles, "style", "styleId")
        self._default = next((name for name, one in self._styles.items() if _is_default(one)), "")
        self._abstract = _by_id(numbering, "abstractNum", "abstractNumId")
        self._nums = _by_id(numbering, "num", "numId")
        self._levels: dict[str, list[Level]] = {}
        self._counts: dict[str, list[int | None]] = {}
        """By list, the number of each level; None for one that has not been met since it was restarted."""
        self._inherited: dict[tuple[str, str], tuple[str, int]] = {}
        """List and level by style and by the list that a paragraph names itself."""
        self._begun: set[tuple[str, int]] = set()
        """Levels of which a `w:num` has set the start already."""

    def label(self, paragraph: Any) -> str:
        """What Word writes before a paragraph, with what stands behind it; the paragraph is counted.

        "" for one that is not numbered. To be asked once for each paragraph that is shown, in order.
        """
        name, at = self._place(paragraph)
        levels = self._levels_of(name) if name in self._nums else []
        if at >= len(levels):
            return ""
        level = levels[at]
        if level.form == "bullet":
            sign = next((_TICKED[ord(char)] for char in level.text if ord(char) in _TICKED), _BULLET)
            return f"{sign} "
        counts = self._counted(name, at, levels)

        def number(found: re.Match[str]) -> str:
            one = int(found[1]) - 1
            if one > at or one >= len(levels):
                return ""
            value = counts[one]
            form = "decimal" if level.legal and levels[one].form != "none" else levels[one].form
            return numeral(levels[one].start if value is None else value, form)

        said = _PLACE.sub(number, level.text)
        return said + level.behind if said.strip() else ""

    def _counted(self, name: str, at: int, levels: list[Level]) -> list[int | None]:
        """The numbers of all levels of a list, one paragraph later."""
        counts = self._counts.setdefault(self._list(name), [None] * _LEVELS)
        for one in range(at + 1):
            if (name, one) not in self._begun and _override(self._nums[name], one) is not None:
                counts[one] = None
                self._begun.add((name, one))
        before = counts[at]
        counts[at] = levels[at].start if before is None else before + 1
        for below in range(at + 1, len(levels)):
            if at < levels[below].restarts:
                counts[below] = None
        return counts

    def _place(self, paragraph: Any) -> tuple[str, int]:
        """The list (`w:numId`) that a paragraph is in, and its level there; "" or "0" for none."""
        properties = paragraph.find(qn("w:pPr"))
        name, at, style = "", None, self._default
        if properties is not None:
            name, at = _num(properties)
            style = _value(properties, "pStyle") or self._default
        key = (style, name)
        if key not in self._inherited:
            self._inherited[key] = self._by_style(style, name)
        name, usual = self._inherited[key]
        return name, usual if at is None else at

    def _by_style(self, style: str, name: str) -> tuple[str, int]:
        """List and level of paragraphs of a style; `name` is the list that they name themselves."""
        at: int | None = None
        for one in self._chain(style):
            own = self._styles[one].find(qn("w:pPr"))
            inherited, level = _num(own) if own is not None else ("", None)
            name, at = name or inherited, level if at is None else at
        if name not in self._nums:
            return "", 0
        linked = {_value(one, "pStyle"): int(one.get(qn("w:ilvl"))) for one in self._elements(name)}
        return name, next((linked[one] for one in self._chain(style) if one in linked), at or 0)

    def _chain(self, style: str) -> Iterator[str]:
        """A style and those that it is based on."""
        seen = set[str]()
        while style in self._styles and style not in seen:
            seen.add(style)
            yield style
            style = _value(self._styles[style], "basedOn")

    def _list(self, name: str) -> str:
        """The list (`w:abstractNumId`) that is counted for a `w:num`: several may share one."""
        found = _value(self._nums[name], "abstractNumId") if name in self._nums else ""
        seen = set[str]()
        while found in self._abstract and found not in seen:
            seen.add(found)
            style = self._styles.get(_value(self._abstract[found], "numStyleLink"))
            own = style.find(qn("w:pPr")) if style is not None else None
            linked = _num(own)[0] if own is not None else ""
            if linked not in self._nums:
                break
            found = _value(self._nums[linked], "abstractNumId")
        return found

    def _elements(self, name: str) -> list[Any]:
        """The levels of a list as they are written down."""
        abstract = self._abstract.get(self._list(name))
        found = {} if abstract is None else _by_id(abstract, "lvl", "ilvl")
        if name in self._nums:
            for override in self._nums[name].findall(qn("w:lvlOverride")):
                own = override.find(qn("w:lvl"))
                if own is not None:
                    found[override.get(qn("w:ilvl"), "")] = own
        return [found[name] for name in map(str, range(_LEVELS)) if name in found]

    def _levels_of(self, name: str) -> list[Level]:
        if name not in self._levels:
            written = {one.get(qn("w:ilvl"), ""): one for one in self._elements(name)}
            self._levels[name] = [
                _read(written.get(str(at)), at, _override(self._nums[name], at))
                for at in range(max(map(int, filter(str.isdecimal, written)), default=-1) + 1)
            ]
        return self._levels[name]


def _read(level: Any, at: int, start: int | None) -> Level:
    if level is None:
        return Level(1, "none", "", "", at, False)
    forms = list(level.iter(qn("w:numFmt")))
    form = forms[0].get(qn("w:val"), "decimal") if forms else "decimal"
    if form == "custom":  # "001, 002, 003, ...": said by its first number
        form = "decimalZero" if forms[0].get(qn("w:format"), "").startswith("0") else "decimal"
    hidden = is_on(level.find(f"{qn('w:rPr')}/{qn('w:vanish')}"))
    text = "" if hidden else " ".join(_value(level, "lvlText")[:_LONGEST].split())
    between = {"nothing": "", "space": " "}.get(_value(level, "suff"), " ")
    return Level(
        _number(_value(level, "start"), 0) if start is None else start,
        form,
        text,
        between,
        _number(_value(level, "lvlRestart"), at),
        is_on(level.find(qn("w:isLgl"))),
    )


def is_on(mark: Any) -> bool:
    """Whether a property is there that is on unless it says that it is off."""
    return mark is not None and mark.get(qn("w:val"), "1").lower() not in _OFF


def _num(properties: Any) -> tuple[str, int | None]:
    """List and level that properties of a paragraph name; "" and None where they do not."""
    found = properties.find(qn("w:numPr"))
    if found is None:
        return "", None
    at = _value(found, "ilvl")
    return _value(found, "numId"), min(int(at[:4]), _LEVELS - 1) if at.isdecimal() else None


def _override(num: Any, at: int) -> int | None:
    """The number that a `w:num` has a level begin with; None where it leaves that to its list."""
    for one in num.findall(qn("w:lvlOverride")):
        if one.get(qn("w:ilvl")) == str(at):
            said = _value(one, "startOverride")
            return _number(said, 1) if said else None
    return None


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default


def _value(element: Any, name: str) -> str:
    """The value of a child of that name; "" where there is none."""
    found = element.find(qn(f"w:{name}"))
    return "" if found is None else str(found.get(qn("w:val"), ""))


def _by_id(root: Any, name: str, key: str) -> dict[str, Any]:
    return {} if root is None else {one.get(qn(f"w:{key}"), ""): one for one in root.findall(qn(f"w:{name}"))}


def _is_default(style: Any) -> bool:
    return style.get(qn("w:type")) == "paragraph" and style.get(qn("w:default")) in ("1", "true", "on")
