"""The table of sources: what became of each, in counts of all of them and in rows of the first by name."""

import heapq
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.ingest.omitted import remark
from tasks.ingest.source_rows import gathered
from tasks.memory.sources import part_name
from tasks.plan.work import Work
from tasks.reduce.tree import SummaryNode
from tasks.relate.relate import Related
from tasks.report.contents import read_as, title_of
from tasks.report.entries import NAMED
from tasks.report.figure import LONGEST_BARS
from tasks.runs.ledger import Row

UNREAD = {"ok": "remembered", "postponed": "left unread"}
"""What became of a source that was not read now; any other outcome is a failure."""


@dataclass
class Table:
    """What became of the sources of a run."""

    rows: list[Row] = field(default_factory=list)
    """Of the first `NAMED` by name."""
    count: int = 0
    """Of all of them."""
    became: Counter[str] = field(default_factory=Counter)
    """How many sources became what."""
    longest: list[Row] = field(default_factory=list)
    """Those read now that have most tokens."""


def table(work: Work, related: Related, nodes: Mapping[str, SummaryNode]) -> Table:
    """What each source holds and what became of it.

    Args:
        nodes: documents' own nodes, of those that have a title.
    """
    made = Table()
    longest: list[tuple[int, int, Row]] = []
    for row in gathered(work.rows).by_uri():
        one = _row(row, work, related)
        made.became[_became(one)] += 1
        is_long = one["tokens"] and (len(longest) < LONGEST_BARS or one["tokens"] > longest[0][0])
        if made.count < NAMED or is_long:
            node = nodes.get(row["document"])
            one["title"] = title_of(node, work.source(row["document"])) if node else ""
        if made.count < NAMED:
            made.rows.append(one)
        if is_long:
            heapq.heappush(longest, (one["tokens"], -made.count, one))
            if len(longest) > LONGEST_BARS:
                heapq.heappop(longest)
        made.count += 1
    made.longest = [one for _, _, one in sorted(longest, reverse=True)]
    return made


def _row(row: Row, work: Work, related: Related) -> Row:
    size = work.documents.get(row["document"])
    action = UNREAD.get(row["outcome"], "could not be read")
    if size:
        read = read_as(row["document"], work, related)
        action = read if read.startswith("read") else f"read: {read}"
    return {
        "title": "",
        "source": part_name(row),
        "action": action,
        "tokens": size.tokens if size else 0,
        "windows": size.windows if size else 0,
        "outcome": row["outcome"],
        "reason": row["reason"] or remark(row),
    }


def _became(row: Row) -> str:
    """What became of a source, in a few words."""
    return str(row["action"] if row["outcome"] in ("ok", "postponed") else row["outcome"].replace("_", " "))
