"""Scanned pages: their words are read where tesseract is installed, and said to be missing where not.

Run: pytest tests/tasks/ingest/formats/test_ocr.py
"""

import shutil
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.errors import BadDocument
from tasks.settings import ParseConfig
from tests.tasks.ingest.formats.reading import document

READS = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def scan(path: Path, *pages: str) -> None:
    """A PDF whose pages are pictures of words."""
    pictures = [Image.new("L", (800, 300), 255) for _ in pages]
    for picture, words in zip(pictures, pages, strict=True):
        ImageDraw.Draw(picture).text((60, 100), words, font=ImageFont.load_default(44), fill=0)
    pictures[0].save(path, save_all=True, append_images=pictures[1:], resolution=150)


@READS
def test_words_of_scanned_pages_are_read_and_stand_on_their_page(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened in May.", "", "It was closed again in June.")
    read = document(tmp_path / "scan.pdf")
    assert read.place("The sluice was opened in May.") == "page 1"
    assert read.place("closed again in June") == "page 3"
    assert read.row["encoding"] == "OCR of pages 1, 3"
    assert read.omitted == {"page without text": 1}


@READS
def test_a_language_that_tesseract_has_not_is_named(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened in May.")
    with pytest.raises(BadDocument, match="tesseract lacks a language of 'xxx'"):
        document(tmp_path / "scan.pdf", ParseConfig(ocr_languages="xxx"))


def test_where_words_are_not_read_a_scan_says_how_they_would_be(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened in May.")
    with pytest.raises(
        BadDocument, match="scanned_no_ocr: 1 page of images without text; they are read where"
    ):
        document(tmp_path / "scan.pdf", ParseConfig(ocr="never"))
