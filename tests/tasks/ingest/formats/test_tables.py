"""Tables: a row says what its figures are, and its place is the row that a person sees.

Run: pytest tests/tasks/ingest/formats/test_tables.py
"""

from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from openpyxl import Workbook
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont

from tasks.errors import BadDocument
from tasks.ingest.parse.formats.tables.cells import date_text, number_text
from tasks.ingest.parse.formats.tables.rows import Row, table_lines
from tasks.settings import ParseConfig
from tests.tasks.ingest.formats import files
from tests.tasks.ingest.formats.reading import document, documents


def test_rows_of_a_workbook_name_their_columns_and_stand_at_their_row(tmp_path: Path) -> None:
    files.workbook(tmp_path / "rents.xlsx")
    read = document(tmp_path / "rents.xlsx")
    assert read.text.splitlines() == [
        "# Rents",
        "",
        "Rents of Quay 7 in 2026.",
        "Side; Tenant; Rent; Since; Share.",
        "Side: North; Tenant: Orrin Boatworks; Rent: 1,450; Since: 2024-03-01; Share: 12.5%.",
        "Side: North; Tenant: Valdur & Sons; Rent: 980.5; Since: 2025-11-15; Share: 8.0%.",
        "Side: South; Tenant: Harbour café; Rent: 2,100; Since: 2020-01-01; Share: 20.0%.",
        "Side: South; Tenant: An empty shed.",
        "Comment on B5 by Ingrid: Moves out in May.",
        "# Two heads",
        "",
        "2025; 2026.",
        "Pump; H1; H2; H1; H2.",
        "Pump: Orrin; 2025 H1: 12; 2025 H2: 14; 2026 H1: 15; 2026 H2: 9.",
    ]
    assert read.place("Harbour café; Rent: 2,100") == "sheet Rents, row 6"
    assert read.place("Moves out in May") == "sheet Rents, row 5"
    assert read.place("2026 H2: 9") == "sheet Two heads, row 3"


def test_what_a_workbook_hides_or_has_not_computed_is_counted(tmp_path: Path) -> None:
    files.workbook(tmp_path / "rents.xlsx")
    assert document(tmp_path / "rents.xlsx").omitted == {
        "formula without a stored value": 1, "hidden column": 1, "hidden row": 1, "hidden sheet": 1,
    }  # fmt: skip


def test_sheets_of_an_opendocument_file_are_read_alike(tmp_path: Path) -> None:
    files.sheets(tmp_path / "boats.ods")
    read = document(tmp_path / "boats.ods")
    assert read.text.splitlines() == [
        "# Boats", "", "Owner; Boat; Launched.", "Owner: Ann; Boat: Tern; Launched: 2026-03-01.",
        "Owner: Ann; Boat: Gull; Launched: 1998.",
    ]  # fmt: skip
    assert read.place("Gull") == "sheet Boats, row 3"
    assert read.omitted == {"hidden row": 1, "hidden sheet": 1}


def test_a_sheet_of_many_rows_is_streamed(tmp_path: Path) -> None:
    book = Workbook(write_only=True)
    sheet = book.create_sheet("Log")
    sheet.append(["Hour", "Level"])
    for hour in range(3000):
        sheet.append([hour, f"level {hour}"])
    book.save(tmp_path / "log.xlsx")
    read = document(tmp_path / "log.xlsx")
    assert read.place("Level: level 2999") == "sheet Log, row 3001"


@pytest.mark.parametrize(
    ("value", "code", "shown"),
    [
        (1450.0, "General", "1450"), (1450.0, "#,##0", "1,450"), (0.125, "0.0%", "12.5%"),
        (-7.5, "#,##0.00 [$€-407]", "-7.50 €"), (1_250_000.0, '#,##0,"k"', "1,250k"),
        (1e-7, "0.00E+00", "1e-07"), (3.0, "0.00", "3.00"),
        (0.1 + 0.2, "General", "0.3"), (12.0, '"Nr. "0', "Nr. 12"),
        (5.0, "000", "005"), (5551234567.0, "(000) 000-0000", "(555) 123-4567"),
        (123456789.0, "000-00-0000", "123-45-6789"), (12.5, "0000.00", "0012.50"),
        (0.0, '0;-0;"nil"', "nil"), (-5.0, '0 "credit";0 "debit"', "5 debit"), (-5.0, "0;(0)", "-5"),
        (-3.0, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "-3.00"),
        (0.0, '_(* #,##0.00_);_(* (#,##0.00);_(* "-"??_);_(@_)', "-"), (-0.004, "0.0", "0.0"),
        (7.0, '[>=5]"high";"low"', "high"), (1.0, '"yes";;"no"', "yes"), (5.0, '0"/"0', "5"),
        (5551234.0, "[<=9999999]###-####;(###) ###-####", "555-1234"),
        (5551234567.0, "[<=9999999]###-####;(###) ###-####", "(555) 123-4567"), (12.0, ";;;", "12"),
    ],
)  # fmt: skip
def test_a_number_reads_as_its_format_shows_it(value: float, code: str, shown: str) -> None:
    assert number_text(value, code) == shown


def test_dates_are_iso_and_as_short_as_they_can_be() -> None:
    epoch = datetime(1899, 12, 30)
    assert date_text(45_352.0, "dd.mm.yyyy", epoch) == "2024-03-01"
    assert date_text(45_352.4375, "m/d/yy h:mm", epoch) == "2024-03-01 10:30"
    assert date_text(1.5, "[h]:mm", epoch) == "36:00"
    assert date_text(1e12, "yyyy", epoch) == "1000000000000"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([["Year", "Outages"], ["2024", "7"]], ["Year; Outages.", "Year: 2024; Outages: 7."]),
        ([["Region", "2024", "2025"], ["North", "7", "9"]],
         ["Region; 2024; 2025.", "Region: North; 2024: 7; 2025: 9."]),
        ([["1", "2"], ["3", "4"]], ["1; 2.", "3; 4."]),
        ([["Ann", "Oslo"], ["Ann", "Rome"]], ["Ann; Oslo.", "Ann; Rome."]),
        ([["Only one line", "of words"]], ["Only one line; of words."]),
        ([["a", "b"], ["1", "2", "beyond"]], ["a; b.", "a: 1; b: 2; beyond."]),
    ],
)  # fmt: skip
def test_the_header_is_told_from_what_stands_below_it(rows: list[list[str]], said: list[str]) -> None:
    assert [line for _, line in table_lines(Row(n, cells) for n, cells in enumerate(rows, 1))] == said


def test_csv_is_read_whatever_separates_its_cells_and_a_row_may_span_lines(tmp_path: Path) -> None:
    path = tmp_path / "outages.csv"
    path.write_text('Date;Pump;Hours\n2026-01-04;"Pump 3;\nthe old one";5,5\n2026-02-11;Größer;2\n', "cp1252")
    read = document(path)
    assert read.text.splitlines()[1:] == [
        "Date: 2026-01-04; Pump: Pump 3; the old one; Hours: 5,5.",
        "Date: 2026-02-11; Pump: Größer; Hours: 2.",
    ]
    assert read.place("Größer") == "row 3"
    (tmp_path / "a.tsv").write_text('who\tsaid\nAnn\t5" pipe\nBen\tno\n')
    assert 'who: Ann; said: 5" pipe.' in document(tmp_path / "a.tsv").text
    (tmp_path / "prose.csv").write_text("This is no table at all. It is a text.\n\nIt has two paragraphs.\n")
    assert document(tmp_path / "prose.csv").place("It has two") == "line 3"


def test_a_column_of_csv_can_hold_documents(tmp_path: Path) -> None:
    path = tmp_path / "notes.csv"
    path.write_text('id,body\n1,"The first note.\n\nIt goes on."\n2,\n3,The third.\n')
    read = documents(path, ParseConfig(csv_field="body"))
    assert read["row=2"].text == "The first note.\n\nIt goes on."
    assert (read["row=3"].row["outcome"], read["row=4"].place("third")) == ("empty_text", "row 4")
    with pytest.raises(BadDocument, match=r"no column 'text', which parse.csv_field names; it has: id, body"):
        document(path, ParseConfig(csv_field="text"))


def test_a_quotation_mark_that_never_closes_loses_no_words(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n" + '1,"open\n' + "2,x\n" * 50)
    assert "open" in document(tmp_path / "a.csv").text


def test_rows_of_parquet_are_documents_and_a_missing_column_says_what_there_is(tmp_path: Path) -> None:
    path = tmp_path / "ferry.parquet"
    table = pa.table({"id": [1, 2, 3], "body": ["The ferry leaves at seven.", None, "It rests on Sundays."]})
    pq.write_table(table, path)
    read = documents(path, ParseConfig(parquet_field="body"))
    assert read["row=3"].place("rests on Sundays") == "row 3"
    assert read["row=2"].row["outcome"] == "empty_text"
    with pytest.raises(BadDocument, match=r"no column 'text'; name one with parse.parquet_field; it has: id"):
        documents(path)
    with pytest.raises(BadDocument, match="column 'id' holds int64, no text"):
        documents(path, ParseConfig(parquet_field="id"))


def test_a_first_line_that_names_the_delimiter_is_no_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"sep=;\r\nPump;Note\r\nOne;a, b, c\r\nTwo;d, e, f\r\n")
    read = document(tmp_path / "a.csv")
    assert read.text == "Pump; Note.\nPump: One; Note: a, b, c.\nPump: Two; Note: d, e, f.\n"
    assert read.place("One") == "row 3"


def test_raised_digits_of_a_cell_are_no_digits_of_its_number(tmp_path: Path) -> None:
    book = Workbook()
    raised = TextBlock(InlineFont(vertAlign="superscript"), "6")
    book.active["A1"] = CellRichText("10", raised, " pixels")
    book.save(tmp_path / "a.xlsx")
    assert "10⁶ pixels" in document(tmp_path / "a.xlsx").text
    super_ = (
        '<style:style style:name="S"><style:text-properties style:text-position="super 58%"/></style:style>'
    )
    cell = (
        '<table:table-cell><text:p>10<text:span text:style-name="S">6</text:span></text:p></table:table-cell>'
    )
    row = f'<table:table table:name="A"><table:table-row>{cell}</table:table-row></table:table>'
    files.opendocument(tmp_path / "a.ods", "spreadsheet", row, super_)
    assert "10⁶" in document(tmp_path / "a.ods").text
