"""What of a document stands in no passage and in no summary: how much of its text, and which sections.

The idea: passages lie side by side, so what they leave out are the gaps between them; and a section is told
of where the summary quotes a sentence of it. Both come from the records, whatever made them.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tasks.ingest.parse.store import place_of, read_text
from tasks.memory.reader import Memory, Row, quoted

MOST_NAMED = 20
"""Sections, and stretches of text, that are named of one document."""
MOST_GAPS = 1000
"""Gaps that are looked into of one document."""
_GAP_CHARS = 4096
"""Characters of a gap that are looked into."""


@dataclass(frozen=True)
class Coverage:
    """What memory holds of a document, and what it does not."""

    share: float
    """Of its characters, not counting white space between passages: those that passages hold."""
    outside: int
    """Characters that none holds."""
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
    """Where text stands outside every passage: its first character, and how many it has."""
    found: list[tuple[int, int]] = []
    end = 0
    bounds = [(row["char_start"], row["char_end"]) for row in passages] + [(source["chars"], source["chars"])]
    for start, stop in bounds:
        if start > end and len(found) < MOST_GAPS:
            text = read_text(home, source["parsed"], source["part"], end, min(start, end + _GAP_CHARS))
            if text.strip():
                first = end + len(text) - len(text.lstrip())
                rest = start - end if start > end + _GAP_CHARS else len(text.strip())
                found.append((first, rest))
        end = max(end, stop)
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
