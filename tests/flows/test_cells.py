"""Lines of a terminal hold as many cells as they should, whatever is written in them.

Run: pytest tests/flows/test_cells.py
"""

import pytest

from flows.cells import cells, cut, isolated, wrapped
from flows.show import table


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("六分仪", 6), ("น้ำ", 2), ("กี่", 1), ("é", 1), ("ﾊﾞ", 2)]
)
def test_a_wide_character_takes_two_cells_and_a_sign_at_a_letter_none(text: str, width: int) -> None:
    assert cells(text) == width


def test_columns_stand_below_each_other() -> None:
    rows = table(["title", "date"], [["星槎号航海日志", "1987"], ["Log", "2024"]])
    assert {cells(row[: row.index(row.split()[-1])]) for row in rows} == {16}


def test_no_line_of_a_wide_text_is_too_long_and_none_begins_with_a_stop() -> None:
    text = "大副陈默负责保管船上的六分仪。" * 8 + " GPS ok。"
    lines = wrapped(text, 40, "  ")
    assert max(map(cells, lines)) <= 40
    assert all(line.startswith("  ") and line[2] != "。" for line in lines)
    assert "".join(line[2:] for line in lines).replace(" ", "") == text.replace(" ", "")


def test_a_title_is_cut_by_its_cells() -> None:
    assert cut("星槎号航海日志", 11) == "星槎号航..."
    assert cut("Log", 11) == "Log"


def test_a_title_from_right_to_left_keeps_to_itself() -> None:
    assert isolated("تقرير") == "\u2068تقرير\u2069"
    assert isolated("Report") == "Report"
