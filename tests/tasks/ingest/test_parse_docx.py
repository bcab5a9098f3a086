"""Word documents: everything a reader sees is in the text, once.

Run: pytest tests/tasks/ingest/test_parse_docx.py
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import docx
import pytest
from docx.enum.style import WD_STYLE_TYPE
from docx.enum.text import WD_COLOR_INDEX
from docx.opc.packuri import PackURI
from docx.opc.part import Part
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls
from docx.shared import RGBColor
from PIL import Image

from tasks.ingest.parse.base import Omitted, TextSpan
from tasks.ingest.parse.formats.docx import parse
from tasks.settings import ParseConfig
from tests.tasks.ingest.formats import reading

RUN = "<w:r><w:t>{}</w:t></w:r>"


def lines(document: object, path: Path) -> list[str]:
    document.save(str(path))  # type: ignore[attr-defined]
    return "".join(one.text for one in parse(path, ParseConfig()) if isinstance(one, TextSpan)).splitlines()


def test_inserted_text_and_content_controls_are_read_and_deleted_text_is_not(tmp_path: Path) -> None:
    document = docx.Document()
    names = nsdecls("w")
    paragraph = document.add_paragraph("before ")._p
    paragraph.append(parse_xml(f"<w:ins {names} w:id='1' w:author='a'>{RUN.format('inserted')}</w:ins>"))
    deleted = "<w:r><w:delText>deleted</w:delText></w:r>"
    paragraph.append(parse_xml(f"<w:del {names} w:id='2' w:author='a'>{deleted}</w:del>"))
    control = f"<w:sdtContent><w:p>{RUN.format('controlled')}</w:p></w:sdtContent>"
    document.element.body.insert(0, parse_xml(f"<w:sdt {names}>{control}</w:sdt>"))
    assert lines(document, tmp_path / "a.docx") == ["controlled", "before inserted"]


def test_nested_tables_are_read_and_merged_cells_come_once(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(2, 2)
    table.cell(0, 0).text = "left"
    table.cell(0, 1).add_table(1, 1).cell(0, 0).text = "nested"
    table.cell(1, 0).merge(table.cell(1, 1)).text = "merged"
    text = lines(document, tmp_path / "a.docx")
    assert " ".join(text).split() == ["left", "nested", "merged"]


def test_numbers_of_paragraphs_count_lines_of_the_text(tmp_path: Path) -> None:
    document = docx.Document()
    for line in ("one", "two\nthree", "four"):
        document.add_paragraph(line)
    assert [number for _, number, _ in found(document, tmp_path / "a.docx")[0]] == [1, 2, 4]


W = nsdecls("w")
MATH = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'


def found(document: object, path: Path) -> tuple[list[tuple[str, int, str]], dict[str, int]]:
    """Place, number and text of every span, and what is left out."""
    document.save(str(path))  # type: ignore[attr-defined]
    items = list(parse(path, ParseConfig()))
    spans = [(one.place, one.number, one.text.strip()) for one in items if isinstance(one, TextSpan)]
    return spans, {one.kind: one.count for one in items if isinstance(one, Omitted)}


def related(document: Any, name: str, content: str) -> None:
    """Add a part to the package, as Word does for notes."""
    kind = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{name}"
    content_type = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{name}+xml"
    part = Part(PackURI(f"/word/{name}.xml"), content_type, content.encode(), document.part.package)
    document.part.relate_to(part, kind)


def note(tag: str, number: int, text: str, more: str = "") -> str:
    return f'<w:{tag} w:id="{number}" {more}><w:p>{RUN.format(text)}</w:p></w:{tag}>'


def test_notes_and_comments_follow_the_paragraph_they_belong_to(tmp_path: Path) -> None:
    document = docx.Document()
    for text, mark, number in (("One.", "footnote", 2), ("Two.", "endnote", 3), ("Three.", "comment", 0)):
        run = document.add_paragraph(text).add_run()._r
        run.append(parse_xml(f'<w:{mark}Reference {W} w:id="{number}"/>'))
    document.add_paragraph("Four.")
    separator = note("footnote", 0, "", 'w:type="separator"')
    related(
        document, "footnotes", f"<w:footnotes {W}>{separator}{note('footnote', 2, 'Below.')}</w:footnotes>"
    )
    related(document, "endnotes", f"<w:endnotes {W}>{note('endnote', 3, 'At the end.')}</w:endnotes>")
    comments = note("comment", 0, "Really?", 'w:author="Ida Holt"') + note("comment", 1, "Nowhere.")
    related(document, "comments", f"<w:comments {W}>{comments}</w:comments>")
    spans, omitted = found(document, tmp_path / "a.docx")
    assert spans == [
        ("paragraph", 1, "One."), ("footnote", 2, "Below."), ("paragraph", 2, "Two."),
        ("endnote", 3, "At the end."), ("paragraph", 3, "Three."), ("comment", 1, "[Ida Holt: Really?]"),
        ("paragraph", 4, "Four."), ("comment", 2, "Nowhere."),
    ]  # fmt: skip
    assert omitted == {}


def test_headers_and_footers_come_once_at_the_end(tmp_path: Path) -> None:
    document = docx.Document()
    document.add_paragraph("Body.")
    document.sections[0].header.paragraphs[0].text = "Draft of May"
    document.add_section().footer.is_linked_to_previous = False
    document.sections[1].footer.paragraphs[0].text = "Holt and Sons"
    spans, _ = found(document, tmp_path / "a.docx")
    assert [span for span in spans if span[2]] == [
        ("paragraph", 1, "Body."), ("header", 1, "Draft of May"), ("footer", 1, "Holt and Sons")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("equation", "said"),
    [
        ("<m:r><m:t>a=b</m:t></m:r>", "a=b"),
        ("<m:sSup><m:e><m:r><m:t>c</m:t></m:r></m:e><m:sup><m:r><m:t>2</m:t></m:r></m:sup></m:sSup>", "c^2"),
        (
            "<m:f><m:num><m:r><m:t>a+b</m:t></m:r></m:num><m:den><m:r><m:t>2</m:t></m:r></m:den></m:f>",
            "(a+b)/2",
        ),
        ("<m:rad><m:deg/><m:e><m:r><m:t>x</m:t></m:r></m:e></m:rad>", "√(x)"),
        (
            '<m:nary><m:naryPr><m:chr m:val="∑"/></m:naryPr><m:sub><m:r><m:t>i=1</m:t></m:r></m:sub>'
            "<m:sup><m:r><m:t>n</m:t></m:r></m:sup><m:e><m:r><m:t>i</m:t></m:r></m:e></m:nary>",
            "∑_(i=1)^n i",
        ),
        ("<m:d><m:e><m:r><m:t>y</m:t></m:r></m:e></m:d>", "(y)"),
    ],
)
def test_an_equation_can_be_read(equation: str, said: str, tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("Here ")._p
    paragraph.append(parse_xml(f"<m:oMath {MATH}>{equation}</m:oMath>"))
    paragraph.append(parse_xml(f"<w:r {W}><w:t> holds.</w:t></w:r>"))
    assert found(document, tmp_path / "a.docx")[0][0][2] == f"Here {said} holds."


def test_hidden_and_deleted_text_readings_and_pictures_are_counted(tmp_path: Path) -> None:
    document = docx.Document()
    style = document.styles.add_style("Secret", WD_STYLE_TYPE.CHARACTER)
    style.font.hidden = True
    paragraph = document.add_paragraph("Seen")
    paragraph.add_run(" hidden").font.hidden = True
    paragraph.add_run(" by style", style="Secret")
    paragraph.add_run(" not hidden").font.hidden = False
    ruby = f"<w:ruby><w:rt>{RUN.format('よみ')}</w:rt><w:rubyBase>{RUN.format('読')}</w:rubyBase></w:ruby>"
    paragraph._p.append(parse_xml(f"<w:r {W}>{ruby}<w:sym w:char='F0FE'/><w:sym w:char='F04A'/></w:r>"))
    deleted = f"<w:del {W} w:id='2'><w:r><w:delText>gone</w:delText></w:r></w:del>"
    paragraph._p.append(parse_xml(deleted))
    picture = BytesIO()
    Image.new("RGB", (2, 2)).save(picture, "PNG")
    document.add_picture(picture)
    spans, omitted = found(document, tmp_path / "a.docx")
    assert spans[0][2] == "Seen not hidden読☑"
    assert omitted == {"hidden text": 2, "reading": 1, "symbol": 1, "deleted text": 1, "image": 1}


def test_a_text_box_is_read_once(tmp_path: Path) -> None:
    document = docx.Document()
    box = f"<w:txbxContent><w:p>{RUN.format('In the box')}</w:p></w:txbxContent>"
    names = f'{W} xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    both = f"<mc:Choice Requires='wps'>{box}</mc:Choice><mc:Fallback>{box}</mc:Fallback>"
    paragraph = document.add_paragraph("Beside. ")
    paragraph._p.append(parse_xml(f"<w:r {names}><mc:AlternateContent>{both}</mc:AlternateContent></w:r>"))
    paragraph.add_run("Behind.")
    spans, _ = found(document, tmp_path / "a.docx")
    assert spans[0][2] == "Beside. \nIn the box\nBehind."


@pytest.mark.parametrize(
    ("field", "shown"),
    [
        ("<w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>", "☒"),
        ("<w:checkBox><w:default w:val='1'/><w:checked w:val='0'/></w:checkBox>", "☐"),
        (
            "<w:ddList><w:result w:val='1'/><w:listEntry w:val='oak'/><w:listEntry w:val='elm'/></w:ddList>",
            "elm",
        ),
        ("<w:ddList><w:listEntry w:val='oak'/></w:ddList>", "oak"),
        ("<w:ddList><w:result w:val='9'/></w:ddList>", ""),
    ],
)
def test_what_is_ticked_and_chosen_in_a_form_is_read(field: str, shown: str, tmp_path: Path) -> None:
    document = docx.Document()
    begin = f"<w:fldChar w:fldCharType='begin'><w:ffData>{field}</w:ffData></w:fldChar>"
    document.add_paragraph("Wood: ")._p.append(parse_xml(f"<w:r {W}>{begin}</w:r>"))
    assert lines(document, tmp_path / "a.docx") == [f"Wood: {shown}"]


def test_a_paragraph_that_its_style_hides_is_hidden_with_its_links(tmp_path: Path) -> None:
    document = docx.Document()
    style = document.styles.add_style("Secret", WD_STYLE_TYPE.PARAGRAPH)
    style.font.hidden = True
    paragraph = document.add_paragraph("hidden", style="Secret")
    paragraph._p.append(parse_xml(f"<w:hyperlink {W}>{RUN.format('link')}</w:hyperlink>"))
    document.add_paragraph("Seen")
    spans, omitted = found(document, tmp_path / "a.docx")
    assert ["".join(text for *_, text in spans).strip(), omitted] == ["Seen", {"hidden text": 2}]


def test_a_cell_that_spans_rows_is_read_in_each_and_white_words_are_not(tmp_path: Path) -> None:
    document = docx.Document()
    table = document.add_table(3, 3)
    for at in range(9):
        table.cell(at // 3, at % 3).text = "" if at in (3, 7) else f"c{at}"
    table.cell(0, 0).merge(table.cell(1, 0))
    table.cell(2, 0).merge(table.cell(2, 1))
    head = table.cell(0, 1).paragraphs[0].runs[0]
    paragraph = document.add_paragraph("Seen.")
    for run in (head, paragraph.add_run(" Unseen."), paragraph.add_run(" Marked.")):
        run.font.color.rgb = RGBColor(255, 255, 255)
    paragraph.runs[-1].font.highlight_color = WD_COLOR_INDEX.BLACK
    document.save(str(tmp_path / "a.docx"))
    read = reading.document(tmp_path / "a.docx")
    assert read.text == "c0\tc1\tc2\nc0\tc4\tc5\nc6\t\tc8\nSeen. Marked.\n"
    assert read.omitted == {"hidden text": 1}
