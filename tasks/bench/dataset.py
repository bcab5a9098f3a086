"""Files of published data sets: read whole, and refused by path and line where they hold something else."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tasks.errors import InvalidInput


def read_json_lines(path: Path, fields: Mapping[str, type], expected: str) -> list[dict[str, Any]]:
    """Rows of a JSONL file that each hold `fields`.

    Raises:
        InvalidInput: naming the path, the line and what was expected.
    """
    rows = []
    lines = _read(path, expected).rstrip("\n").split("\n")  # splitlines would cut at U+2028 and the like
    for number, line in enumerate(lines, start=1):
        row = _parsed(line, f"{path}:{number}", expected)
        if not isinstance(row, dict) or any(not isinstance(row.get(f), kind) for f, kind in fields.items()):
            raise InvalidInput(f"{path}:{number} is not {expected}: {line[:80]!r}")
        rows.append(row)
    return rows


def read_json(path: Path, expected: str) -> Any:
    """The value that a JSON file holds.

    Raises:
        InvalidInput: naming the path and what was expected.
    """
    return _parsed(_read(path, expected), str(path), expected)


def _read(path: Path, expected: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read as {expected}: {error}") from error


def _parsed(text: str, where: str, expected: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{where} is not {expected}: {error}") from error
