"""Rows of a table as lines of text: "Tenant: Orrin; Rent: 1,450.", each cell behind the name of its column.

The idea: a line that is found alone must still say what its figures are. Which row names the columns is told
from the first rows; a table without such a row has its cells alone.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice

SAMPLE = 30
"""Rows by which the header is told."""
_TITLES = 10
"""So many of them may stand above the header."""
_LONGEST_NAME = 80
_VALUE = re.compile(
    r"[-+(]?[$€£¥]?\s?\d[\d.,' \u00a0\u202f]*\s?(?:[%$€£¥)]|[A-Z]{3})?|\d{4}-\d\d(?:-\d\d.*)?"
    r"|\d{1,2}[./]\d{1,2}[./]\d{2,4}|\d{1,2}:\d\d.*|(?i:true|false|yes|no|n/a|-)"
)
_YEAR = re.compile(r"(?:19|20|21)\d\d")
_ENDED = re.compile(r"[.!?…؟۔।。！？][\"'”’)\]]*$")


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its number, from 1, and the text of its cells; an empty cell is ""."""

    number: int
    cells: Sequence[str]
    groups: Sequence[str] = ()
    """The same with what spans several columns in each of them: above a header it names groups of columns."""


def table_lines(rows: Iterable[Row]) -> Iterator[tuple[int, str]]:
    """(number of the row, line without line end) of every row that holds anything."""
    filled = (row for row in rows if any(row.cells))
    sample = list(islice(filled, SAMPLE))
    at = header_at(sample)
    names = _names(sample, at)
    for number, row in enumerate(chain(sample, filled)):
        cells = [" ".join(cell.split()) for cell in row.cells]
        if number <= at:
            yield row.number, _line([], cells)
        else:
            yield row.number, _line(names, cells)


def header_at(sample: Sequence[Row]) -> int:
    """Index of the row that names the columns, -1 for none."""
    counts = [sum(map(bool, row.cells)) for row in sample]
    widest = max(counts[: _TITLES + 1], default=0)
    for at, row in enumerate(sample[:_TITLES]):
        if counts[at] >= max(2, (widest + 1) // 2):
            below = [one.cells for one in sample[at + 1 :]]
            if row.groups and len(below) > 1 and _is_header(below[0], below[1:]):
                return at + 1
            return at if below and _is_header(row.cells, below) else -1
    return -1


def _is_header(cells: Sequence[str], below: Sequence[Sequence[str]]) -> bool:
    """Whether cells name what stands below them: words where values follow, and not one of these again."""
    named = [(column, cell) for column, cell in enumerate(cells) if cell]
    words = [cell for _, cell in named if not _VALUE.fullmatch(cell)]
    rest = [cell for _, cell in named if _VALUE.fullmatch(cell)]
    if not words or not all(map(_YEAR.fullmatch, rest)) or max(map(len, words)) > _LONGEST_NAME:
        return False
    columns = [[row[column] for row in below if column < len(row) and row[column]] for column, _ in named]
    if any(cell in column for (_, cell), column in zip(named, columns, strict=True)):
        return False
    if any(column and all(map(_VALUE.fullmatch, column)) for column in columns):
        return True
    return not rest and not any(_ENDED.search(cell) or "@" in cell for cell in words)


def _names(sample: Sequence[Row], at: int) -> list[str]:
    """Names of the columns, each behind that of its group."""
    if at < 0:
        return []
    names = [" ".join(cell.split()).rstrip(": ") for cell in sample[at].cells]
    above = sample[at - 1].groups if at else ()
    groups = [" ".join(cell.split()) for cell in above[: len(names)]]
    groups += [""] * (len(names) - len(groups))
    return [f"{group} {name}".strip() if name else "" for group, name in zip(groups, names, strict=True)]


def _line(names: Sequence[str], cells: Sequence[str]) -> str:
    said = [
        f"{names[column]}: {cell}" if column < len(names) and names[column] else cell
        for column, cell in enumerate(cells)
        if cell
    ]
    line = "; ".join(said)
    return line if _ENDED.search(line[-4:]) else f"{line}."
