"""Words of a PDF page that nobody sees: drawn in no colour, or in white where nothing dark lies beneath.

The idea: invisible words over a picture are what a scanner read of it, and white ones may stand on a bar or a
photograph; they are hidden only where the page is bare. In doubt a word is read.
"""

import ctypes
from typing import Any

import pypdfium2.raw as raw

_WHITE = 250
"""Of each colour at least, for a white that is not told from paper."""
_INVISIBLE = (raw.FPDF_TEXTRENDERMODE_INVISIBLE, raw.FPDF_TEXTRENDERMODE_CLIP)
_OUTLINED = (
    raw.FPDF_TEXTRENDERMODE_STROKE, raw.FPDF_TEXTRENDERMODE_FILL_STROKE,
    raw.FPDF_TEXTRENDERMODE_STROKE_CLIP, raw.FPDF_TEXTRENDERMODE_FILL_STROKE_CLIP,
)  # fmt: skip
_MOST_OBJECTS = 20_000
"""Objects of a page that are looked at; on one of more, every word is taken as seen."""


class Unseen:
    """What of a page is hidden."""

    def __init__(self, page: Any, textpage: Any) -> None:
        self._page, self._textpage = page, textpage
        self._colour = tuple(ctypes.c_uint() for _ in range(4))
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._painted: list[tuple[float, float, float, float]] | None = None

    def hides(self, at: int) -> bool:
        """Whether a character is not to be seen."""
        red, green, blue, alpha = self._colour
        if not raw.FPDFText_GetFillColor(self._textpage, at, red, green, blue, alpha):
            return False
        mode = raw.FPDFTextObj_GetTextRenderMode(raw.FPDFText_GetTextObject(self._textpage, at))
        white = min(red.value, green.value, blue.value) >= _WHITE or alpha.value == 0
        if mode not in _INVISIBLE and (not white or mode in _OUTLINED):
            return False
        raw.FPDFText_GetCharOrigin(self._textpage, at, self._x, self._y)
        x, y = self._x.value, self._y.value + 1
        return not any(left <= x <= right and low <= y <= high for left, low, right, high in self._dark())

    def _dark(self) -> list[tuple[float, float, float, float]]:
        """Where something is painted that is not white, or may not be."""
        if self._painted is None:
            self._painted = []
            for number, item in enumerate(self._page.get_objects(max_depth=1)):
                if number >= _MOST_OBJECTS:
                    self._painted = [(float("-inf"), float("-inf"), float("inf"), float("inf"))]
                    break
                if item.type != raw.FPDF_PAGEOBJ_TEXT and not self._is_paper(item):
                    self._painted.append(item.get_bounds())
        return self._painted

    def _is_paper(self, item: Any) -> bool:
        """Whether an object leaves the paper as it is: a path that is not filled, or in white."""
        if item.type != raw.FPDF_PAGEOBJ_PATH:
            return False
        fill, stroke = ctypes.c_int(), ctypes.c_int()
        if raw.FPDFPath_GetDrawMode(item, fill, stroke) and not fill.value:
            return True
        red, green, blue, alpha = self._colour
        known = raw.FPDFPageObj_GetFillColor(item, red, green, blue, alpha)
        return bool(known) and min(red.value, green.value, blue.value) >= _WHITE
