"""CSV, TSV and their relatives: a line for every row, each cell behind the name of its column.

The delimiter is the one that cuts the first rows into the most regular cells. Where `parse.csv_field` names a
column, every row is a document of its own instead, its text that of the column.
"""

import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TextIO

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, TextSpan, cut
from tasks.ingest.parse.encoding import encoding_of
from tasks.ingest.parse.formats import text
from tasks.ingest.parse.formats.tables.rows import Row, table_lines
from tasks.settings import ParseConfig

_DELIMITERS = ",;\t|"
_SAMPLE_CHARS, _SAMPLE_ROWS = 1 << 17, 100
_SAID = re.compile(r"\"?sep=([^\w\s\"]|\t)\"?\r?\n?", re.IGNORECASE)
"""A first line that tells a spreadsheet the delimiter; it is no row of the table."""
_LONGEST_CELL = 96 << 20
"""Characters of a cell; a longer one is a quotation mark that is never closed."""
_REGULAR = 0.6
"""Share of rows with equally many cells that a table has."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Rows, counted as a spreadsheet counts them: one that spans lines is one. Prose is read as prose."""
    csv.field_size_limit(_LONGEST_CELL)
    decoded = encoding_of(path)
    try:
        with path.open(encoding=decoded.encoding, newline="") as file:
            sample = file.read(_SAMPLE_CHARS)
            said = _SAID.match(sample)
            dialect = _made(said[1], csv.QUOTE_MINIMAL) if said else _dialect(sample)
            file.seek(0)
            if dialect is None and not config.csv_field:
                yield from text.parse(path, config)
                return
            yield decoded
            rows = islice(_rows(file, dialect or csv.excel), 1 if said else 0, None)
            if config.csv_field:
                yield from _documents(rows, config.csv_field)
            else:
                for number, line in table_lines(rows):
                    yield from cut(f"{line}\n", "row", number)
    except UnicodeDecodeError as error:
        raise BadDocument("corrupt", f"bytes that are not {decoded.encoding}: {error.reason}") from error
    except csv.Error as error:
        raise BadDocument("corrupt", f"{error}: a quotation mark that is never closed?") from error


def _rows(file: TextIO, dialect: type[csv.Dialect]) -> Iterator[Row]:
    for number, cells in enumerate(csv.reader(file, dialect), 1):
        yield Row(number, [cell.strip() for cell in cells])


def _documents(rows: Iterator[Row], field: str) -> Iterator[TextSpan]:
    """A document for each row below the first, which names the columns."""
    names = next(rows, Row(1, ())).cells
    if field not in names:
        has = ", ".join(filter(None, names)) or "none"
        raise BadDocument("unsupported", f"no column {field!r}, which parse.csv_field names; it has: {has}")
    column = names.index(field)
    for part, row in enumerate(rows):
        if not any(row.cells):
            continue
        said = row.cells[column] if column < len(row.cells) else ""
        label = f"row={row.number}"
        if said:
            yield from cut(said.replace("\r\n", "\n").replace("\r", "\n"), "row", row.number, part, label)
        else:
            yield TextSpan("", "row", row.number, part, label, "empty_text: the row's text is empty")


def _dialect(sample: str) -> type[csv.Dialect] | None:
    """How the table is written; None where no delimiter makes one of it."""
    best, found = (0.0, 0), None
    for delimiter in _DELIMITERS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            dialect = _made(delimiter, quoting)
            lines = sample.splitlines(keepends=True)
            whole = lines if len(sample) < _SAMPLE_CHARS else lines[:-1] or lines
            try:
                widths = [len(row) for row in islice(csv.reader(whole, dialect), _SAMPLE_ROWS) if any(row)]
            except csv.Error:
                continue
            width, often = Counter(widths).most_common(1)[0] if widths else (1, 0)
            regular = often / max(1, len(widths))
            balanced = quoting == csv.QUOTE_MINIMAL or sample.count('"') % 2 == 1
            if width > 1 and regular >= _REGULAR and balanced and (regular, len(widths)) > best:
                best, found = (regular, len(widths)), dialect
    return found


def _made(delimiter: str, quoting: int) -> type[csv.Dialect]:
    return type("Found", (csv.excel,), {"delimiter": delimiter, "quoting": quoting, "strict": False})
