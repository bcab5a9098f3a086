"""Sources that are made badly, and the good ones that stand beside them: what makes each, and its outcome."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import docx
import pypdfium2 as pdfium


def pdf(path: Path, *pages: str, secret: bytes = b"") -> None:
    """A PDF that shows one line a page, written by hand: objects, streams, cross-reference table."""
    numbers = range(4, 4 + 2 * len(pages), 2)
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(pages)),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, text in zip(numbers, pages, strict=True):
        stream = f"BT /F1 12 Tf 40 700 Td ({text}) Tj ET".encode()
        box = b"/Parent 2 0 R/MediaBox[0 0 600 800]/Resources<</Font<</F1 3 0 R>>>>"
        objects.append(b"<</Type/Page%s/Contents %d 0 R>>" % (box, number + 1))
        objects.append(b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream))
    body, offsets = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    trailer = b"trailer<</Size %d/Root 1 0 R%s>>\nstartxref\n%d\n%%%%EOF"
    path.write_bytes(body + head + table + trailer % (len(objects) + 1, secret, len(body)))


def encrypted(path: Path) -> None:
    """A PDF whose user password is nobody's: the stored proofs fit no password at all."""
    proof = b"<" + b"ab" * 32 + b">"
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O%s/U%s>>/ID[<00><00>]" % (proof, proof)
    pdf(path, "A secret.", secret=lock)


def scan(path: Path) -> None:
    """A PDF of one picture and no text."""
    document = pdfium.PdfDocument.new()
    page = document.new_page(200, 200)
    picture = pdfium.PdfImage.new(document)
    picture.set_bitmap(pdfium.PdfBitmap.new_native(8, 8, 4))
    picture.set_matrix(pdfium.PdfMatrix().scale(200, 200))
    page.insert_obj(picture)
    page.gen_content()
    document.save(path)
    document.close()


def word(path: Path, *lines: str) -> None:
    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    document.save(str(path))


def bomb(path: Path) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/document.xml", b"0" * (64 << 20))


def sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2 << 30)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unreadable(path: Path) -> None:
    path.symlink_to(path.with_suffix(".gone"))


def loop(path: Path) -> None:
    path.symlink_to(path)


def write(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000)
"""How Word wraps what is no zip file."""
BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.txt": (write(b""), "empty_text"),
    "blank.md": (write(b" \n\t\n "), "empty_text"),
    "binary.txt": (write(bytes(range(256)) * 64), "unsupported"),
    "binary.bin": (write(b"\x7fELF\0\0\1" * 100), "unsupported"),
    "broken-utf8.txt": (write("naïve café ".encode() * 20 + b"\xff\xfe\xfa caf\xc3"), "corrupt"),
    "nuls.txt": (write(b"text with \0 inside"), "corrupt"),
    "truncated.pdf": (write(b"%PDF-1.7\n1 0 obj <</Type/Cat"), "corrupt"),
    "not-a.pdf": (write(b"hello"), "corrupt"),
    "encrypted.pdf": (encrypted, "encrypted"),
    "image-only.pdf": (scan, "scanned_no_ocr"),
    "bomb.docx": (bomb, "too_large"),
    "not-a.docx": (write(b"PK\x03\x04 rubbish"), "corrupt"),
    "password.docx": (write(COMPOUND + "EncryptedPackage".encode("utf-16-le")), "encrypted"),
    "old-word.docx": (write(COMPOUND + "WordDocument".encode("utf-16-le")), "unsupported"),
    "empty.docx": (lambda path: word(path), "empty_text"),
    "sparse.txt": (sparse, "too_large"),
    "fifo.txt": (fifo, "unsupported"),
    "dangling.txt": (unreadable, "unsupported"),
    "loop.txt": (loop, "unsupported"),
    "empty.html": (write(b"<html><script>var x = 1</script></html>"), "empty_text"),
    "program.exe": (write(b"MZ program"), "unsupported"),
    "hang.hangs": (write(b"x"), "timeout"),
    "eat.eats": (write(b"x"), "out_of_memory"),
    "crash.crashes": (write(b"x"), "corrupt"),
    "picture.png": (write(b"\x89PNG\r\n\x1a\n\0\0"), "unsupported"),
}
GOOD: dict[str, Callable[[Path], object]] = {
    "plain.txt": write("Größe: naïve café\r\nsecond line".encode()),
    "latin.txt": write("Der Bürgermeister grüßt die Bevölkerung der schönen Städte. ".encode("latin-1") * 20),
    "notes.md": write(b"# Title\n\nSome *text*.\n"),
    "code.py": write(b"def f():\n    return 1\n"),
    "page.html": write(b"<h1>Head</h1><p>One <b>two</b></p><script>no()</script>"),
    "deep.html": write(b"<div>" * 100_000 + b"deep text" + b"</div>" * 100_000),
    "paper.pdf": lambda path: pdf(path, "A printed sentence."),
    "letter.docx": lambda path: word(path, "Dear reader,", "this is a letter."),
    "rows.jsonl": write(
        b'{"text": "first row"}\n\n{broken\n{"text": 3}\n{"text": ""}\n{"text": "last row"}\n'
    ),
    "README": write(b"no extension, but text"),
    "utf16.txt": write("sixteen bits".encode("utf-16")),
}
