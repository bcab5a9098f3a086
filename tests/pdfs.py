"""PDF files written by hand for tests: what stands where on their pages, and what is noted on them."""

from collections.abc import Sequence
from pathlib import Path

Placed = tuple[float, float, str]
"""Points from the left and from below, and words."""
PICTURE = "\nq {width} 0 0 {height} {x} {y} cm BI /W 1 /H 1 /CS /G /BPC 8 /F /AHx ID 80> EI Q\n"
"""An image of one grey dot, drawn so large."""


def show(*words: Placed, turned: int = 0, spaced: float = 0) -> str:
    """What a page shows: words in Helvetica at 11 points, their lines turned by so many degrees."""
    cos, sin = {0: (1, 0), 90: (0, 1), 180: (-1, 0), 270: (0, -1)}[turned]
    escaped = ((x, y, text.replace("(", r"\(").replace(")", r"\)")) for x, y, text in words)
    return "\n".join(
        f"BT /F1 11 Tf {spaced} Tc {cos} {sin} {-sin} {cos} {x} {y} Tm ({text}) Tj ET"
        for x, y, text in escaped
    )


def picture(x: float, y: float, width: float, height: float) -> str:
    return PICTURE.format(x=x, y=y, width=width, height=height)


def write(
    path: Path,
    pages: Sequence[str],
    rotate: int = 0,
    notes: Sequence[str] = (),
    catalog: str = "",
) -> None:
    """Write a PDF of these pages; `notes` are annotations of the first of them."""
    first = 4 + 2 * len(pages)
    annotations = " ".join(f"{first + at} 0 R" for at in range(len(notes)))
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R {catalog.replace('ANNOTATIONS', annotations)}>>",
        f"<</Type/Pages/Kids[{kids}]/Count {len(pages)}>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for at, content in enumerate(pages):
        noted = f"/Annots[{annotations}]" if notes and at == 0 else ""
        objects.append(
            f"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Rotate {rotate}{noted}"
            f"/Resources<</Font<</F1 3 0 R>>>>/Contents {5 + 2 * at} 0 R>>"
        )
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
    objects += [f"<</Type/Annot{note}>>" for note in notes]
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj{content}\nendobj\n".encode("latin-1")
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    trailer = f"trailer<</Size {len(objects) + 1}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF"
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n"
    path.write_bytes(body + (head + table + trailer).encode())
