"""PDF pages: lines in reading order, words whole, what is filled in and noted, and what has no text is named.

Run: pytest tests/tasks/ingest/test_parse_pdf.py
"""

import random
import time
from pathlib import Path

import pytest

from tasks.ingest.parse.base import Omitted, TextSpan
from tasks.ingest.parse.formats.pdf import parse, spans
from tasks.ingest.parse.formats.pdf_layout import Segment, rows_of, text_of
from tasks.settings import ParseConfig
from tests.pdfs import Placed, picture, show, write

LINES = [
    "The lighthouse at Varn was painted in May.",
    "Its lamp came from a yard beyond the bay.",
    "Old keepers wrote each storm into a book.",
    "None of the pages was ever lost or torn.",
]
OTHERS = [
    "A second column tells of boats and crews.",
    "Every crew had eleven oars and one cook.",
    "They rowed to the island twice a summer.",
    "The last of them retired to the village.",
]


def down(lines: list[str], x: float = 60, top: float = 700) -> list[Placed]:
    return [(x, top - 14 * at, line) for at, line in enumerate(lines)]


def read(path: Path) -> tuple[list[str], dict[str, tuple[int, str]]]:
    """Lines of a document, and what is left out of it."""
    items = list(parse(path, ParseConfig(ocr="never")))
    text = "".join(item.text for item in items if isinstance(item, TextSpan))
    omitted = {item.kind: (item.count, item.where) for item in items if isinstance(item, Omitted)}
    return [line for line in text.split("\n") if line], omitted


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
def test_the_rotation_of_a_page_changes_no_line_of_it(rotate: int, tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", [show(*down(LINES))], rotate=rotate)
    assert read(tmp_path / "a.pdf") == (LINES, {})


@pytest.mark.parametrize(
    ("turned", "places"),
    [
        (90, [(100 + 14 * at, 60) for at in range(4)]),
        (270, [(500 - 14 * at, 700) for at in range(4)]),
        (180, [(500, 100 + 14 * at) for at in range(4)]),
    ],
)
def test_lines_that_run_upwards_or_downwards_are_read_along_their_letters(
    turned: int, places: list[tuple[float, float]], tmp_path: Path
) -> None:
    words = [(x, y, line) for (x, y), line in zip(places, LINES, strict=True)]
    for rotate in (0, turned):
        write(tmp_path / "a.pdf", [show(*words, turned=turned)], rotate=rotate)
        assert read(tmp_path / "a.pdf")[0] == LINES


def test_a_margin_that_runs_upwards_stands_beside_the_text_not_in_it(tmp_path: Path) -> None:
    page = show(*down(LINES)) + "\n" + show((30, 300, "Printed upwards"), turned=90)
    write(tmp_path / "a.pdf", [page])
    assert read(tmp_path / "a.pdf")[0] == [*LINES, "Printed upwards"]


@pytest.mark.parametrize("offset", [0, 7])
def test_columns_are_read_one_after_the_other_though_they_were_written_row_by_row(
    offset: float, tmp_path: Path
) -> None:
    title = "A title above both columns, which runs from the one to the other"
    both = zip(down(LINES), down(OTHERS, 330, 700 - offset), strict=True)
    write(tmp_path / "a.pdf", [show((60, 740, title), *(one for row in both for one in row))])
    assert read(tmp_path / "a.pdf")[0] == [title, *LINES, *OTHERS]


def test_columns_of_a_page_that_stands_on_its_head_are_read_one_after_the_other(tmp_path: Path) -> None:
    both = zip(down(LINES, 540, 100), down(OTHERS, 270, 100), strict=True)
    page = show(*((x, 200 - y, text) for row in both for x, y, text in row), turned=180)
    write(tmp_path / "a.pdf", [page])
    assert read(tmp_path / "a.pdf")[0] == [*LINES, *OTHERS]


def test_a_row_of_a_table_is_a_line_with_its_cells_apart(tmp_path: Path) -> None:
    rows = [("Part", "Torque", "Price"), ("M6 bolt", "9.5 Nm", "12.00"), ("M8 bolt", "23 Nm", "14.50")]
    rows += [("M10 bolt", "45 Nm", "19.00"), ("M12 bolt", "80 Nm", "22.00")]
    cells = [
        (60.0 + 150 * x, 700.0 - 14 * y, cell) for y, row in enumerate(rows) for x, cell in enumerate(row)
    ]
    write(tmp_path / "a.pdf", [show(*cells)])
    assert read(tmp_path / "a.pdf")[0] == ["\t".join(row) for row in rows]


def test_lines_that_were_written_upwards_are_read_downwards(tmp_path: Path) -> None:
    write(tmp_path / "a.pdf", [show(*reversed(down(LINES)))])
    assert read(tmp_path / "a.pdf")[0] == LINES


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["the surveyors met an un-", "expected gale"], "the surveyors met an unexpected\ngale"),
        (["it was a self-", "governing town"], "it was a self-governing\ntown"),
        (["a long-", "term lease"], "a long-term\nlease"),
        (["a state-of-", "the-art pump"], "a state-of-the-art\npump"),
        (["an E-", "Mail to Kurt"], "an E-Mail\nto Kurt"),
        (["the Anglo-", "Norwegian line"], "the Anglo-Norwegian\nline"),
        (["a re-", "cording, and a re-cording of it"], "a re-cording,\nand a re-cording of it"),
        (["Ein-", "und Ausgang"], "Ein-\nund Ausgang"),
        (["of SUPPLE-", "MENT two"], "of SUPPLEMENT\ntwo"),
    ],
)
def test_a_word_that_a_line_end_has_cut_is_whole_and_a_hyphen_of_its_own_stays(
    lines: list[str], said: str, tmp_path: Path
) -> None:
    write(tmp_path / "a.pdf", [show(*down(lines))])
    assert "\n".join(read(tmp_path / "a.pdf")[0]) == said


def test_letters_drawn_apart_are_words(tmp_path: Path) -> None:
    page = [
        show((60, 700, "NOTICE OF SALE"), spaced=6),
        show((60, 680, "L E A S E   O F   L A N D")),
        show((60, 670, "T I T L E  O F  A  D E E D")),
        show((60, 660, "Annexes A B C D E F apply")),
        show(*[(60.0 + 16 * at, 640.0, letter) for at, letter in enumerate("DEED OF GIFT") if letter != " "]),
        show(
            *[(60.0 + 10 * at, 620.0, letter) for at, letter in enumerate("bill of rights") if letter != " "]
        ),
    ]
    write(tmp_path / "a.pdf", ["\n".join(page)])
    assert read(tmp_path / "a.pdf")[0] == [
        "NOTICE OF SALE", "LEASE OF LAND", "TITLE OF A DEED", "Annexes A B C D E F apply", "DEED OF GIFT",
        "bill of rights",
    ]  # fmt: skip


def test_what_is_filled_in_stands_beside_its_label_and_what_is_noted_below(tmp_path: Path) -> None:
    box = "/Rect[160 {} 400 {}]".format
    notes = [
        f"/Subtype/Widget/FT/Tx/T(name){box(697, 712)}/V(Ida Holt)",
        f"/Subtype/Widget/FT/Ch/T(kind){box(667, 682)}/Opt[(sale)(lease)]/V(lease)",
        f"/Subtype/Widget/FT/Btn/T(ok){box(637, 652)}/AS/Yes/V/Yes/AP<</N<</Yes null>>>>",
        f"/Subtype/FreeText{box(500, 520)}/Contents(Stamped on arrival)",
        f"/Subtype/Text{box(400, 420)}/Contents(Ask counsel)",
        f"/Subtype/Widget/FT/Tx/Ff 8192/T(pin){box(607, 622)}/V(4711)",
        f"/Subtype/Text/F 2{box(300, 320)}/Contents(Nobody sees this)",
        f"/Subtype/Popup{box(400, 420)}/Contents(Ask counsel)",
    ]
    page = show((60, 700, "Tenant:"), (60, 670, "Deed:"), (60, 640, "Paid:"), (60, 200, "End of form"))
    write(tmp_path / "a.pdf", [page], notes=notes, catalog="/AcroForm<</Fields[ANNOTATIONS]>>")
    lines, _ = read(tmp_path / "a.pdf")
    assert lines[:2] == ["Tenant:\tIda Holt", "Deed:\tlease"]
    assert lines[-3:] == ["Stamped on arrival", "End of form", "[Ask counsel]"]


def test_pages_of_pictures_are_named_and_images_are_counted(tmp_path: Path) -> None:
    full = picture(0, 0, 612, 792)
    pages = [show((60, 700, "Cover")), full, full, show((60, 700, "In between")) + picture(60, 60, 50, 50)]
    pages += ["", full + show((60, 20, "Sheet 6"))]
    write(tmp_path / "a.pdf", pages)
    lines, omitted = read(tmp_path / "a.pdf")
    assert lines == ["Cover", "In between", "Sheet 6"]
    assert omitted == {
        "page without text": (2, "pages 2-3"), "scanned page": (1, "page 6"), "image": (1, ""),
    }  # fmt: skip


def test_pages_are_named_as_people_name_them() -> None:
    assert [spans([3]), spans([2, 3, 4, 9]), spans([1, 3])] == ["page 3", "pages 2-4, 9", "pages 1, 3"]


def test_a_page_of_many_cells_in_any_order_is_read_row_by_row_and_soon() -> None:
    cells = [
        Segment(f"cell {at}", 30.0 * (at % 20), 30.0 * (at % 20) + 20, 700.0 - at // 20 * 12, 10, at)
        for at in range(1000)
    ]
    shuffled = random.Random(3).sample(cells, len(cells))
    began = time.process_time()
    assert [one for row in rows_of(shuffled) for one in row] == cells
    assert text_of([[Segment("a" * 200_000 + "-", 0, 1, 700, 10, 0, True)], [Segment("b", 0, 1, 690, 10, 1)]])
    assert time.process_time() - began < 3


def test_a_line_beside_the_page_is_counted_and_not_read(tmp_path: Path) -> None:
    write(
        tmp_path / "a.pdf",
        [show((60, 700, "On the page"), (60, 9000, "Far above it"), (-400, 680, "Left of it"))],
    )
    assert read(tmp_path / "a.pdf") == (["On the page"], {"line beside the page": (2, "")})


def sized(x: float, y: float, words: str, size: float, how: str = "") -> str:
    return f"BT {how} /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({words}) Tj ET\n"


def test_a_raised_number_is_no_digit_of_the_number_before_it(tmp_path: Path) -> None:
    page = (
        sized(72, 700, "Some 10", 11) + sized(112.5, 705, "6", 7) + sized(116.5, 700, "m", 11)
        + sized(72, 680, "As agreed", 11) + sized(121.1, 685, "12", 7) + sized(132, 680, "in 1931, H", 11)
        + sized(180.8, 677, "2", 7) + sized(185, 680, "O", 11) + sized(72, 660, "Rent", 11)
        + sized(200, 664, "2024", 7)
        + sized(72, 640, "a", 11) + sized(78.1, 645, "2", 7) + sized(82, 640, "= c", 11)
    )  # fmt: skip
    write(tmp_path / "a.pdf", [page])
    assert read(tmp_path / "a.pdf")[0] == ["Some 10⁶m", "As agreed¹² in 1931, H2O", "Rent\t2024", "a² = c"]


def test_words_that_nobody_sees_are_left_out_and_white_ones_on_a_bar_are_read(tmp_path: Path) -> None:
    bar, dot = "0 0 0 rg 60 690 300 30 re f\n", picture(60, 400, 300, 30)
    page = (
        bar + "1 1 1 rg\n" + sized(72, 700, "White on black.", 11) + sized(72, 660, "White on paper.", 11)
        + "0 0 0 rg\n" + sized(72, 640, "Black.", 11) + sized(72, 620, "Not drawn.", 11, "3 Tr")
        + dot + sized(72, 410, "Read by a scanner.", 11, "3 Tr")
    )  # fmt: skip
    write(tmp_path / "a.pdf", [page])
    lines, omitted = read(tmp_path / "a.pdf")
    assert lines == ["White on black.", "Black.", "Read by a scanner."]
    assert omitted == {"hidden text": (2, ""), "image": (1, "")}
