"""PDF, page by page, with pypdfium2. A page of pictures without text is a scan, and says so."""

from collections.abc import Iterator
from pathlib import Path

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from tasks.errors import BadDocument
from tasks.ingest.parse.base import TextSpan, cut
from tasks.settings import ParseConfig


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    """Text of every page. An empty user password is tried by the library itself."""
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise BadDocument("encrypted", "the PDF asks for a password") from error
        raise BadDocument("corrupt", f"not a readable PDF: {error}") from error
    with document:
        found = pictures = False
        for number, page in enumerate(document, 1):
            text = page.get_textpage().get_text_bounded().replace("\r\n", "\n").replace("\0", "\ufffd")
            found = found or bool(text.strip())
            pictures = pictures or any(page.get_objects(filter=(raw.FPDF_PAGEOBJ_IMAGE,)))
            if text:
                yield from cut(text + "\n\n", "page", number)
        if pictures and not found:
            raise BadDocument("scanned_no_ocr", f"{len(document)} page(s) of images without text")
