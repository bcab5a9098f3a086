"""What of a source its text does not hold, in words for people."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

_REST = re.compile(r" (?:without|of|in|with|that|from|behind|not|\()")


def remark(row: Mapping[str, Any]) -> str:
    """What to know of the text of a source (a row of schema.SOURCES): what is left out, how it was decoded.

    Such as "left out: 4 pages without text (pages 2-5), 1 image; read as cp1252, guessed"; "" for nothing.
    """
    left = [_told(one["kind"], one["count"], one["where"]) for one in row.get("omitted") or []]
    encoding = row.get("encoding") or ""
    parts = [f"left out: {', '.join(left)}" if left else "", f"read as {encoding}" if encoding else ""]
    return "; ".join(part for part in parts if part)


def totals(rows: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """How much is left out of these sources in all, by kind."""
    found: Counter[str] = Counter()
    for row in rows:
        found.update({one["kind"]: one["count"] for one in row.get("omitted") or []})
    return dict(sorted(found.items()))


def many(kind: str, count: int) -> str:
    """Such as "1 image", "2 pages without text"."""
    if count == 1:
        return f"1 {kind}"
    rest = _REST.search(kind)
    noun, tail = (kind[: rest.start()], kind[rest.start() :]) if rest else (kind, "")
    plural = f"{noun[:-1]}ies" if re.search(r"[^aeiou]y$", noun) else f"{noun}s"
    return f"{count:,} {plural}{tail}"


def _told(kind: str, count: int, where: str) -> str:
    return many(kind, count) + (f" ({where})" if where else "")
