"""Rows of HTML tables, each cell in its column: one that spans rows is read in every row it reaches into.

The idea: a row that is found alone must still say what it is about, and its cells stand below their heads.
"""

from collections.abc import Mapping

_MOST_COLUMNS, _MOST_ROWS = 1000, 65_534
"""Columns and rows that a browser lets a cell span."""
_MOST_REPEATED = 1 << 20
"""Characters and cells of a page that are said again for cells that span rows; behind these, none is."""


class _Table:
    """A table that is open."""

    def __init__(self) -> None:
        self.row: list[str] | None = None
        """The cells of the row that is open."""
        self.says = False
        """Whether one of these is of this row alone."""
        self.down: dict[int, tuple[int, str]] = {}
        """By column, in how many more rows a cell from above stands, and its text."""


class Tables:
    """The tables that are open, one inside the other."""

    def __init__(self) -> None:
        self._open: list[_Table] = []
        self._left = _MOST_REPEATED

    @property
    def in_row(self) -> bool:
        """Whether a cell belongs to a row."""
        return bool(self._open) and self._open[-1].row is not None

    def begin(self) -> None:
        """A table begins."""
        self._open.append(_Table())

    def end(self) -> None:
        """The innermost table ends."""
        if self._open:
            self._open.pop()

    def begin_row(self) -> None:
        """A row begins, though it be in no table."""
        if not self._open:
            self.begin()
        self._open[-1].row, self._open[-1].says = [], False

    def cell(self, text: str, spans: tuple[int, int]) -> None:
        """Put a cell into the row; `spans` are its rows and columns."""
        table = self._open[-1]
        row = table.row
        if row is None:
            return
        self._reach(table, row)
        rows, columns = spans
        if rows > 1 and self._left > 0:
            table.down |= {len(row) + at: (rows - 1, "" if at else text) for at in range(columns)}
        table.says = table.says or bool(text)
        row += [text, *[""] * (columns - 1)]

    def end_row(self) -> list[str]:
        """The cells of the row, without empty ones at its end."""
        table = self._open[-1] if self._open else _Table()
        row, table.row = table.row or [], None
        self._reach(table, row)
        for _ in range(len(row), max(table.down, default=-1) + 1):
            self._reach(table, row)
            row.append("")
            self._left -= 1
        while row and not row[-1]:
            row.pop()
        return row if table.says else []

    def _reach(self, table: _Table, row: list[str]) -> None:
        """Put in the cells from above that stand next in the row."""
        while (at := len(row)) in table.down:
            rows, text = table.down.pop(at)
            if rows > 1:
                table.down[at] = rows - 1, text
            row.append(text)
            self._left -= len(text) + 1
            if self._left < 0:
                table.down.clear()


def spans(attributes: Mapping[str, str]) -> tuple[int, int]:
    """How many rows and columns a cell spans; 0 rows are all that follow."""
    rows, columns = (attributes.get(name, "").strip()[:6] for name in ("rowspan", "colspan"))
    down = min(int(rows), _MOST_ROWS) if rows.isdecimal() else 1
    return down or _MOST_ROWS, min(max(1, int(columns) if columns.isdecimal() else 1), _MOST_COLUMNS)
