"""Documents of office programs and PDFs: locked, torn, bombs of XML, parts that hold themselves."""

import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import docx as docx_library
import pyarrow as pa
import pyarrow.parquet as pq

from tests.sources import COMPOUND, pdf, word
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.hostile.made import Hostile, Table, content, cut

_DOCX = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_LAUGHS = (
    '<!DOCTYPE d [<!ENTITY a "ha ha ha ha ha ha ha ha ha ha">'
    + "".join(
        f'<!ENTITY {name} "{f"&{before};" * 10}">'
        for before, name in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)
_STEALS = '<!DOCTYPE d [<!ENTITY i SYSTEM "file:///etc/passwd">]>'


def paper(path: Path) -> None:
    pdf(path, *(f"Page {number} of the printed paper." for number in range(9)))


def letter(path: Path) -> None:
    word(path, *(f"Paragraph {number} of the letter." for number in range(50)))


def contract(path: Path) -> None:
    """A letter with clauses that Word numbers, and a table."""
    document = docx_library.Document()
    for style in ("List Number", "List Number 2", "List Bullet", "Heading 1", "List Number"):
        document.add_paragraph(f"A clause in the style {style}.", style)
    document.add_table(2, 2).cell(0, 1).text = "cell"
    document.save(str(path))


def columns(path: Path) -> None:
    pq.write_table(pa.table({"text": ["one row", "another row"] * 50}), path)


def rewritten(make: Callable[[Path], object], part: str, text: str) -> Callable[[Path], None]:
    """The document that `make` writes, with another text in one of its parts."""

    def write(path: Path) -> None:
        make(path)
        with zipfile.ZipFile(path) as archive:
            parts: dict[str, str | bytes] = {name: archive.read(name) for name in archive.namelist()}
        files.zipped(path, {**parts, part: text})

    return write


def docx(prolog: str, body: str) -> Callable[[Path], None]:
    xml = f'<?xml version="1.0"?>{prolog}<w:document {_DOCX}><w:body>{body}</w:body></w:document>'
    return rewritten(letter, "word/document.xml", xml)


def odt(prolog: str, body: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        xml = (
            f'<?xml version="1.0"?>{prolog}<office:document-content {files.ODF}><office:body><office:text>'
            f"{body}</office:text></office:body></office:document-content>"
        )
        files.zipped(path, {"content.xml": xml}, "application/vnd.oasis.opendocument.text")

    return write


def sheet(xml: str) -> Callable[[Path], None]:
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    return rewritten(
        files.workbook, "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{main}">{xml}</worksheet>'
    )


def cell(size: int) -> Callable[[Path], None]:
    """A workbook of one cell of so many characters, more than any spreadsheet program writes."""
    text = "word " * (size // 5)
    return sheet(f'<sheetData><row r="1"><c t="inlineStr"><is><t>{text}</t></is></c></row></sheetData>')


def objects(*parts: bytes) -> bytes:
    """A PDF without a table of its objects, which readers look for themselves."""
    body = b"".join(b"%d 0 obj%s\nendobj\n" % (number, part) for number, part in enumerate(parts, 1))
    return b"%PDF-1.4\n" + body + b"trailer<</Root 1 0 R>>\n%%EOF"


def stream(some: bytes, more: bytes = b"") -> bytes:
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(some), more, some)


CATALOG = b"<</Type/Catalog/Pages 2 0 R>>"
PAGES = b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<<%s>>>>"
FONT = b"/Font<</F1<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>"
SHOWN = b"BT /F1 12 Tf 40 700 Td (A printed sentence.) Tj ET"


def drawn(*forms: tuple[bytes, bytes]) -> bytes:
    """A PDF whose page draws the first of these forms; each draws others by the names that it gives them."""
    names = b"/Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<<%s/XObject<<%%s>>>>" % FONT
    page = PAGE % (FONT + b"/XObject<</X 5 0 R>>")
    made = (stream(content, names % held) for content, held in forms)
    return objects(CATALOG, PAGES, page, stream(SHOWN + b" /X Do"), *made)


OFFICE: Table = {
    "locked.xlsx": content(COMPOUND + "EncryptedPackage".encode("utf-16-le"), "encrypted", "password"),
    "old.ppt": content(COMPOUND, "unsupported"),
    "torn.pdf": cut(paper, 0.6, "corrupt"),
    "torn.docx": cut(letter, 0.6, "corrupt"),
    "torn.pptx": cut(files.deck, 0.6, "corrupt"),
    "torn.xlsx": cut(files.workbook, 0.6, "corrupt"),
    "torn.epub": cut(files.book, 0.6, "corrupt"),
    "torn.odt": cut(files.letter, 0.6, "corrupt"),
    "torn.ods": cut(files.sheets, 0.6, "corrupt"),
    "torn.parquet": cut(columns, 0.6, "corrupt"),
    "torn.rtf": cut(files.rich, 0.6, "ok"),
    "torn.ipynb": cut(files.notebook, 0.6, "corrupt"),
    "empty.pdf": content(b"", "empty_text"),
    "empty.parquet": content(b"PAR1", "corrupt"),
    "without-text.parquet": Hostile(
        lambda path: pq.write_table(pa.table({"n": [1]}), path), "unsupported", "parse.parquet_field"
    ),
    "laughs.docx": Hostile(docx(_LAUGHS, "<w:p><w:r><w:t>&i;</w:t></w:r></w:p>"), "corrupt", never="ha ha"),
    "laughs.odt": Hostile(odt(_LAUGHS, "<text:p>&i;</text:p>"), "corrupt", never="ha ha"),
    "steals.docx": Hostile(docx(_STEALS, "<w:p><w:r><w:t>one &i;</w:t></w:r></w:p>"), "ok", never="root:"),
    "steals.odt": Hostile(odt(_STEALS, "<text:p>one &i;</text:p>"), "ok", never="root:"),
    "deep.docx": Hostile(docx("", "<w:p>" * 100_000 + "</w:p>" * 100_000), "corrupt"),
    "deep.odt": Hostile(odt("", "<text:section>" * 100_000 + "</text:section>" * 100_000), "corrupt"),
    "long-word.docx": Hostile(docx("", f"<w:p><w:r><w:t>{'x' * 2_000_000}</w:t></w:r></w:p>"), "ok"),
    "no-body.docx": Hostile(rewritten(letter, "word/document.xml", ""), "corrupt"),
    "outside.docx": Hostile(
        rewritten(
            letter,
            "word/_rels/document.xml.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
            '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
            'footnotes" Target="../../../../etc/passwd"/></Relationships>',
        ),
        "corrupt",
        never="root:",
    ),
    "cell.xlsx": Hostile(cell(2_000_000), "ok"),
    "wide.xlsx": Hostile(
        sheet(
            '<sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>once</t></is></c></row></sheetData>'
            '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>'
        ),
        "ok",
        "once",
    ),
    "far.xlsx": Hostile(
        sheet('<sheetData><row r="999999999"><c r="ZZZZ999999999"><v>1</v></c></row></sheetData>'), "ok"
    ),
    "far.ods": Hostile(
        lambda path: files.opendocument(
            path,
            "spreadsheet",
            '<table:table><table:table-row table:number-rows-repeated="1048576"><table:table-cell '
            'table:number-columns-repeated="16384"><text:p>again</text:p></table:table-cell>'
            "</table:table-row></table:table>",
        ),
        "ok",
    ),
    "round.pdf": content(objects(CATALOG, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 2>>"), "corrupt"),
    "count.pdf": content(
        objects(CATALOG, b"<</Type/Pages/Kids[3 0 R]/Count 999999999>>", PAGE % FONT, stream(SHOWN)), "ok"
    ),
    "box.pdf": content(
        objects(CATALOG, PAGES, (PAGE % FONT).replace(b"600 800", b"-1e38 1e38"), stream(SHOWN)), "ok"
    ),
    "page.pdf": content(
        objects(CATALOG, b"<</Type/Pages/Kids[3 0 R 9 0 R]/Count 2>>", PAGE % FONT, stream(SHOWN)),
        "ok",
        "A printed sentence.",
    ),
    "arrays.pdf": content(objects(CATALOG, PAGES, b"[" * 100_000, stream(SHOWN)), "corrupt"),
    "saves.pdf": content(objects(CATALOG, PAGES, PAGE % FONT, stream(b"q " * 100_000 + SHOWN)), "ok"),
    "form.pdf": content(
        objects(
            CATALOG,
            PAGES,
            PAGE % (FONT + b"/XObject<</X 5 0 R>>"),
            stream(SHOWN + b" /X Do"),
            stream(
                b"/X Do",
                b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X 5 0 R>>>>",
            ),
        ),
        "ok",
        "A printed sentence.",
    ),
    "itself.pdf": content(drawn((b"/X Do /X Do", b"/X 5 0 R")), "too_large", "draw each other"),
    "halls.pdf": content(
        drawn(*((b"/X Do /X Do", b"/X %d 0 R" % (6 + at)) for at in range(30)), (SHOWN, b"")), "too_large"
    ),
    "steps.pdf": content(
        drawn(*((b"/X Do", b"/X %d 0 R /Y %d 0 R" % (6 + at, 5 + at)) for at in range(9)), (SHOWN, b"")), "ok"
    ),
    "bomb.pdf": content(
        objects(
            CATALOG,
            PAGES,
            PAGE % FONT,
            stream(zlib.compress(SHOWN + b" " * (64 << 20), 9), b"/Filter/FlateDecode"),
        ),
        "ok",
    ),
}
