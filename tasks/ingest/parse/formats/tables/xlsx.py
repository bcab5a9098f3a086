"""Workbooks (xlsx, xlsm): every row of every sheet as a line that names its columns, streamed.

What a formula shows is the value that was stored with it: nothing is computed. Hidden sheets, rows and
columns are left out and counted, as are pictures, charts and macros.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.formats.tables.cells import date_text, is_date, number_text
from tasks.ingest.parse.formats.tables.merged import Merged, Merger
from tasks.ingest.parse.formats.tables.rows import Row, table_lines
from tasks.ingest.parse.formats.tables.workbook import (
    Sheet,
    Strings,
    Workbook,
    column_number,
    merged,
    rich_text,
)
from tasks.ingest.parse.zips import children, elements, local, opened, tree
from tasks.settings import ParseConfig

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_LEFT_OUT = (
    (r"xl/media/", "image"),
    (r"xl/charts/chart\d*\.xml", "chart"),
    (r"xl/vbaProject\.bin", "macro"),
    (r"xl/pivotTables/", "pivot table's definition"),
    (r"xl/embeddings/", "embedded file"),
)


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Sheets in order, each below a heading; rows are counted as in the sheet."""
    with opened(path, "xlsx") as archive, Strings() as strings:
        book = Workbook(archive, strings)
        for sheet in book.sheets:
            if sheet.hidden:
                yield Omitted("hidden sheet", where=sheet.name)
            else:
                yield from _Reader(book, sheet).items()
        for form, kind in _LEFT_OUT:
            if count := sum(re.match(form, name) is not None for name in archive.namelist()):
                yield Omitted(kind, count)


class _Reader:
    """One pass over a sheet."""

    def __init__(self, book: Workbook, sheet: Sheet) -> None:
        self.book, self.sheet = book, sheet
        self.place = f"sheet {sheet.name}, row"
        self.omitted: Counter[str] = Counter()
        self.hidden: list[range] = []
        self.merger = Merger()
        with book.archive.open(sheet.path) as stream:
            ranges = merged(stream)
        self.above = {(one.top, one.left): one for one in ranges}

    def items(self) -> Iterator[Item]:
        """The heading, the rows, and what else is written on the sheet."""
        yield from cut(f"# {self.sheet.name}\n\n", self.place, 1)
        with self.book.archive.open(self.sheet.path) as stream:
            for number, line in table_lines(self._rows(stream)):
                yield from cut(f"{line}\n", self.place, number)
        for number, line in sorted(self._beside()):
            yield from cut(f"{line}\n", self.place, number)
        for kind, count in self.omitted.items():
            yield Omitted(kind, count, where=f"sheet {self.sheet.name}")

    def _rows(self, stream: Any) -> Iterator[Row]:
        number = 0
        for element in elements(stream, "row", "col", "oddHeader", "oddFooter"):
            if local(element) == "col":
                self._column(element)
            elif local(element) != "row":
                self.omitted["page header or footer"] += bool(element.text)
            else:
                number = int(element.get("r") or number + 1)
                if element.get("hidden") in ("1", "true"):
                    self.omitted["hidden row"] += any(child.text for child in element.iter("{*}v", "{*}t"))
                else:
                    yield self._row(element, number)

    def _column(self, element: Any) -> None:
        if element.get("hidden") in ("1", "true"):
            self.hidden.append(range(int(element.get("min", "1")), int(element.get("max", "1")) + 1))
            self.omitted["hidden column"] += len(self.hidden[-1])

    def _row(self, element: Any, number: int) -> Row:
        cells: dict[int, str] = {}
        begin: list[Merged] = []
        column = 0
        for cell in element:
            if not cell.tag.endswith("}c"):
                continue
            at = _CELL.match(cell.get("r") or "")
            column = column_number(at[1]) if at else column + 1
            cells[column] = self._text(cell)
            if self.above and (one := self.above.get((number, column))):
                begin.append(one)
        return self.merger.row(number, cells, begin, self.hidden)

    def _text(self, cell: Any) -> str:
        """What a cell shows."""
        kind, value, inline, formula = cell.get("t", "n"), "", None, False
        for child in cell:
            tag = child.tag
            if tag.endswith("}v"):
                value = child.text or ""
            elif tag.endswith("}f"):
                formula = True
            elif tag.endswith("}is"):
                inline = child
        if formula and not value and kind != "str":
            self.omitted["formula without a stored value"] += 1
        if inline is not None:
            return rich_text(inline)
        if not value:
            return ""
        if kind == "s":
            return self.book.strings.get(int(value))
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        if kind == "d":
            return value.removesuffix("T00:00:00").replace("T", " ")
        return self._number(value, self.book.format_of(cell.get("s", "0"))) if kind == "n" else value

    def _number(self, value: str, form: str) -> str:
        try:
            number = float(value)
        except ValueError:
            return value
        return date_text(number, form, self.book.epoch) if is_date(form) else number_text(number, form)

    def _beside(self) -> Iterator[tuple[int, str]]:
        """Comments and text boxes, each with the row that it belongs to."""
        for part in self.book.related(self.sheet.path, "comments"):
            root = tree(self.book.archive, part)
            authors = [one.text or "" for group in children(root, "authors") for one in group]
            for comment in root.iter("{*}comment"):
                at, number = _CELL.match(comment.get("ref", "")), comment.get("authorId", "")
                author = authors[int(number)] if number.isdigit() and int(number) < len(authors) else ""
                said = " ".join(rich_text(comment).split()).removeprefix(f"{author}:").strip()
                if at and said:
                    yield int(at[2]), f"Comment on {at[0]}{' by ' * bool(author)}{author}: {said}"
        for part in self.book.related(self.sheet.path, "drawing"):
            for box in tree(self.book.archive, part).iter("{*}twoCellAnchor", "{*}oneCellAnchor"):
                row = next(
                    (one.text for start in children(box, "from") for one in children(start, "row")), "0"
                )
                for body in box.iter("{*}txBody"):
                    lines = (
                        "".join(one.text or "" for one in line.iter("{*}t")) for line in body.iter("{*}p")
                    )
                    if text := " ".join(" ".join(lines).split()):
                        yield int(row or 0) + 1, text
