"""Word documents: everything a reader sees is in the text, once.

Run: pytest tests/tasks/ingest/test_parse_docx.py
"""

from pathlib import Path

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from tasks.ingest.parse.formats.docx import parse
from tasks.settings import ParseConfig

RUN = "<w:r><w:t>{}</w:t></w:r>"


def lines(document: object, path: Path) -> list[str]:
    document.save(str(path))  # type: ignore[attr-defined]
    return "".join(span.text for span in parse(path, ParseConfig())).splitlines()


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
    document.save(str(tmp_path / "a.docx"))
    assert [span.number for span in parse(tmp_path / "a.docx", ParseConfig())] == [1, 2, 4]
