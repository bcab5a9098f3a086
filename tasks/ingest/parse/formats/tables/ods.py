"""Tables of OpenDocument (ods): every row of every sheet as a line that names its columns, streamed.

A cell is read as it is shown, but for dates, which are ISO.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.formats.odf import left_out, paragraph
from tasks.ingest.parse.formats.tables.merged import Merged, Merger
from tasks.ingest.parse.formats.tables.rows import Row, table_lines
from tasks.ingest.parse.zips import attribute, children, elements, local, opened
from tasks.settings import ParseConfig

_MOST_REPEATED = 1000
"""Rows or columns that repeat oftener fill the rest of a sheet with a colour or a border."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Sheets in order, each below a heading; rows are counted as in the sheet."""
    with opened(path, "ods") as archive:
        with archive.open("content.xml") as stream:
            reader = _Reader(elements(stream, "style", "table-column", "table-row", "table"))
            while reader.sheet is not None:
                yield from reader.items()
        yield from left_out(archive)


class _Reader:
    """One pass over all sheets."""

    def __init__(self, stream: Iterator[Any]) -> None:
        self.stream = stream
        self.hidden_styles, self.raised = set[str](), set[str]()
        self.sheet: str | None = ""
        self._forward()

    def _forward(self) -> None:
        """To the first column or row of the next sheet."""
        self.held = None
        for element in self.stream:
            if local(element) == "style":
                for about in children(element, "table-properties"):
                    if attribute(about, "display") == "false":
                        self.hidden_styles.add(attribute(element, "name"))
                for about in children(element, "text-properties"):
                    if attribute(about, "text-position").startswith("super"):
                        self.raised.add(attribute(element, "name"))
            elif local(element) != "table":
                self.held = element
                break
        table = next(self.held.iterancestors("{*}table"), None) if self.held is not None else None
        self.sheet = attribute(table, "name") if table is not None else None
        self.hidden = table is not None and attribute(table, "style-name") in self.hidden_styles

    def items(self) -> Iterator[Item]:
        """The sheet, to its end."""
        name, place = self.sheet, f"sheet {self.sheet}, row"
        self.merger, self.columns, self.column = Merger(), list[range](), 1
        self.omitted: Counter[str] = Counter()
        if self.hidden:
            yield Omitted("hidden sheet", where=name or "")
            for _ in self._rows():
                pass
        else:
            yield from cut(f"# {name}\n\n", place, 1)
            for number, line in table_lines(self._rows()):
                yield from cut(f"{line}\n", place, number)
            for kind, count in self.omitted.items():
                yield Omitted(kind, count, where=f"sheet {name}")
        self._forward()

    def _rows(self) -> Iterator[Row]:
        number = 0
        element = self.held
        while element is not None and local(element) != "table":
            if local(element) == "table-column":
                self._column(element)
            elif local(element) == "table-row":
                times = _repeated(element, "number-rows-repeated")
                if attribute(element, "visibility") in ("collapse", "filter"):
                    self.omitted["hidden row"] += times * any(child.text for child in element.iter("{*}p"))
                else:
                    row = self._row(element, number + 1)
                    filled = any(row.cells)
                    for again in range(min(times, _MOST_REPEATED) if filled else 0):
                        yield Row(number + 1 + again, row.cells, row.groups)
                number += times
            element = next(self.stream, None)

    def _column(self, element: Any) -> None:
        times = _repeated(element, "number-columns-repeated")
        if attribute(element, "visibility") in ("collapse", "filter"):
            self.columns.append(range(self.column, self.column + times))
            self.omitted["hidden column"] += times
        self.column += times

    def _row(self, element: Any, number: int) -> Row:
        cells: dict[int, str] = {}
        begin: list[Merged] = []
        column = 1
        for cell in children(element, "table-cell", "covered-table-cell"):
            times = _repeated(cell, "number-columns-repeated")
            if text := self._text(cell) if local(cell) == "table-cell" else "":
                cells |= dict.fromkeys(range(column, column + min(times, _MOST_REPEATED)), text)
                down = _repeated(cell, "number-rows-spanned")
                wide = _repeated(cell, "number-columns-spanned")
                if down > 1 or wide > 1:
                    begin.append(Merged(number, column, number + down - 1, column + wide - 1))
            column += times
        return self.merger.row(number, cells, begin, self.columns)

    def _text(self, cell: Any) -> str:
        if when := attribute(cell, "date-value"):
            return when.removesuffix("T00:00:00").replace("T", " ").partition(".")[0]
        said = " ".join(paragraph(one, self.raised) for one in children(cell, "p"))
        notes = [
            " ".join(paragraph(one) for one in note.iter("{*}p")) for note in children(cell, "annotation")
        ]
        if not said and attribute(cell, "formula"):
            self.omitted["formula without a stored value"] += 1
        return " ".join(filter(None, [said, *(f"(comment: {note})" for note in notes if note)]))


def _repeated(element: Any, name: str) -> int:
    value = attribute(element, name, "1")
    return max(1, int(value)) if value.isdigit() else 1
