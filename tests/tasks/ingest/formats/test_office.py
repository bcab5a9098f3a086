"""Presentations, books, notebooks, OpenDocument, RTF: what people see is in the text and at its place.

Run: pytest tests/tasks/ingest/formats/test_office.py
"""

import zipfile
from pathlib import Path

import pytest
from pptx import Presentation
from pptx.oxml.ns import qn

from tasks.errors import BadDocument
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.formats.reading import document


def test_slides_are_read_with_titles_tables_charts_and_notes(tmp_path: Path) -> None:
    files.deck(tmp_path / "pumps.pptx")
    read = document(tmp_path / "pumps.pptx")
    assert read.text.startswith(
        "# Pumps of the north quay\n\nReview of spring 2026\n\n## What was repaired\n"
    )
    assert read.place("- The gate valve was replaced") == "slide 2"
    assert read.place("Notes: Mention that the impeller was late.") == "slide 2"
    assert read.place("Part: Impeller; Euros: 4,200.") == "slide 3"
    assert read.place("- 2024: Outages: 7.") == "slide 3"
    assert "Unseen" not in read.text
    assert read.omitted == {"hidden slide": 1, "image": 1}


def test_chapters_of_a_book_follow_its_spine(tmp_path: Path) -> None:
    files.book(tmp_path / "lamp.epub")
    read = document(tmp_path / "lamp.epub")
    assert read.text.startswith("# The Lamp at Skerry Point\nby Maud Ferrier\n")
    assert read.place("ninety steps") == "chapter 1"
    assert read.place("burned dry") == "chapter 2"
    assert "\n## The storm\n\nThe keeper" in read.text
    assert "Page 1" not in read.text
    assert "Two" not in read.text
    assert read.omitted == {"image": 1}


def test_a_protected_book_is_encrypted_and_one_with_scrambled_fonts_is_not(tmp_path: Path) -> None:
    method = '<encryption><EncryptionMethod Algorithm="{}"/></encryption>'
    for name, way in (
        ("drm", "http://www.w3.org/2001/04/xmlenc#aes256-cbc"),
        ("font", "http://ns.adobe.com/pdf/enc#RC"),
    ):
        files.book(tmp_path / f"{name}.epub")
        with zipfile.ZipFile(tmp_path / f"{name}.epub", "a") as archive:
            archive.writestr("META-INF/encryption.xml", method.format(way))
    with pytest.raises(BadDocument, match=r"encrypted: the book is protected \(DRM\)"):
        document(tmp_path / "drm.epub")
    assert "ninety steps" in document(tmp_path / "font.epub").text


def test_cells_of_a_notebook_come_in_order_with_what_they_printed(tmp_path: Path) -> None:
    files.notebook(tmp_path / "gauge.ipynb")
    read = document(tmp_path / "gauge.ipynb")
    assert read.place("# Tide gauge at Orrin") == "cell 1"
    assert read.place("```python\nprint(levels.mean())\n```\n\nOutput: mean level 2.31 m") == "cell 2"
    assert read.place("A raw remark.") == "cell 3"
    assert "row 11\n" in read.text
    assert "row 12\n" not in read.text
    assert read.omitted == {"image": 1, "part of an output": 1}


def test_an_opendocument_text_is_read_with_its_notes_and_comments(tmp_path: Path) -> None:
    files.letter(tmp_path / "survey.odt")
    read = document(tmp_path / "survey.odt")
    assert [line for line in read.text.splitlines() if line] == [
        "Survey of the Lighthouse", "The tower  leans westward.", "Note 1: By two degrees.", "- mortar",
        "- glass", "Cost\t8,000", "Seen in May.", "Comment by Ingrid: By whom?",
    ]  # fmt: skip
    assert read.place("glass") == "paragraph 7"
    assert read.omitted == {"deleted text": 1, "hidden text": 1}


def test_lists_and_chapters_of_opendocument_have_their_numbers(tmp_path: Path) -> None:
    levels = (
        '<text:list-level-style-number text:level="1" style:num-format="1" style:num-suffix="." '
        'text:start-value="3"/>'
        '<text:list-level-style-number text:level="2" style:num-format="a" style:num-prefix="(" '
        'style:num-suffix=")"/>'
        '<text:list-level-style-number text:level="3" style:num-format="I" text:display-levels="3"/>'
    )
    styles = f'<text:list-style style:name="L">{levels}</text:list-style>'
    styles += '<style:style style:name="no"><style:text-properties text:display="none"/></style:style>'

    def of(*items: str, more: str = "") -> str:
        inside = "".join(f"<text:list-item>{item}</text:list-item>" for item in items)
        return f'<text:list text:style-name="L" {more}>{inside}</text:list>'

    third = of("<text:p>deep</text:p>")
    second = of("<text:p>one</text:p>", f"<text:p>two</text:p>{third}")
    body = (
        of(f"<text:p>Pay</text:p>{second}", "<text:h>Sail</text:h>")
        + '<text:p text:style-name="no">unseen</text:p><text:p>Between.</text:p>'
        + of(of("<text:p>on</text:p>"), "<text:p>Rest</text:p>", more='text:continue-numbering="true"')
        + of("<text:p>Anew</text:p>")
    )
    files.opendocument(tmp_path / "terms.odt", "text", body, styles)
    read = document(tmp_path / "terms.odt")
    assert [line for line in read.text.splitlines() if line.strip()] == [
        "3. Pay", "  (a) one", "  (b) two", "    3.b.I deep", "4. Sail", "Between.", "  (a) on", "5. Rest",
        "3. Anew",
    ]  # fmt: skip
    assert read.omitted == {"hidden text": 1}


def test_numbers_raised_digits_and_merged_cells_of_slides_are_read(tmp_path: Path) -> None:
    deck = Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[5])
    frame = slide.shapes.add_textbox(0, 0, 9, 9).text_frame
    for at, (level, kind) in enumerate(((0, "arabicPeriod"), (1, "alphaLcParenR"), (0, "arabicPeriod"))):
        paragraph = frame.paragraphs[0] if not at else frame.add_paragraph()
        paragraph.level = level
        for words in ("Flow of 10", "6"):
            paragraph.add_run().text = words
        paragraph.runs[1].font._element.set("baseline", "30000")
        mark = paragraph._p.get_or_add_pPr().makeelement(qn("a:buAutoNum"), {"type": kind, "startAt": "2"})
        paragraph._p.get_or_add_pPr().append(mark)
    table = slide.shapes.add_table(3, 2, 0, 9, 9, 9).table
    for at, text in enumerate(("Part", "Flow", "Pump", "5", "", "6")):
        table.cell(at // 2, at % 2).text = text
    table.cell(1, 0).merge(table.cell(2, 0))
    deck.save(str(tmp_path / "flow.pptx"))
    said = document(tmp_path / "flow.pptx").text
    assert "2. Flow of 10⁶\n  b) Flow of 10⁶\n3. Flow of 10⁶\n" in said
    assert "Part: Pump; Flow: 5.\nPart: Pump; Flow: 6.\n" in said


def test_slides_of_opendocument_are_numbered(tmp_path: Path) -> None:
    frame = "<draw:frame{}><draw:text-box><text:p>{}</text:p></draw:text-box></draw:frame>"
    title = ' presentation:class="title"'
    pages = (
        f"<draw:page>{frame.format(title, 'Dredging')}{frame.format('', 'The basin is shallow.')}</draw:page>"
        '<draw:page draw:style-name="off"><draw:frame/></draw:page>'
        f"<draw:page>{frame.format('', 'It is dredged in May.')}</draw:page>"
    )
    hidden = '<style:drawing-page-properties presentation:visibility="hidden"/>'
    off = f'<style:style style:name="off">{hidden}</style:style>'
    files.opendocument(tmp_path / "dredging.odp", "presentation", pages, off)
    read = document(tmp_path / "dredging.odp")
    assert read.text.startswith("# Dredging\n\nThe basin is shallow.\n")
    assert (read.place("dredged in May"), read.omitted) == ("slide 3", {"hidden slide": 1})


def test_rtf_is_read_by_its_code_pages_with_notes_and_footers(tmp_path: Path) -> None:
    files.rich(tmp_path / "weir.rtf")
    read = document(tmp_path / "weir.rtf")
    assert [line for line in read.text.splitlines() if line] == [
        "The Weir", "The café at the weir is „open“.", "Note: It opened in 1931.", "Привет", "Boat\tTern",
        "last", "“raw” été", "Harbour office of Orrin",
    ]  # fmt: skip
    assert read.place("Привет") == "paragraph 6"
    assert read.omitted == {"deleted word": 1, "hidden word": 2, "image": 1}


@pytest.mark.parametrize("name", ["a.pptx", "a.xlsx", "a.epub", "a.odt", "a.ods"])
def test_a_damaged_or_huge_zip_of_xml_has_a_reason(tmp_path: Path, name: str) -> None:
    make = {
        ".pptx": files.deck,
        ".xlsx": files.workbook,
        ".epub": files.book,
        ".odt": files.letter,
        ".ods": files.sheets,
    }
    path = tmp_path / name
    make[path.suffix](path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadDocument, match="corrupt: not a readable"):
        document(path)
    path.write_bytes(whole)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/bomb.xml", bytes(40 << 20))
    with pytest.raises(BadDocument, match="too_large: unpacks to"):
        document(path)


def test_entities_of_xml_are_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "boom"><!ENTITY b "&a;&a;"><!ENTITY f SYSTEM "file:///etc/passwd">]>'
    body = "<o:body><o:text><t:p>before &b;&f; after</t:p></o:text></o:body>"
    content = f'{bomb}<o:document-content xmlns:o="o" xmlns:t="t">{body}</o:document-content>'
    mimetype = "application/vnd.oasis.opendocument.text"
    files.zipped(tmp_path / "a.odt", {"content.xml": content}, mimetype)
    text = document(tmp_path / "a.odt").text
    assert ("boom" in text, "root" in text, "before" in text, "after" in text) == (False, False, True, True)
