"""What of a document stands in no passage and in no summary: how much of its text, and which sections.

The idea: passages lie side by side, so what they leave out are the gaps between them; and a section is told
of where the summary quotes a sentence of it. Both come from the records, whatever made them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tasks.ingest.parse.store import place_of, read_spans
from tasks.memory.reader import Memory, quoted
from tasks.runs.ledger import Row

MOST_NAMED = 20
"""Sections, and stretches of text, that are named of one document."""


@dataclass(frozen=True)
class Coverage:
    """What memory holds of a document, and what it does not."""

    share: float
    """Of its characters, not counting white space between passages: those that passages hold."""
    outside: int
    """Characters that none holds, not counting white space."""
    places: tuple[str, ...]
    """Where the longest of those stretches begin, such as "page 3: 120 characters"."""
    sections: int
    untold: tuple[str, ...]
    """The first sections of which the summary has no sentence."""
    untold_count: int

    @property
    def remark(self) -> str:
        """In a line, such as "100 % of the text is in passages; the summary tells of 3 of 9 sections"."""
        # rounded down: 100 % is said of nothing less
        parts = [f"{int(1000 * self.share) / 10:g} % of the text is in passages"]
        if self.sections:
            told = self.sections - self.untold_count
            parts.append(f"the summary tells of {told:,} of {self.sections:,} sections")
        return "; ".join(parts)


def coverage(memory: Memory, documents: Collection[str]) -> dict[str, Coverage]:
    """What memory holds of these documents; those without a passage are left out."""
    if not documents:
        return {}
    where = f"document IN ({quoted(sorted(documents))}) AND level IN ('passage', 'document')"
    rows: dict[str, list[Row]] = {}
    for row in memory.rows(where, ["document", "level", "char_start", "char_end", "section", "quotes"]):
        rows.setdefault(row["document"], []).append(row)
    found = {}
    for document, some in rows.items():
        passages = sorted(
            (row for row in some if row["level"] == "passage"), key=lambda row: row["char_start"]
        )
        quotes = [quote for row in some if row["level"] == "document" for quote in row["quotes"]]
        sources = memory.sources_of(document)
        if passages and sources:
            found[document] = _covered(
                memory.home, sources[0], passages, [quote["start"] for quote in quotes]
            )
    return found


def _covered(home: Path, source: Row, passages: Sequence[Row], told: Sequence[int]) -> Coverage:
    held = sum(row["char_end"] - row["char_start"] for row in passages)
    gaps = sorted(_gaps(home, source, passages), key=lambda gap: -gap[1])
    outside = sum(length for _, length in gaps)
    sections = _sections(passages)
    untold = [name for name, spans in sections.items() if not _any_in(told, spans)]
    return Coverage(
        share=held / (held + outside),
        outside=outside,
        places=tuple(
            f"{place_of(home, source['parsed'], source['part'], at)}: {length:,} characters"
            for at, length in gaps[:MOST_NAMED]
        ),
        sections=len(sections),
        untold=tuple(untold[:MOST_NAMED]),
        untold_count=len(untold),
    )


def _gaps(home: Path, source: Row, passages: Sequence[Row]) -> list[tuple[int, int]]:
    """Where text stands outside every passage: its first character, and how many but white space."""
    gaps: list[tuple[int, int]] = []
    end = 0
    bounds = [(row["char_start"], row["char_end"]) for row in passages] + [(source["chars"], source["chars"])]
    for start, stop in bounds:
        if start > end:
            gaps.append((end, start))
        end = max(end, stop)
    found, at = [], 0
    for span in read_spans(home, source["parsed"], source["part"]):
        stop = span.char_start + len(span.text)
        while at < len(gaps) and gaps[at][0] < stop:
            first, last = max(gaps[at][0], span.char_start), min(gaps[at][1], stop)
            text = span.text[first - span.char_start : last - span.char_start]
            if held := len("".join(text.split())):
                found.append((first + len(text) - len(text.lstrip()), held))
            if gaps[at][1] > stop:  # it goes on in the next span
                break
            at += 1
    return found


def _sections(passages: Sequence[Row]) -> dict[str, list[tuple[int, int]]]:
    """Characters of each section that has a name, in the order of the text."""
    found: dict[str, list[tuple[int, int]]] = {}
    for name, group in groupby(passages, key=lambda row: str(row["section"])):
        some = list(group)
        if name:
            found.setdefault(name, []).append((some[0]["char_start"], some[-1]["char_end"]))
    return found


def _any_in(told: Iterable[int], spans: Sequence[tuple[int, int]]) -> bool:
    return any(start <= one < end for one in told for start, end in spans)
