"""A report kept as data beside its pages, so that it can be made again without some documents.

The idea: the pages are for people and cannot be taken apart; what they were made from can.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, replace
from pathlib import Path

from pydantic import TypeAdapter

from model.files import write_atomic
from tasks.memory.forget.scrub import less
from tasks.report.entries import Contents
from tasks.report.page import markdown, page
from tasks.runs.ledger import Row

_CONTENTS = TypeAdapter(Contents)


def write_report(folder: Path, outcome: Row, contents: Contents) -> dict[str, str]:
    """Write a report's pages and its data into a folder; paths of the pages, by their names in an outcome."""
    folder.mkdir(parents=True, exist_ok=True)
    pages = {"report_md": folder / "report.md", "report_html": folder / "report.html"}
    write_atomic(folder / "report.json", json.dumps({"outcome": outcome, "contents": asdict(contents)}))
    write_atomic(pages["report_md"], markdown(outcome, contents))
    write_atomic(pages["report_html"], page(outcome, contents))
    return {name: str(path) for name, path in pages.items()}


def read_report(folder: Path) -> tuple[Row, Contents] | None:
    """Outcome and contents of the report in a folder; None where they are not kept, or of another version."""
    path = folder / "report.json"
    if not path.is_file():
        return None
    kept = json.loads(path.read_text())
    try:
        return kept["outcome"], _CONTENTS.validate_python(kept["contents"])
    except ValueError:
        return None


def without(folder: Path, names: Collection[str]) -> bool:
    """Make the report in a folder again without what names one of these documents or places.

    Returns:
        False where its data is not kept, or is of another version of Nightread.
    """
    if (found := read_report(folder)) is None:
        return False
    kept = json.loads((folder / "report.json").read_text())
    before = found[1]
    try:
        after = _CONTENTS.validate_python(less(kept["contents"], names))
    except ValueError:
        return False
    titles = {entry.title for entry in before.entries} - {entry.title for entry in after.entries}
    themes = (replace(theme, documents=_untitled(theme.documents, titles)) for theme in after.themes)
    told = replace(after, themes=tuple(theme for theme in themes if theme.documents))
    write_report(folder, less(kept["outcome"], names), told)
    return True


def _untitled(lines: Collection[str], titles: Collection[str]) -> tuple[str, ...]:
    return tuple(line for line in lines if not any(line.startswith(title) for title in titles))
