"""A run's report as one HTML page without outside resources, and in Markdown for Prefect and the terminal.

Text from documents is data: each of the two templates escapes everything that is put into it, and nothing
becomes markup. The page's policy allows its own style and its own script, by their hashes, and nothing else.
"""

import base64
import hashlib
import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from tasks.plan.left import told
from tasks.report.entries import NAMED, Contents
from tasks.report.figure import charts
from tasks.report.findings import MOST_FINDINGS, Pair
from tasks.report.links import named_link
from tasks.runs.ledger import Row
from tasks.text.counted import counted
from tasks.text.visible import printable

ANNOUNCED = 20
"""Documents that the report opens with, of each status; the others are in the table."""
COLUMNS = (
    ("document", False),
    ("source", False),
    ("what happened", False),
    ("tokens", True),
    ("windows", True),
    ("why", False),
)
"""Columns of the table of sources, and whether they hold numbers."""
SECTIONS = (
    ("new", "What is new", "new document", ""),
    (
        "changed",
        "What has changed",
        "changed document",
        "What memory held of their older text was taken out.",
    ),
    (
        "the same",
        "The same as another document",
        "near-duplicate",
        "What they say is remembered once, and cited from each of them.",
    ),
    (
        "read again",
        "Read again",
        "reread document",
        "Their text is the same; the models, the settings or their names are not.",
    ),
)
"""By status: heading, what one of them is called, and a remark."""

_MARKUP = re.compile(r"[\\`*_{}\[\]<>|#~$&@]|:(?=//)|(?<=\bwww)\.", re.IGNORECASE)
_UNSAFE = re.compile(r"[<>\\|\s\x00-\x1f]")
"""What would end an address in Markdown, or the cell of a table that it stands in."""
_MARKER = re.compile(r"^(?:[-+=]|\d+(?=[.)](?:\s|$)))")
"""What begins a list or underlines a heading, where a line begins with it."""


def plain(value: object) -> str:
    """One line that Markdown shows as it is, wherever it is put."""
    text = _MARKUP.sub(lambda match: "\\" + match.group(), printable(" ".join(str(value).split())))
    if marker := _MARKER.match(text):
        text = marker.group() + "\\" + text[marker.end() :] if marker.group().isdigit() else "\\" + text
    return text


def linked(text: object, address: str) -> Markup:
    """The same line, in Markdown a link where there is an address."""
    safe = _UNSAFE.sub(lambda match: quote(match.group()), address)
    return Markup(f"[{plain(text)}](<{safe}>)" if address else plain(text))


_FOLDER = Path(__file__).parent / "templates"
_TEMPLATES = FileSystemLoader(_FOLDER)
_HTML = Environment(
    loader=_TEMPLATES,
    autoescape=True,
    finalize=lambda value: printable(value) if type(value) is str else value,
    undefined=StrictUndefined,
)
_HTML.filters["path"] = lambda path: Markup("/<wbr>").join(str(path).split("/"))  # lines end between folders
_HTML.filters["address"] = named_link
_MARKDOWN = Environment(
    loader=_TEMPLATES,
    autoescape=False,
    finalize=lambda value: value if isinstance(value, Markup) else plain(value),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
)
_MARKDOWN.filters["linked"] = linked
_MARKDOWN.filters["source"] = lambda name: linked(name, named_link(name))


def page(outcome: Row, contents: Contents) -> str:
    """The report as one HTML page."""
    style, script = (_FOLDER.joinpath(name).read_text() for name in ("report.css", "report.js"))
    return _HTML.get_template("report.html.j2").render(
        _values(outcome, contents),
        columns=COLUMNS,
        charts=charts(outcome),
        css=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'",
    )


def _hash(text: str) -> str:
    """What a Content-Security-Policy allows these very words by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def markdown(outcome: Row, contents: Contents) -> str:
    """The report in Markdown."""
    return _MARKDOWN.get_template("report.md.j2").render(_values(outcome, contents))


def _values(outcome: Row, contents: Contents) -> Row:
    sections = [
        (heading, remark, contents.of(status), contents.count(status))
        for status, heading, _, remark in SECTIONS
        if contents.of(status)
    ]
    return {
        "outcome": outcome,
        "contents": contents,
        "name": outcome["corpus"].rstrip("/").rpartition("/")[2] or outcome["corpus"],
        "when": _when(outcome["run"]),
        "lead": lead(outcome, contents),
        "sections": sections,
        "compared": compared(contents),
        "pairs": MOST_FINDINGS,
        "most": ANNOUNCED,
        "named": NAMED,
        "facts": facts(outcome),
    }


def _when(run: str) -> str:
    """When a run began, from its id."""
    try:
        began = datetime.strptime(run[:15], "%Y%m%d-%H%M%S")
    except ValueError:
        return ""
    return f"{began.day} {began:%B %Y, %H:%M} UTC"


def lead(outcome: Row, contents: Contents) -> str:
    """What a run did, in a sentence or two."""
    found = [counted(count, noun) for status, _, noun, _ in SECTIONS if (count := contents.count(status))]
    found += [counted(len(some), noun) for _, _, noun, some in compared(contents)]
    if contents.gone:
        found.append(f"{contents.count('gone'):,} no longer there")
    if contents.failures:
        found.append(f"{contents.count('failures'):,} that could not be read")
    if left := outcome.get("postponed"):
        found.append(f"{left:,} that the budget does not hold")
    new = _joined(found) if found else "Nothing is new"
    held = counted(outcome["documents"], "document")
    return f"{new[:1].upper()}{new[1:]}. Memory holds {held} of this corpus."


def compared(contents: Contents) -> list[tuple[str, str, str, tuple[Pair, ...]]]:
    """What new documents say of what was remembered: heading, remark, what one is called, and the pairs."""
    found = contents.findings
    sections = [
        (
            "Superseded",
            "An amendment puts these in the place of what an agreement said.",
            "superseded statement",
        ),
        ("Conflicting", "Two sources say otherwise; which of them holds is for you to say.", "conflict"),
        ("Confirmed", "A source of its own says the same.", "confirmed statement"),
    ]
    pairs = (found.superseded, found.conflicting, found.confirmed)
    return [(*section, some) for section, some in zip(sections, pairs, strict=True) if some]


def _joined(parts: Sequence[str]) -> str:
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def facts(outcome: Row) -> list[tuple[str, str]]:
    """The run in figures, each with its name."""
    seconds, planned = outcome["seconds"], outcome["planned_seconds"]
    rate = f"{outcome['tokens'] / seconds:,.0f} tokens/s in all" if outcome["tokens"] else "nothing to read"
    predicted = f", {planned:,.1f} s planned" if planned else ""
    return [
        ("Run", f"{outcome['run']}, {outcome['status']} as memory version {outcome['version']}"),
        ("Documents", f"{outcome['documents']:,}, of which {outcome['read']:,} read now"),
        ("Text", f"{counted(outcome['tokens'], 'token')} in {counted(outcome['windows'], 'window')}, {rate}"),
        ("Time", f"{seconds:,.1f} s in all{predicted}"),
        ("Peak memory", f"{outcome['peak_rss'] / 2**30:.2f} GiB in this process"),
        ("Records in memory", f"{outcome['added']:,} added, {outcome['retired']:,} taken out"),
        ("Summaries", summaries(outcome)),
        ("Could not be read", f"{outcome.get('failures', len(outcome['quarantined'])):,}"),
        *([("Left unread", "; ".join(told(outcome)))] if outcome.get("postponed") else []),
    ]


def summaries(outcome: Row) -> str:
    """Where the words of the summaries come from."""
    if not outcome["generated"]:
        return "sentences of the documents themselves"
    dropped = counted(outcome["dropped"], "sentence")
    return (
        f"{outcome['generated']:,} written by the model from the sentences that are cited, "
        f"{dropped} without support dropped; else sentences of the documents themselves"
    )
