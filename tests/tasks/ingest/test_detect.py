"""What a source is, is told from its bytes; its name decides among kinds of text.

Run: pytest tests/tasks/ingest/test_detect.py
"""

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from tasks.errors import BadDocument
from tasks.ingest.parse.detect import detect, suffix_of
from tests.sources import COMPOUND, pdf, word

PROSE = b"The mill at Orrin was let to Ingrid for nine years.\n"


def zipped(**members: bytes) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/"), content)
    return target.getvalue()


def tarred() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"), io.BytesIO(b""))
    return target.getvalue()


MAIL = (
    b"Received: from a by b\nFrom: a@x.org\nTo: b@x.org\nSubject: Rent\n"
    b"Date: Mon, 1 Jan 2024 10:00\n\nHello.\n"
)


@pytest.mark.parametrize(
    ("content", "name", "kind"),
    [
        (PROSE, "a.txt", "text"),
        (PROSE, "a.pdf", "text"),
        (PROSE, "a.docx", "text"),
        (PROSE, "a.png", "text"),
        (PROSE, "a.unheard-of", "text"),
        (PROSE, "a.csv", "csv"),
        (b"%PDF-1.4 ...", "a.txt", "pdf"),
        (b"\xef\xbb\xbf\n%PDF-1.4 ...", "a.html", "pdf"),
        (b"rubbish\n%PDF-1.4 ...", "a.pdf", "pdf"),
        (b"hello", "a.pdf", "pdf"),
        (b"<!DOCTYPE html><p>" + PROSE, "a.pdf", "html"),
        (b"<?xml version='1.0'?>\n<!-- a -->\n<html>" + PROSE, "a.md", "html"),
        (b"<p>" + PROSE, "a.md", "text"),
        (b"<p>" + PROSE, "a.docx", "html"),
        (gzip.compress(PROSE, mtime=0), "a.txt", "gz"),
        (b"\x28\xb5\x2f\xfd", "a", "zstd"),
        (b"PAR1\0...PAR1", "a.txt", "parquet"),
        (b"{\\rtf1 text}", "a.doc", "rtf"),
        (b"MZ begins a program, " + PROSE, "a.txt", "text"),
        (b"ID3 is a tree of decisions. " + PROSE, "a.md", "text"),
        (b"%PDF-1.7 is what the file begins with. " + PROSE, "a.txt", "text"),
        (("<html><p>" + PROSE.decode()).encode("utf-16"), "a.pdf", "html"),
        (tarred(), "a.bin", "tar"),
        (zipped(a=PROSE), "a.txt", "zip"),
        (zipped(mimetype=b"application/epub+zip"), "a.zip", "epub"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.text"), "a", "odt"),
        (zipped(**{"[Content_Types].xml": b"", "ppt__presentation.xml": b""}), "a.zip", "pptx"),
        (zipped(**{"[Content_Types].xml": b"", "xl__workbook.xml": b""}), "a.docx", "xlsx"),
        (b"PK\x03\x04 rubbish", "a.docx", "docx"),
        (MAIL, "a.txt", "eml"),
        (MAIL, "a", "eml"),
        (b"From a@x.org Mon Jan  1 10:00:00 2024\n" + MAIL, "inbox", "mbox"),
        (b"From: me\nTo: you\nSubject: a text that people wrote\n\n", "a.txt", "text"),
    ],
)
def test_bytes_tell_the_kind(content: bytes, name: str, kind: str, tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(content)
    assert detect(tmp_path / "source", name) == kind


def test_a_document_is_known_whatever_it_is_called(tmp_path: Path) -> None:
    word(tmp_path / "letter.zip", "Dear reader,")
    pdf(tmp_path / "paper.docx", "A printed sentence.")
    assert [detect(tmp_path / name, name) for name in ("letter.zip", "paper.docx")] == ["docx", "pdf"]


@pytest.mark.parametrize(
    ("content", "outcome", "said"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "unsupported", "a PNG image"),
        (bytes(range(256)), "unsupported", "binary data"),
        (b"", "empty_text", "the file is empty"),
        (b"\x7fELF" + PROSE, "unsupported", "a program"),
        (zipped(mimetype=b"application/vnd.oasis.opendocument.graphics"), "", ""),
        (COMPOUND + "EncryptedPackage".encode("utf-16-le"), "encrypted", "asks for a password"),
        (COMPOUND + "Workbook".encode("utf-16-le"), "unsupported", "save it as .xlsx"),
    ],
)
def test_what_nobody_reads_is_refused_by_what_it_is(
    content: bytes, outcome: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / "source").write_bytes(content)
    if not outcome:
        assert detect(tmp_path / "source", "a.txt").endswith("opendocument.graphics")
        return
    with pytest.raises(BadDocument, match=said) as error:
        detect(tmp_path / "source", "a.txt" if content else "a.docx")
    assert error.value.outcome == outcome


def test_of_a_compressed_file_both_endings_count() -> None:
    names = ["a.TXT", "a.csv.gz", "a.b.c", ".txt", "none", "a.no such", "a.tar.zst", "../../x.py"]
    assert [suffix_of(name) for name in names] == [
        ".txt", ".csv.gz", ".c", ".txt", "", "", ".tar.zst", ".py"
    ]  # fmt: skip
