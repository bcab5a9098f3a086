"""Numbers of lists and clauses, which no text of a document holds: they are read as people see them.

Run: pytest tests/tasks/ingest/formats/test_numbering.py
"""

from pathlib import Path
from typing import Any

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn

from tasks.ingest.parse.formats.numerals import numeral
from tests.tasks.ingest.formats import reading
from tests.tasks.ingest.hostile.office import odt
from tests.tasks.ingest.test_parse_docx import RUN, lines

W = nsdecls("w")
STYLE = 'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"'


def level(at: int, form: str, text: str, more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{at}"><w:start w:val="{start}"/><w:numFmt w:val="{form}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


CONTRACT = (
    level(0, "upperRoman", "Article %1.", '<w:pStyle w:val="Heading1"/>'),
    level(1, "decimal", "%1.%2", '<w:pStyle w:val="Heading2"/><w:isLgl/>'),
    level(2, "lowerLetter", "(%3)"),
    level(3, "lowerRoman", "(%4)"),
)


def numbered(lists: dict[int, tuple[str, ...]], nums: dict[int, tuple[int, str]]) -> Any:
    """A document with these lists: levels by list, and (list, overrides) by `w:num`."""
    document = docx.Document()
    root = document.part.numbering_part.element
    for one in list(root):
        root.remove(one)
    for name, levels in lists.items():
        xml = f'<w:abstractNum {W} w:abstractNumId="{name}">{"".join(levels)}</w:abstractNum>'
        root.append(parse_xml(xml))
    for name, (held, more) in nums.items():
        xml = f'<w:num {W} w:numId="{name}"><w:abstractNumId w:val="{held}"/>{more}</w:num>'
        root.append(parse_xml(xml))
    return document


def add(document: Any, text: str, num: int | str = "", at: int | str = "", more: str = "") -> None:
    level = f'<w:ilvl w:val="{at}"/>' if at != "" else ""
    name = f'<w:numId w:val="{num}"/>' if num != "" else ""
    properties = f"<w:pPr>{more}<w:numPr>{level}{name}</w:numPr></w:pPr>"
    paragraph = parse_xml(f"<w:p {W}>{properties}{RUN.format(text)}</w:p>")
    document.element.body.sectPr.addprevious(paragraph)


def styled(document: Any, style: str, num: int) -> None:
    properties = document.styles[style].element.get_or_add_pPr()
    for one in properties.findall(qn("w:numPr")):
        properties.remove(one)
    properties.append(parse_xml(f'<w:numPr {W}><w:numId w:val="{num}"/></w:numPr>'))


def test_clauses_of_a_contract_have_the_numbers_that_it_is_cited_by(tmp_path: Path) -> None:
    document = numbered({1: CONTRACT}, {1: (1, "")})
    for style in ("Heading 1", "Heading 2"):
        styled(document, style, 1)
    document.add_heading("Term", 1)
    document.add_heading("Begin", 2)
    document.add_heading("Rent", 1)
    document.add_heading("Amount", 2)
    document.add_heading("Payment", 2)
    add(document, "by transfer", 1, 2)
    add(document, "in advance", 1, 3)
    add(document, "on the first day", 1, 3)
    document.add_paragraph("Words between.")
    add(document, "by cheque", 1, 2)
    document.add_heading("Deposit", 2)
    add(document, "in cash", 1, 2)
    assert lines(document, tmp_path / "a.docx") == [
        "Article I. Term", "1.1 Begin", "Article II. Rent", "2.1 Amount", "2.2 Payment", "(a) by transfer",
        "(i) in advance", "(ii) on the first day", "Words between.", "(b) by cheque", "2.3 Deposit",
        "(a) in cash",
    ]  # fmt: skip


def test_a_list_goes_on_or_begins_anew_as_its_document_says(tmp_path: Path) -> None:
    one = (level(0, "decimal", "%1."), level(1, "decimal", "%1.%2", '<w:lvlRestart w:val="0"/>'))
    again = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    other = f'<w:lvlOverride w:ilvl="0">{level(0, "upperLetter", "%1)")}</w:lvlOverride>'
    document = numbered({1: one, 2: one}, {1: (1, ""), 2: (1, ""), 3: (1, again), 4: (2, other)})
    for num, at in ((1, 0), (1, 1), (2, 0), (1, 1), (3, 0), (1, 0), (4, 0), (4, 0), (3, 0), (0, 0)):
        add(document, "item", num, at)
    assert lines(document, tmp_path / "a.docx") == [
        "1. item", "1.1 item", "2. item", "2.2 item", "7. item", "8. item", "A) item", "B) item",
        "9. item", "item",
    ]  # fmt: skip


def test_styles_and_lists_may_leave_the_list_to_another(tmp_path: Path) -> None:
    document = numbered(
        {
            1: ('<w:numStyleLink w:val="Listed"/>',),
            2: (level(0, "decimalZero", "§ %1", '<w:suff w:val="nothing"/>'),),
        },
        {1: (1, ""), 2: (2, "")},
    )
    document.styles.element.append(
        parse_xml(
            f'<w:style {W} w:type="numbering" w:styleId="Listed"><w:name w:val="Listed"/>'
            '<w:pPr><w:numPr><w:numId w:val="2"/></w:numPr></w:pPr></w:style>'
        )
    )
    styled(document, "List Number", 1)
    document.styles.add_style("Mine", 1).base_style = document.styles["List Number"]
    document.add_paragraph(" first", "List Number")
    document.add_paragraph(" second", "Mine")
    add(document, " none", 0, more='<w:pStyle w:val="Mine"/>')
    assert lines(document, tmp_path / "a.docx") == ["§ 01 first", "§ 02 second", " none"]


def test_empty_cells_show_their_number_and_deleted_items_are_not_counted(tmp_path: Path) -> None:
    document = numbered(
        {1: (level(0, "decimal", "%1"),), 2: (level(0, "bullet", "\uf0b7"),)}, {1: (1, ""), 2: (2, "")}
    )
    add(document, "", 1)
    add(document, "", 1, more="<w:rPr><w:del w:id='1' w:author='a'/></w:rPr>")
    add(document, "second", 1)
    add(document, "a point", 2)
    add(document, "", 2)
    assert lines(document, tmp_path / "a.docx") == ["1", "", "2 second", "- a point", ""]


@pytest.mark.parametrize(
    ("form", "numbers", "said"),
    [
        ("lowerRoman", (4, 1994, 5000), "iv mcmxciv 5000"),
        ("upperLetter", (1, 26, 27, 53), "A Z AA AAA"),
        ("ordinal", (1, 2, 3, 11, 22, 113), "1st 2nd 3rd 11th 22nd 113th"),
        ("ordinalText", (1, 12, 20, 32), "First Twelfth Twentieth Thirty-second"),
        ("cardinalText", (21, 100), "Twenty-one One hundred"),
        ("chineseCounting", (1, 10, 11, 20, 102, 110, 10002), "一 十 十一 二十 一百零二 一百一十 一万零二"),
        ("chineseLegalSimplified", (3, 12), "叁 壹拾贰"),
        ("ideographDigital", (10,), "一〇"),
        ("decimalEnclosedCircle", (1, 20, 21), "① ⑳ 21"),
        ("decimalZero", (3, 12), "03 12"),
        ("ganada", (1, 3), "가 다"),
        ("of another world", (7, -1, 0), "7 -1 0"),
    ],
)
def test_numbers_are_written_in_many_ways(form: str, numbers: tuple[int, ...], said: str) -> None:
    assert " ".join(numeral(number, form) for number in numbers) == said


def test_a_raised_number_is_no_digit_of_the_number_before_it(tmp_path: Path) -> None:
    document = docx.Document()
    paragraph = document.add_paragraph("10")
    paragraph.add_run("6").font.superscript = True
    paragraph.add_run(" units of H")
    paragraph.add_run("2").font.subscript = True
    assert lines(document, tmp_path / "a.docx") == ["10⁶ units of H2"]
    (tmp_path / "a.rtf").write_text(r"{\rtf1 10{\super 6} units of H{\sub 2}\par}")
    assert reading.document(tmp_path / "a.rtf").text.strip() == "10⁶ units of H2"
    six, two = (f'<text:span text:style-name="T{at}">{digit}</text:span>' for at, digit in ((1, 6), (2, 2)))
    styles = "".join(
        f'<style:style style:name="T{at}"><style:text-properties style:text-position="{how} 58%"/>'
        "</style:style>"
        for at, how in ((1, "super"), (2, "sub"))
    )
    styles = f"<office:automatic-styles {STYLE}>{styles}</office:automatic-styles>"
    odt("", f"{styles}<text:p>10{six} units of H{two}</text:p>")(tmp_path / "a.odt")
    assert reading.document(tmp_path / "a.odt").text.strip() == "10⁶ units of H2"
