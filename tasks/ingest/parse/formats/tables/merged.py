"""Merged cells: every row that shares a cell is read with it, and a cell above several columns names them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tasks.ingest.parse.formats.tables.rows import Row

_MOST_COLUMNS, _WIDEST = 16_384, 100
"""Columns of a sheet, and of a cell that names a group of them."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A range of cells that show the value of the first: rows and columns from 1, both ends included."""

    top: int
    left: int
    bottom: int
    right: int


class Merger:
    """Rows of a sheet one after the other, with the merged cells that reach into them."""

    def __init__(self) -> None:
        self._down: dict[int, tuple[Merged, str]] = {}

    def row(
        self, number: int, cells: Mapping[int, str], merged: Iterable[Merged], hidden: Iterable[range] = ()
    ) -> Row:
        """A row of the table.

        Args:
            cells: text by column, from 1.
            merged: ranges that begin in this row.
            hidden: columns that are left out.
        """
        filled, wide = dict(cells), dict[int, str]()
        for one in merged:
            text = cells.get(one.left, "")
            if text and one.bottom > number:
                self._down[one.left] = one, text
            elif text:
                wide |= dict.fromkeys(range(one.left + 1, min(one.right, one.left + _WIDEST) + 1), text)
        for column, (one, text) in list(self._down.items()):
            if one.top < number <= one.bottom:
                filled[column] = text
            elif one.bottom < number:
                del self._down[column]
        groups = bool(wide) and len(set(filter(None, filled.values()))) > 1
        shown = _shown(filled, hidden)
        return Row(number, shown, _shown(filled | wide, hidden) if groups and shown else ())


def _shown(cells: Mapping[int, str], hidden: Iterable[range]) -> list[str]:
    """Cells from the first column to the last that holds anything, without hidden ones."""
    last = min(max((column for column, text in cells.items() if text), default=0), _MOST_COLUMNS)
    columns: Iterable[int] = range(1, last + 1)
    for some in hidden:
        columns = [column for column in columns if column not in some]
    return [cells.get(column, "") for column in columns]
