"""What was filled in and noted on a PDF page: values of form fields, text boxes, comments."""

import ctypes
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pypdfium2.raw as raw

from tasks.ingest.parse.formats.pdf_layout import Segment

_LINE = 40.0
"""Points: what is higher is a box of several lines."""
_IGNORED = (raw.FPDF_ANNOT_POPUP, raw.FPDF_ANNOT_LINK)
"""A window of another note, and a place to click: they say nothing of their own."""

_PASSWORD = 1 << 13
"""The flag of a field whose value a reader sees as asterisks."""


@dataclass(frozen=True)
class Noted:
    """Text that stands on a page beside what is printed on it."""

    text: str
    stands: bool
    """Whether it stands on the page for all to see, as a value does; a comment is seen when it is opened."""
    x0: float
    x1: float
    y0: float
    y1: float

    @staticmethod
    def turn(x: float, y: float, angle: int) -> tuple[float, float]:
        """A place where lines that run at an angle (degrees, clockwise) run to the right."""
        if angle % 360 == 0:
            return x, y
        cos, sin = math.cos(math.radians(-angle)), math.sin(math.radians(-angle))
        return x * cos + y * sin, y * cos - x * sin

    def turned(self, angle: int) -> "Noted":
        corners = [self.turn(x, y, angle) for x in (self.x0, self.x1) for y in (self.y0, self.y1)]
        xs, ys = [x for x, _ in corners], [y for _, y in corners]
        return replace(self, x0=min(xs), x1=max(xs), y0=min(ys), y1=max(ys))


def noted(page: Any, form: Any, counts: Counter[str]) -> list[Noted]:
    """Everything filled in and noted on a page, in the order in which it was added."""
    found = []
    for at in range(raw.FPDFPage_GetAnnotCount(page)):
        annotation = raw.FPDFPage_GetAnnot(page, at)
        if not annotation:
            continue
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        box = raw.FS_RECTF()
        raw.FPDFAnnot_GetRect(annotation, box)
        text = _text(annotation, kind, form, counts)
        stands = kind in (raw.FPDF_ANNOT_WIDGET, raw.FPDF_ANNOT_FREETEXT)
        if text.strip():
            lines = "\n".join(
                text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd").split("\n")
            )
            found.append(Noted(lines.strip(), stands, box.left, box.right, box.bottom, box.top))
        raw.FPDFPage_CloseAnnot(annotation)
    return found


def _text(annotation: Any, kind: int, form: Any, counts: Counter[str]) -> str:
    if kind in _IGNORED or raw.FPDFAnnot_GetFlags(annotation) & raw.FPDF_ANNOT_FLAG_HIDDEN:
        return ""
    if kind == raw.FPDF_ANNOT_WIDGET:
        if form is not None:
            return _value(annotation, form)
        return _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, b"V", buffer, size))
    if kind == raw.FPDF_ANNOT_FILEATTACHMENT:
        counts["attached file"] += 1
    text = _string(lambda buffer, size: raw.FPDFAnnot_GetStringValue(annotation, b"Contents", buffer, size))
    if kind == raw.FPDF_ANNOT_STAMP and not text:
        counts["stamp"] += 1
    return text


def _value(annotation: Any, form: Any) -> str:
    """What is filled in in a field; a box that is ticked is "[x]"."""
    kind = raw.FPDFAnnot_GetFormFieldType(form, annotation)
    if kind in (raw.FPDF_FORMFIELD_CHECKBOX, raw.FPDF_FORMFIELD_RADIOBUTTON):
        return "[x]" if raw.FPDFAnnot_IsChecked(form, annotation) else ""
    if kind in (raw.FPDF_FORMFIELD_PUSHBUTTON, raw.FPDF_FORMFIELD_SIGNATURE):
        return ""
    if kind == raw.FPDF_FORMFIELD_TEXTFIELD and raw.FPDFAnnot_GetFormFieldFlags(form, annotation) & _PASSWORD:
        return ""

    def label(at: int) -> str:
        return _string(lambda buffer, size: raw.FPDFAnnot_GetOptionLabel(form, annotation, at, buffer, size))

    chosen = [
        label(at)
        for at in range(max(0, raw.FPDFAnnot_GetOptionCount(form, annotation)))
        if raw.FPDFAnnot_IsOptionSelected(form, annotation, at)
    ]
    if chosen:
        return ", ".join(chosen)
    return _string(lambda buffer, size: raw.FPDFAnnot_GetFormFieldValue(form, annotation, buffer, size))


def _string(ask: Callable[[Any, int], int]) -> str:
    """A string of the library, which first says how many bytes it has (UTF-16 with a NUL at its end)."""
    size = int(ask(None, 0))
    if size <= 2:
        return ""
    buffer = (ctypes.c_ushort * (size // 2))()
    ask(buffer, size)
    return bytes(buffer).decode("utf-16-le", "replace").rstrip("\0")


def insert(rows: list[list[Segment]], notes: Sequence[Noted]) -> list[list[Segment]]:
    """The rows with what was filled in, each value in the row it stands in, or in one of its own."""
    found = [list(row) for row in rows]
    for note in notes:
        height, lines = note.y1 - note.y0, note.text.split("\n")
        is_line = len(lines) == 1 and height <= _LINE
        y = note.y0 + height / 4 if is_line else note.y1 - min(height / 2, _LINE / 2)
        for line in reversed(lines):
            one = Segment(line, note.x0, note.x1, y, min(height, _LINE / 2), -1)
            found = _inserted(found, one, note) if is_line else _below(found, one)
    return found


def _inserted(rows: list[list[Segment]], one: Segment, note: Noted) -> list[list[Segment]]:
    beside = [row for row in rows if any(note.y0 - 2 <= other.y <= note.y1 for other in row)]
    if not beside:
        return _below(rows, one)
    row = min(beside, key=lambda row: min(abs(one.y - other.y) for other in row))
    at = sum(other.x0 <= one.x0 for other in row)
    row.insert(at, one)
    row[at] = replace(one, y=row[max(0, at - 1)].y)
    return rows


def _below(rows: list[list[Segment]], one: Segment) -> list[list[Segment]]:
    """With a row of its own, below the last row that stands above it."""
    above = [at for at, row in enumerate(rows) if row[0].y > one.y]
    at = above[-1] + 1 if above else 0
    return [*rows[:at], [one], *rows[at:]]
