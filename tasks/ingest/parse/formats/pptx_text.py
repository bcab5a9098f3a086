"""Paragraphs of a shape: items with the numbers that a slide shows, raised digits, formulas in a line."""

import re
from collections.abc import Iterator
from typing import Any

from tasks.ingest.parse.formats.docx_math import linear
from tasks.ingest.parse.formats.numerals import numeral, superscript
from tasks.ingest.parse.zips import attribute, children, local

_FORMS = {
    "arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman",
    "romanUc": "upperRoman", "circleNum": "decimalEnclosedCircle", "ea1Chs": "chineseCountingThousand",
    "ea1Cht": "chineseCountingThousand", "ea1Jpn": "chineseCountingThousand", "thaiAlpha": "thaiLetters",
    "thaiNum": "thaiNumbers", "hindiNum": "hindiNumbers", "arabicDb": "decimalFullWidth",
}  # fmt: skip
"""Forms of numbers by the beginning of what a slide calls them; one that is not known is decimal."""
_AROUND = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Minus": "-{}-"}


def paragraphs(frame: Any) -> Iterator[str]:
    """Lines of a shape; several paragraphs are items of a list."""
    said = [(one.level, " ".join(text_of(one._p).split()), one._p) for one in frame.paragraphs]
    said = [one for one in said if one[1]]
    numbers = _Numbers()
    for level, text, paragraph in said:
        number = numbers.label(paragraph, level)
        if number:
            yield f"{'  ' * level}{number} {text}"
        else:
            yield f"{'  ' * level}- {text}" if len(said) > 1 else text


def text_of(paragraph: Any) -> str:
    """Text of a paragraph."""
    return "".join(_pieces(paragraph))


def _pieces(element: Any) -> Iterator[str]:
    for child in element:
        name = local(child)
        if name in ("r", "fld"):
            text = "".join(one.text or "" for one in children(child, "t"))
            high = any(re.match("[1-9]", attribute(one, "baseline")) for one in children(child, "rPr"))
            yield superscript(text) if high else text
        elif name == "br":
            yield " "
        elif name == "oMath":
            yield linear(child)
        elif name in ("m", "oMathPara", "AlternateContent", "Choice"):
            yield from _pieces(child)


class _Numbers:
    """How far the items of a shape are counted."""

    def __init__(self) -> None:
        self._counts: list[tuple[str, int]] = []
        """Form and number by level."""

    def label(self, paragraph: Any, level: int) -> str:
        """The number of an item; "" for one without."""
        marks = [one for about in children(paragraph, "pPr") for one in children(about, "buAutoNum")]
        del self._counts[level + 1 :]
        self._counts += [("", 0)] * (level + 1 - len(self._counts))
        if not marks:
            self._counts[level] = ("", 0)
            return ""
        kind, start = attribute(marks[0], "type"), attribute(marks[0], "startAt", "1")
        key, number = f"{kind} {start}", int(start) if start.isdecimal() and len(start) < 6 else 1
        if self._counts[level][0] == key:
            number = self._counts[level][1] + 1
        self._counts[level] = (key, number)
        form = next((form for name, form in reversed(_FORMS.items()) if kind.startswith(name)), "decimal")
        around = next((around for name, around in _AROUND.items() if kind.endswith(name)), "{}")
        return around.format(numeral(number, form))
