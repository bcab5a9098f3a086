"""One small file of every format, made by the libraries that people make them with, or by hand."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from openpyxl.comments import Comment
from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360000002000001e221bc330000000049454e44ae426082"
)


def workbook(path: Path) -> None:
    """Tenants of a quay: a title above the header, dates, formats of numbers, merged and hidden cells."""
    book = Workbook()
    sheet = book.active
    sheet.title = "Rents"
    rows: Sequence[Sequence[Any]] = (
        ("Rents of Quay 7 in 2026",),
        (),
        ("Side", "Tenant", "Rent", "Since", "Share", "Code"),
        ("North", "Orrin Boatworks", 1450, date(2024, 3, 1), 0.125, "N1"),
        (None, "Valdur & Sons", 980.5, date(2025, 11, 15), 0.08, "N2"),
        ("South", "Harbour café", 2100, date(2020, 1, 1), 0.2, "S1"),
        ("South", "An empty shed", None, None, None, "S2"),
    )
    for row in rows:
        sheet.append(row)
    sheet.merge_cells("A4:A5")
    for row in sheet.iter_rows(min_row=4, max_row=6):
        row[2].number_format, row[4].number_format = "#,##0.##", "0.0%"
    sheet["C8"] = "=SUM(C4:C6)"
    sheet["B5"].comment = Comment("Moves out in May.", "Ingrid")
    sheet.append(("West", "Secret tenant"))
    sheet.row_dimensions[9].hidden = True
    sheet.column_dimensions["F"].hidden = True
    quarters = book.create_sheet("Two heads")
    for row in (("", "2025", "", "2026", ""), ("Pump", "H1", "H2", "H1", "H2"), ("Orrin", 12, 14, 15, 9)):
        quarters.append(row)
    quarters.merge_cells("B1:C1")
    quarters.merge_cells("D1:E1")
    hidden = book.create_sheet("Notes")
    hidden.sheet_state = "hidden"
    hidden["A1"] = "nobody sees this"
    book.save(path)


def deck(path: Path) -> None:
    """A presentation: title, bullets, table, chart, picture, notes, a hidden slide."""
    deck = Presentation()
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text, first.placeholders[1].text = "Pumps of the north quay", "Review of spring 2026"
    second = deck.slides.add_slide(deck.slide_layouts[1])
    second.shapes.title.text = "What was repaired"
    frame = second.placeholders[1].text_frame
    frame.text = "Pump 3 has a new impeller"
    frame.add_paragraph().text = "The gate valve was replaced in March"
    second.notes_slide.notes_text_frame.text = "Mention that the impeller was late."
    third = deck.slides.add_slide(deck.slide_layouts[5])
    third.shapes.title.text = "Costs"
    table = third.shapes.add_table(2, 2, Inches(1), Inches(2), Inches(4), Inches(1)).table
    for at, text in enumerate(("Part", "Euros", "Impeller", "4,200")):
        table.cell(at // 2, at % 2).text = text
    data: Any = CategoryChartData()  # type: ignore[no-untyped-call]
    data.categories = ["2024", "2025"]
    data.add_series("Outages", (7, 2))
    box = (Inches(1), Inches(4), Inches(4), Inches(2))
    third.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *box, data)
    third.shapes.add_picture(io.BytesIO(PNG), 0, 0)
    hidden = deck.slides.add_slide(deck.slide_layouts[5])
    hidden.shapes.title.text = "Unseen"
    hidden._element.set("show", "0")
    deck.save(str(path))


def zipped(path: Path, parts: Mapping[str, str | bytes], mimetype: str = "") -> None:
    """A zip file of these parts; `mimetype` comes first and is not compressed."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        if mimetype:
            archive.writestr(zipfile.ZipInfo("mimetype"), mimetype)
        for name, content in parts.items():
            archive.writestr(name, content)


def book(path: Path) -> None:
    """A book of two chapters, a table of contents and a picture."""
    page = (
        '<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"><head><title>Page 1</title></head>'
        "<body>{}</body></html>"
    )
    package = """<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
      <metadata><dc:title>The Lamp at Skerry Point</dc:title><dc:creator>Maud Ferrier</dc:creator></metadata>
      <manifest><item id="n" href="nav.xhtml" media-type="application/xhtml+xml" properties="nav"/>
      <item id="b" href="text/two%20.xhtml" media-type="application/xhtml+xml"/>
      <item id="a" href="text/one.xhtml" media-type="application/xhtml+xml"/>
      <item id="p" href="map.png" media-type="image/png"/></manifest>
      <spine><itemref idref="n"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""
    container = '<container><rootfiles><rootfile full-path="OEBPS/book.opf"/></rootfiles></container>'
    parts: dict[str, str | bytes] = {
        "META-INF/container.xml": container,
        "OEBPS/book.opf": package,
        "OEBPS/nav.xhtml": page.format("<ol><li>One</li><li>Two</li></ol>"),
        "OEBPS/text/one.xhtml": page.format("<h1>The storm</h1><p>The keeper climbed ninety steps.</p>"),
        "OEBPS/text/two .xhtml": page.format("<h1>The calm</h1><p>By morning the lamp had burned dry.</p>"),
        "OEBPS/map.png": PNG,
    }
    zipped(path, parts, "application/epub+zip")


def notebook(path: Path) -> None:
    """A notebook: text, code, what it printed, a picture."""
    output = {"output_type": "stream", "name": "stdout", "text": [" 9 %\r99 %\rmean level 2.31 m\n"]}
    plot = {"output_type": "display_data", "data": {"image/png": "aGk=", "text/plain": "<Figure>"}}
    long = {"output_type": "stream", "text": [f"row {n}\n" for n in range(500)]}
    cells = [
        {"cell_type": "markdown", "source": ["# Tide gauge at Orrin\n", "\n", "Levels since 1962."]},
        {"cell_type": "code", "source": "print(levels.mean())", "outputs": [output, plot, long]},
        {"cell_type": "raw", "source": "A raw remark."},
    ]
    kernel = {"language_info": {"name": "python"}}
    path.write_text(json.dumps({"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
    'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:presentation="urn:oasis:names:tc:opendocument:xmlns:presentation:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)


def opendocument(path: Path, kind: str, body: str, styles: str = "") -> None:
    """An OpenDocument file of that kind, such as "text", around a body."""
    content = (
        f"<office:document-content {ODF}><office:automatic-styles>{styles}</office:automatic-styles>"
        f"<office:body><office:{kind}>{body}</office:{kind}></office:body></office:document-content>"
    )
    zipped(path, {"content.xml": content}, f"application/vnd.oasis.opendocument.{kind}")


def letter(path: Path) -> None:
    """A text: heading, list, table, note, comment, deleted and hidden text."""
    opendocument(
        path,
        "text",
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>gone</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes>"
        '<text:h text:outline-level="1">Survey of the Lighthouse</text:h>'
        "<text:p>The tower<text:s text:c='2'/>leans<text:note><text:note-citation>1</text:note-citation>"
        "<text:note-body><text:p>By two degrees.</text:p></text:note-body></text:note> westward.</text:p>"
        "<text:list><text:list-item><text:p>mortar</text:p></text:list-item>"
        "<text:list-item><text:p>glass</text:p></text:list-item></text:list>"
        "<table:table><table:table-row><table:table-cell><text:p>Cost</text:p></table:table-cell>"
        "<table:table-cell><text:p>8,000</text:p></table:table-cell></table:table-row></table:table>"
        "<text:p>Seen<office:annotation><dc:creator>Ingrid</dc:creator><text:p>By whom?</text:p>"
        "</office:annotation> in May.<text:hidden-text>secret</text:hidden-text></text:p>",
    )


def sheets(path: Path) -> None:
    """A spreadsheet of OpenDocument: a merged cell, a date, repeated and hidden rows, a hidden sheet."""
    cell = "<table:table-cell{}><text:p>{}</text:p></table:table-cell>"

    def row(*cells: str, more: str = "") -> str:
        return f"<table:table-row{more}>{''.join(cells)}</table:table-row>"

    date_ = ' office:value-type="date" office:date-value="2026-03-01"'
    body = (
        '<table:table table:name="Boats"><table:table-column table:number-columns-repeated="3"/>'
        + row(*(cell.format("", name) for name in ("Owner", "Boat", "Launched")))
        + row(
            cell.format(' table:number-rows-spanned="2"', "Ann"),
            cell.format("", "Tern"),
            cell.format(date_, "1.3."),
        )
        + row("<table:covered-table-cell/>", cell.format("", "Gull"), cell.format("", "1998"))
        + row(cell.format("", "Ben"), cell.format("", "Skua"), more=' table:visibility="collapse"')
        + row(
            '<table:table-cell table:number-columns-repeated="16384"/>',
            more=' table:number-rows-repeated="9999"',
        )
        + '</table:table><table:table table:name="Unseen" table:style-name="off">'
        + row(cell.format("", "secret"))
        + "</table:table>"
    )
    off = '<style:style style:name="off"><style:table-properties table:display="false"/></style:style>'
    opendocument(path, "spreadsheet", body, off)


def rich(path: Path) -> None:
    """RTF: code pages, a Unicode character, a table row, a note, hidden text, a picture, a footer."""
    path.write_bytes(
        rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0\froman\fcharset0 Times;}{\f1\fnil\fcharset204 Arial;}}"
        rb"{\*\generator Somebody;}{\footer Harbour office of Orrin\par}"
        rb"{\b The Weir}\par The caf\'e9 at the weir{\footnote It opened in 1931.} is \u8222?open\u8220?."
        rb"\par "
        rb"{\f1 \'cf\'f0\'e8\'e2\'e5\'f2}\par {\v secret words}\trowd Boat\cell Tern\cell\row "
        rb"{\pict\pngblip 89504e47}{\*\unknown lost}{\deleted gone}last\par "
        b"\x93raw\x94 \xe9t\xe9\\par}"
    )


def mail(
    subject: str, text: str, sent: str = "Tue, 03 Mar 2026 10:12:00 +0100", **headers: str
) -> EmailMessage:
    """A mail from Ingrid to Otto."""
    message = EmailMessage()
    message["From"], message["To"] = "Ingrid Valdur <ingrid@quay.example>", "Otto Reuß <otto@quay.example>"
    message["Date"], message["Subject"] = sent, subject
    for name, value in headers.items():
        message[name] = value
    message.set_content(text)
    return message
