"""Scanned pages: their words are read where tesseract is installed, and said to be missing where not.

Run: pytest tests/tasks/ingest/formats/test_ocr.py
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from tasks.errors import BadDocument
from tasks.ingest.discover import discover
from tasks.ingest.omitted import remark
from tasks.ingest.parse import parse_all
from tasks.ingest.parse.ocr import could_read_more
from tasks.ingest.parse.parser import end_idle
from tasks.settings import ParseConfig, StorageConfig
from tests.pdfs import picture, show, write
from tests.tasks.ingest.formats.reading import document

READS = pytest.mark.skipif(shutil.which("tesseract") is None, reason="tesseract is not installed")


def scan(path: Path, *pages: str) -> None:
    """A PDF whose pages are pictures of words."""
    pictures = [Image.new("L", (800, 300), 255) for _ in pages]
    for drawn, words in zip(pictures, pages, strict=True):
        ImageDraw.Draw(drawn).text((60, 100), words, font=ImageFont.load_default(44), fill=0)
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
def test_no_more_pages_are_looked_at_than_allowed_and_the_rest_is_named(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened.", "It was closed.", "It leaks.")
    read = document(tmp_path / "scan.pdf", ParseConfig(ocr_pages=1))
    assert "closed" not in read.text
    assert read.place("The sluice was opened.") == "page 1"
    assert read.row["omitted"] == [
        {"kind": "page without text not read: more than parse.ocr_pages", "count": 2, "where": "pages 2-3"}
    ]
    with pytest.raises(BadDocument, match=r"3 pages of images without text; parse\.ocr_pages lets no more"):
        document(tmp_path / "scan.pdf", ParseConfig(ocr_pages=0))


@READS
def test_what_was_left_out_is_read_once_tesseract_is_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, home = tmp_path / "corpus", tmp_path / "home"
    folder.mkdir()
    scan(folder / "scan.pdf", "The sluice was opened in May.")
    words = show((60, 700, "A printed cover sheet of the file."))
    write(folder / "part.pdf", [words, picture(0, 0, 612, 792)])

    def parsed() -> dict[str, dict[str, Any]]:
        found = list(discover([str(folder)], home, StorageConfig()))
        rows = [row for some in parse_all(found, home, ParseConfig(), StorageConfig()) for row in some]
        return {row["uri"].rpartition("/")[2]: row for row in rows}

    end_idle(0)
    with monkeypatch.context() as bare:
        bare.setenv("PATH", str(tmp_path))
        before = parsed()
        assert parsed() == before
        end_idle(0)
    assert before["scan.pdf"]["reason"].endswith("tesseract is not installed: they are read where it is "
                                                 "installed and parse.ocr is auto")  # fmt: skip
    assert (
        remark(before["part.pdf"])
        == "left out: 1 page without text not read: tesseract is not installed (page 2)"
    )
    assert could_read_more(before.values(), ParseConfig())
    assert not could_read_more(before.values(), ParseConfig(ocr="never"))
    after = parsed()
    assert after["scan.pdf"]["encoding"] == "OCR of page 1"
    assert remark(after["part.pdf"]) == "left out: 1 page without text (page 2)"
    assert after["part.pdf"]["parsed"] != before["part.pdf"]["parsed"]
    assert not could_read_more(after.values(), ParseConfig())
    assert parsed() == after


@READS
def test_a_language_that_tesseract_has_not_is_named(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened in May.")
    with pytest.raises(BadDocument, match="tesseract lacks a language of 'xxx'"):
        document(tmp_path / "scan.pdf", ParseConfig(ocr_languages="xxx"))


def test_where_words_are_not_read_a_scan_says_how_they_would_be(tmp_path: Path) -> None:
    scan(tmp_path / "scan.pdf", "The sluice was opened in May.")
    with pytest.raises(
        BadDocument, match="1 page of images without text; tesseract is not asked: they are read where"
    ):
        document(tmp_path / "scan.pdf", ParseConfig(ocr="never"))
