"""A citation as the report shows it: the words inside their paragraph, their place, and a link to it.

The idea: the report is read where the source may be gone, so it carries the surroundings of what it cites.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.infer.quotes import Quote
from tasks.ingest.parse.store import place_of, read_text
from tasks.recall.citation import Citation, format_citation
from tasks.report.links import link
from tasks.text.passages import paragraphs

AROUND = 300
"""Characters before and after the cited words that are shown, within their paragraph."""


@dataclass(frozen=True)
class Cited:
    """Verbatim words, and where they stand."""

    text: str
    place: str
    """As people find it (`format_citation`)."""
    link: str = ""
    """Opens the source there; "" where no address would."""
    before: str = ""
    """What stands before them in their paragraph, its end."""
    after: str = ""


def cited(home: Path, row: dict[str, Any], quote: Quote) -> Cited:
    """A quote from the source of a row of schema.SOURCES."""
    place = place_of(home, row["parsed"], row["part"], quote.start)
    told = format_citation(Citation(row["uri"], place, quote.start, quote.end, quote.text, row["label"]))
    before, after = _around(home, row, quote)
    return Cited(quote.text, told, link(row["uri"], row["label"], place, quote.text), before, after)


def _around(home: Path, row: dict[str, Any], quote: Quote) -> tuple[str, str]:
    """What stands around a quote in its paragraph, cut at words."""
    first = max(0, quote.start - AROUND)
    text = read_text(home, row["parsed"], row["part"], first, quote.end + AROUND)
    at, end = quote.start - first, quote.end - first
    begins, stops = 0, len(text)
    for start, _ in paragraphs([(0, text)]):
        if start <= at:
            begins = start
        if start >= end:
            stops = start
            break
    before, after = text[begins:at].lstrip(), text[end:stops].rstrip()
    if first and not begins:
        before = f"…{before.partition(' ')[2]}" if " " in before else ""
    if len(text) == end + AROUND and stops == len(text):
        after = f"{after.rpartition(' ')[0]}…" if " " in after else ""
    return before, after
