"""JSONL: every row with a text is a document of its own; a broken row harms no other."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Decoded, Item, TextSpan, cut
from tasks.ingest.parse.encoding import encoding_of
from tasks.settings import ParseConfig


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Rows streamed one by one; part and row are numbered alike, blank lines counted but not kept."""
    decoded = _encoding(path)
    broken = "surrogateescape" if decoded.encoding.startswith("utf-8") else "replace"
    with path.open(encoding=decoded.encoding, errors=broken, newline="\n") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            yield replace(decoded, part=number - 1)
            text, reason = _text(line, config.jsonl_field)
            label, part = f"row={number}", number - 1
            if reason or not text.strip():
                yield TextSpan(
                    "", "row", number, part, label, reason or "empty_text: the row's text is empty"
                )
            else:
                yield from cut(text, "row", number, part, label)


def _encoding(path: Path) -> Decoded:
    """Of the file; where no encoding fits all of it, rows that are not UTF-8 are broken, the others not."""
    try:
        return encoding_of(path)
    except BadDocument:
        return Decoded("utf-8")


def _text(line: str, field: str) -> tuple[str, str]:
    """A row's text, or why it has none."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return "", f"corrupt: not JSON: {error}"
    if not isinstance(row, dict) or not isinstance(row.get(field), str):
        return "", f"corrupt: no text in field {field!r}; name another with parse.jsonl_field"
    try:
        row[field].encode()
    except UnicodeEncodeError as error:
        return "", f"corrupt: not a Unicode text: {error.reason}"
    return row[field].replace("\r\n", "\n").replace("\r", "\n"), ""
