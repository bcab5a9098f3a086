"""What a read of millions of tokens has shown, as rows: along the way, by length and by depth.

The idea: everything follows from the journal, so it is the same however often the read was interrupted.
"""

import resource
from dataclasses import asdict
from itertools import pairwise
from statistics import fmean
from typing import Any

from tasks.bench.million.hidden import DEPTHS
from tasks.bench.million.journal import Asked, Journal, Window

_STRETCHES = 20
"""Parts of the text whose speed is shown."""


def figures(journal: Journal) -> dict[str, Any]:
    """Speed, memory and disk of a whole read, and what became of its questions."""
    windows, asked = journal.windows, journal.asked
    last = windows[-1]
    return {
        "tokens": last.tokens,
        "seconds": last.seconds,
        "tokens_per_s": last.tokens / last.seconds,
        "peak_rss": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
        **_flatness(windows),
        "disk": last.disk,
        "stretches": _stretches(windows),
        "by_depth": _by_depth([one for one in asked if one.final]),
        "on_the_way": _on_the_way([one for one in asked if not one.final]),
        "asked": [asdict(one) for one in asked],
        "asking_s": sum(one.seconds for one in asked),
    }


def _flatness(windows: list[Window]) -> dict[str, Any]:
    """Resident memory once a million tokens are read, or half of a shorter text, and most from there on."""
    start = min(10**6, windows[-1].tokens // 2)
    later = [one for one in windows if one.tokens >= start]
    return {"rss_from": later[0].tokens, "rss": later[0].rss, "rss_after": max(one.rss for one in later)}


def _stretches(windows: list[Window]) -> list[dict[str, Any]]:
    """Speed, memory and disk along the way."""
    step = max(1, len(windows) // _STRETCHES)
    ends = [Window(0, 0.0, 0, 0), *windows[step - 1 :: step]]
    if ends[-1] is not windows[-1]:
        ends.append(windows[-1])
    return [
        {
            "tokens": b.tokens,
            "tokens_per_s": (b.tokens - a.tokens) / max(b.seconds - a.seconds, 1e-9),
            "rss": b.rss,
            "disk": b.disk,
        }
        for a, b in pairwise(ends)
    ]


def _by_depth(asked: list[Asked]) -> list[dict[str, Any]]:
    """A row for every depth, and one of all, which has no depth."""
    depths = [(number + 0.5) / DEPTHS for number in range(DEPTHS)]
    of = {depth: [one for one in asked if abs(one.depth - depth) < 1e-9] for depth in depths}
    rows = [{"depth": depth, **_means(some)} for depth, some in of.items() if some]
    return [*rows, {"depth": None, **_means(asked)}] if rows else []


def _on_the_way(asked: list[Asked]) -> list[dict[str, Any]]:
    """A row for every length at which questions were asked."""
    lengths = sorted({one.tokens for one in asked})
    return [
        {"tokens": length, **_means([one for one in asked if one.tokens == length])} for length in lengths
    ]


def _means(asked: list[Asked]) -> dict[str, Any]:
    names = ("found_index", "found_exact", "nominated", "answered", "blocks", "visited", "index_s", "exact_s")
    return {"questions": len(asked)} | {name: fmean(getattr(one, name) for one in asked) for name in names}
