"""Jupyter notebooks: cells in order, text as it is, code between fences, the beginning of what it printed."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.settings import ParseConfig

_OUTPUT_CHARS, _OUTPUT_LINES = 600, 12
"""Of what a cell printed so much is kept."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """A place for each cell, numbered from 1."""
    try:
        book = json.loads(path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadDocument("corrupt", f"not a notebook: {error}") from error
    if not isinstance(book, dict):
        raise BadDocument("corrupt", "not a notebook: no JSON object")
    sheets = book.get("worksheets") or [book]  # nbformat 3 has sheets
    cells = [cell for sheet in sheets if isinstance(sheet, dict) for cell in _dicts(sheet.get("cells"))]
    name = _language(book)
    for number, cell in enumerate(cells, 1):
        yield from _cell(cell, number, name)


def _language(book: dict[str, Any]) -> str:
    """The language of the code, as the fences name it."""
    about = [found for one in _dicts([book.get("metadata")]) for found in _dicts([one.get("language_info")])]
    return next((str(one["name"]) for one in about if "name" in one), "")


def _cell(cell: dict[str, Any], number: int, language: str) -> Iterator[Item]:
    source = _text(cell.get("source", cell.get("input"))).strip("\n")
    kind = cell.get("cell_type")
    if kind == "heading":  # nbformat 3
        level = str(cell.get("level", 1))
        source = f"{'#' * int(level) if level in '123456' else '#'} {source}"
    if kind == "code" and source.strip():
        source = f"```{language}\n{source}\n```"
    if source.strip():
        yield from cut(f"{source}\n\n", "cell", number)
    for files in _dicts([cell.get("attachments")]):
        yield Omitted("image", len(files), where=f"cell {number}")
    for output in _dicts(cell.get("outputs")):
        yield from _output(output, number)


def _output(output: dict[str, Any], number: int) -> Iterator[Item]:
    kind, data = output.get("output_type"), output.get("data", output)
    data = data if isinstance(data, dict) else {}
    images = sum(name.startswith("image/") or name in ("png", "jpeg", "svg") for name in data)
    if images:
        yield Omitted("image", where=f"cell {number}")
    said = _text(output.get("text") or ("" if images else data.get("text/plain")))
    if kind in ("error", "pyerr"):
        said = f"{output.get('ename', '')}: {output.get('evalue', '')}"
    said = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in said.split("\n")).strip("\n")
    short = "\n".join(said[:_OUTPUT_CHARS].split("\n")[:_OUTPUT_LINES])
    if short.strip():
        yield from cut(f"Output: {short}\n\n", "cell", number)
    if len(short) < len(said):
        yield Omitted("part of an output", where=f"cell {number}")


def _text(value: object) -> str:
    """A text that a notebook holds whole or by lines."""
    if isinstance(value, list):
        value = "".join(str(one) for one in value)
    return str(value or "").replace("\r\n", "\n").encode("utf-8", "replace").decode()


def _dicts(value: object) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
