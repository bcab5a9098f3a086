"""The drawing process: a file may make the library hang, grow or crash, and then only this process is lost.

Started by `tasks.recall.view.pages.drawer`, which sends one request after the other.
"""

import base64
import ctypes
import io
import resource
import sys
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from tasks.ingest.ipc import Parent
from tasks.ingest.parse.confined import confine
from tasks.recall.view.pages.matched import matched
from tasks.recall.view.pages.messages import WIRE, Draw, Drawn, Mark, NotDrawn, Up

WIDTH = 1200
"""Dots of a picture across."""
MOST_DOTS = 4_000_000
FINE = 10
"""Parts of a point that marks are told in."""


def draw(request: Draw) -> Drawn | NotDrawn:
    """The page that is asked for."""
    try:
        with pdfium.PdfDocument(request.path) as document:
            if not 1 <= request.page <= len(document):
                return NotDrawn(f"the file has {len(document):,} pages")
            document.init_forms()
            page = document[request.page - 1]
            width, height = page.get_size()
            marks = _marks(page, request) if request.words else []
            picture = _picture(page, width, height) if request.with_picture else ""
            return Drawn(width, height, len(document), marks, picture)
    except pdfium.PdfiumError:
        return NotDrawn("the file cannot be drawn")


def _picture(page: Any, width: float, height: float) -> str:
    scale = min(WIDTH / max(width, 1.0), (MOST_DOTS / max(width * height, 1.0)) ** 0.5)
    file = io.BytesIO()
    page.render(scale=scale).to_pil().convert("RGB").save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _marks(page: Any, request: Draw) -> list[Mark]:
    """Rectangles around the words, one a line or more."""
    text = page.get_textpage()
    shown = "".join(chr(raw.FPDFText_GetUnicode(text.raw, at)) for at in range(text.count_chars()))
    found: list[Mark] = []
    for start, count in matched(shown, request.before, request.words):
        for at in range(text.count_rects(start, count)):
            found.append(_shown(page, *text.get_rect(at)))
    return found


def _shown(page: Any, left: float, bottom: float, right: float, top: float) -> Mark:
    """A rectangle of the page's own coordinates as it is shown, turned and cropped."""
    size = [round(FINE * side) for side in page.get_size()]
    corners = [_device(page, size, x, y) for x, y in ((left, top), (right, bottom))]
    (x1, x2), (y1, y2) = (sorted(axis) for axis in zip(*corners, strict=True))
    return x1 / FINE, y1 / FINE, (x2 - x1) / FINE, (y2 - y1) / FINE


def _device(page: Any, size: list[int], x: float, y: float) -> tuple[int, int]:
    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page.raw, 0, 0, *size, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    cap, folder = int(sys.argv[1]), Path(sys.argv[2])
    confine(folder, cap)  # before there is any other thread
    parent = Parent(WIRE)
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    parent.send(Up())
    while True:
        parent.send(draw(parent.receive(Draw)))


if __name__ == "__main__":
    main()
