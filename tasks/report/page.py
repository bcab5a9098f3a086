"""A run's report as one HTML page without outside resources, and in Markdown for Prefect and the terminal.

Text from documents is data: each of the two templates escapes everything that is put into it, and nothing
becomes markup.
"""

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

Row = dict[str, Any]
LONGEST_BARS = 20
"""Documents in the figure."""
COLUMNS = (
    ("source", False),
    ("action", False),
    ("tokens", True),
    ("windows", True),
    ("outcome", False),
    ("reason", False),
)
"""Columns of the table of sources, and whether they hold numbers."""


@dataclass(frozen=True)
class Entry:
    """A record as the report shows it."""

    title: str
    summary: str
    quotes: Sequence[tuple[str, str]]
    """Texts, each with its citation."""


_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~$&@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_MARKER = re.compile(r"^(?:[-+=]|\d+(?=[.)](?:\s|$)))")
"""What begins a list or underlines a heading, where a line begins with it."""


def plain(value: object) -> str:
    """One line that Markdown shows as it is, wherever it is put."""
    text = _MARKUP.sub(lambda match: "\\" + match.group(), " ".join(str(value).split()))
    if marker := _MARKER.match(text):
        text = marker.group() + "\\" + text[marker.end() :] if marker.group().isdigit() else "\\" + text
    return text


_TEMPLATES = FileSystemLoader(Path(__file__).parent / "templates")
_HTML = Environment(loader=_TEMPLATES, autoescape=True, undefined=StrictUndefined)
_MARKDOWN = Environment(
    loader=_TEMPLATES, autoescape=False, finalize=plain, undefined=StrictUndefined, keep_trailing_newline=True
)


def page(outcome: Row, entries: Sequence[Entry]) -> str:
    """The report as one HTML page."""
    values = {"outcome": outcome, "entries": entries, "facts": facts(outcome), "columns": COLUMNS}
    return _HTML.get_template("report.html.j2").render(values, figure=figure(outcome["table"]))


def markdown(outcome: Row, entries: Sequence[Entry]) -> str:
    """The report in Markdown."""
    values = {"outcome": outcome, "entries": entries, "facts": facts(outcome)}
    return _MARKDOWN.get_template("report.md.j2").render(values)


def facts(outcome: Row) -> list[tuple[str, str]]:
    """The run in figures, each with its name."""
    seconds, planned = outcome["read_seconds"], outcome["planned_seconds"]
    rate = f"{outcome['tokens'] / seconds:,.0f} tokens/s" if outcome["tokens"] else "nothing to read"
    predicted = f", {planned:,.1f} s planned" if planned else ""
    return [
        ("Status", f"{outcome['status']}, memory version {outcome['version']}"),
        ("Documents", f"{outcome['documents']:,}, of which {outcome['read']:,} read now"),
        ("Windows and tokens", f"{outcome['windows']:,} and {outcome['tokens']:,} read by the model"),
        ("Reading", rate),
        ("Time", f"{outcome['seconds']:,.1f} s in all{predicted}"),
        ("Peak memory", f"{outcome['peak_rss'] / 2**30:.2f} GiB in this process"),
        ("Records", f"{outcome['added']:,} added, {outcome['retired']:,} retired"),
        ("Summaries", f"{outcome['generated']:,} generated, {outcome['dropped']:,} sentences dropped"),
        ("Quarantined", f"{len(outcome['quarantined']):,}"),
    ]


def figure(table: Sequence[Row]) -> str:
    """Tokens of the longest documents read now, as inline SVG; nothing if nothing was read."""
    read = sorted((row for row in table if row["tokens"]), key=lambda row: -row["tokens"])[:LONGEST_BARS]
    if not read:
        return ""
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    drawn = Figure(figsize=(8, 0.5 + 0.26 * len(read)), layout="constrained")
    FigureCanvasSVG(drawn)
    axes = drawn.add_subplot()
    names = [row["source"][-44:].replace("$", r"\$") for row in read]
    axes.barh(range(len(read)), [row["tokens"] for row in read], color="#3b6ea5")
    axes.set_yticks(range(len(read)), names, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("tokens read")
    axes.spines[["top", "right"]].set_visible(False)
    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "nightread"}):  # ids inside the SVG: the same page for the same run
        drawn.savefig(buffer, format="svg", metadata={"Date": None})
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
