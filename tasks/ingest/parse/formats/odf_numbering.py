"""Numbers of list items and headings in OpenDocument: "4.", "(b)", "2.1", as a word processor computes them.

The idea: no text of a document holds them, and people cite by them. Items are counted in reading order by the
levels of their list's style (OpenDocument 1.3, part 3, 5.3 and 16.30 to 16.34).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tasks.ingest.parse.formats.numerals import numeral
from tasks.ingest.parse.zips import attribute, children, local

_BULLET = "- "
_MOST_LEVELS = 10
_FORMS = {
    "1": "decimal", "a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman",
    "一": "chineseCountingThousand", "壹": "chineseLegalSimplified", "①": "decimalEnclosedCircle",
    "ア": "aiueoFullWidth", "イ": "irohaFullWidth", "甲": "ideographTraditional", "子": "ideographZodiac",
    "가": "ganada", "ㄱ": "chosung", "أ": "arabicAlpha", "ก": "thaiLetters", "а": "russianLower",
    "А": "russianUpper", "१": "hindiNumbers", "๑": "thaiNumbers", "１": "decimalFullWidth",
}  # fmt: skip
"""Forms of numbers by the first of them; one that is not known is decimal."""


@dataclass(frozen=True, slots=True)
class _Level:
    """How one level of a list is numbered."""

    form: str
    before: str
    after: str
    shown: int
    """Of how many levels the numbers are said, this one's last."""
    start: int


@dataclass
class _List:
    """A list that is open: its style, and how far each of its levels is counted."""

    style: str
    counts: list[int]


class Lists:
    """The lists of a document, and the chapters that its headings number."""

    def __init__(self, roots: Iterable[Any]) -> None:
        self._styles: dict[str, dict[int, _Level | None]] = {}
        """Levels by number, from 1, of every style of lists; None for a bullet."""
        self._outline: dict[int, _Level | None] = {}
        for root in roots:
            for style in root.iter("{*}list-style"):
                self._styles[attribute(style, "name")] = _levels(style)
            for style in root.iter("{*}outline-style"):
                self._outline = _levels(style)
        self._open: list[_List] = []
        self._last: dict[str, list[int]] = {}
        """Counts of the last list by its style, and of every list by its id."""
        self._chapters: list[int] = []

    def begin(self, element: Any) -> None:
        """A list begins; one inside another is a level of that."""
        style, counts = attribute(element, "style-name"), list[int]()
        if self._open:
            self._open.append(_List(style or self._open[-1].style, self._open[0].counts))
            return
        if attribute(element, "continue-numbering") == "true":
            counts = self._last.get(f"style {style}", counts)
        if before := attribute(element, "continue-list"):
            counts = self._last.get(before, counts)
        self._last[f"style {style}"] = self._last[attribute(element, "id")] = counts
        self._open.append(_List(style, counts))

    def end(self) -> None:
        """The innermost list ends."""
        self._open.pop()

    def item(self, element: Any) -> str:
        """What stands before an item, with a space; "" for one that begins with a list of its own."""
        first = next((local(one) for one in element if local(one)), "")
        if not self._open or first == "list":
            return ""
        levels, at = self._styles.get(self._open[-1].style, {}), len(self._open)
        level = levels.get(at)
        if level is None:
            return _BULLET
        return _label(levels, self._open[-1].counts, at, attribute(element, "start-value"))

    def heading(self, element: Any) -> str:
        """The number of a chapter, with a space; "" for a heading that has none."""
        said = attribute(element, "outline-level", "1")
        at = int(said) if said.isdecimal() and len(said) < 3 else 1
        if self._open or self._outline.get(at) is None or attribute(element, "is-list-header") == "true":
            return ""
        if attribute(element, "restart-numbering") == "true":
            del self._chapters[at - 1 :]
        return _label(self._outline, self._chapters, at, attribute(element, "start-value"))


def _levels(style: Any) -> dict[int, _Level | None]:
    found: dict[int, _Level | None] = {}
    for one in children(style, "list-level-style-number", "list-level-style-bullet", "outline-level-style"):
        at = _number(attribute(one, "level"), 0)
        if 0 < at <= _MOST_LEVELS:
            form = attribute(one, "num-format")
            numbered = local(one) != "list-level-style-bullet"
            found[at] = _Level(
                _FORMS.get(form[:1], "decimal") if form else "",
                attribute(one, "num-prefix"),
                attribute(one, "num-suffix"),
                _number(attribute(one, "display-levels"), 1),
                _number(attribute(one, "start-value"), 1),
            ) if numbered else None  # fmt: skip
    return found


def _label(levels: dict[int, _Level | None], counts: list[int], at: int, start: str) -> str:
    """The number of an item at a level, which is counted."""
    level = levels[at]
    assert level is not None
    for above in range(len(counts) + 1, at):
        one = levels.get(above)
        counts.append(one.start if one else 1)
    del counts[at:]
    if len(counts) < at:
        counts.append(level.start)
    else:
        counts[at - 1] += 1
    counts[at - 1] = _number(start, counts[at - 1])
    if not level.form:
        return ""
    shown = range(max(1, at - level.shown + 1), at + 1)
    forms = ((one, levels.get(one)) for one in shown)
    numbers = [numeral(counts[one - 1], form.form) for one, form in forms if form is not None and form.form]
    said = f"{level.before}{'.'.join(numbers)}{level.after}".strip()
    return f"{said} " if said else ""


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() and len(text) < 10 else default
