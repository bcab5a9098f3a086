"""Neighbours: passages that stand beside a candidate answer with it, and are shown with it."""

from bisect import bisect_left

from tasks.memory.reader import Memory, Row, quoted
from tasks.recall.candidates import SPAN, Scored, ordered
from tasks.settings import RecallConfig


def _passages(memory: Memory, rows: list[Row]) -> dict[str, list[Row]]:
    """All passages of the documents of these passages, without their texts, in order."""
    documents = sorted({row["document"] for row in rows if row["level"] == "passage"})
    found: dict[str, list[Row]] = {one: [] for one in documents}
    where = f"level = 'passage' AND document IN ({quoted(documents)})"
    for row in memory.rows(where, SPAN) if documents else ():
        found[row["document"]].append(row)
    return {one: sorted(some, key=_position) for one, some in found.items()}


def _position(row: Row) -> tuple[int, str]:
    return row["char_start"], row["id"]


def _beside(row: Row, passages: dict[str, list[Row]], reach: int) -> list[Row]:
    """Up to `reach` passages before and after a passage; nothing beside any other record."""
    if row["level"] != "passage":
        return []
    some = passages[row["document"]]
    at = bisect_left(some, _position(row), key=_position)
    return some[max(0, at - reach) : at] + some[at + 1 : at + 1 + reach]


def spread(memory: Memory, scored: list[Scored], config: RecallConfig) -> list[Scored]:
    """Let the passages beside candidates gain a share of their score: an answer often stands beside the
    words of its question, and candidates that stand together speak for each other. All candidates
    spread, so that the order does not depend on how many hits are asked for."""
    passages = _passages(memory, [row for row, _ in scored])
    rows = {row["id"]: row for row, _ in scored}
    scores = {row["id"]: score for row, score in scored}
    for row, score in scored:
        for other in _beside(row, passages, config.neighbours):
            rows.setdefault(other["id"], other)
            gained = config.neighbour_decay * score
            scores[other["id"]] = scores.get(other["id"], 0.0) + gained
    return ordered((row, scores[one]) for one, row in rows.items())


def expand(memory: Memory, scored: list[Scored], config: RecallConfig) -> list[tuple[list[str], float]]:
    """The best `k` records, each with the ids of the passages shown beside it; no passage is shown twice.

    An answer often goes on where a passage ends. A hit grows on the side that answers better, into what
    no hit before it has shown; a record that was shown as a neighbour is no hit of its own.
    """
    reach = config.neighbours
    passages = _passages(memory, [row for row, _ in scored[: config.k * (1 + reach)]]) if reach else {}
    scores = {row["id"]: score for row, score in scored}
    best: list[tuple[list[str], float]] = []
    shown: set[str] = set()
    for row, score in scored:
        if len(best) == config.k:
            break
        if row["id"] not in shown:
            beside = _grow(row, passages, reach, scores, shown) if reach else []
            best.append(([row["id"], *beside], score))
            shown |= {row["id"], *beside}
    return best


def _grow(
    row: Row, passages: dict[str, list[Row]], reach: int, scores: dict[str, float], shown: set[str]
) -> list[str]:
    """Up to `reach` passages around a passage, in the order they were added; the next one where equal."""
    if row["level"] != "passage":
        return []
    some = passages[row["document"]]
    low = high = bisect_left(some, _position(row), key=_position)
    grown: list[str] = []
    while len(grown) < reach:
        ends = [at for at in (high + 1, low - 1) if 0 <= at < len(some) and some[at]["id"] not in shown]
        if not ends:
            break
        at = max(ends, key=lambda at: scores.get(some[at]["id"], 0.0))
        low, high = min(low, at), max(high, at)
        grown.append(some[at]["id"])
    return grown
