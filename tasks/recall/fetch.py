"""Fetching: the records that the walk ranks best, read by the rows in which the searches found them.

The idea: to read a known row takes no search. A document's passages are written in order, so one that stands
beside a candidate is nearly always in the row beside it, and only what is not there is looked for.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tasks.memory.reader import Memory, quoted
from tasks.recall.duplicates import words
from tasks.recall.filters import both
from tasks.recall.hit import COLUMNS
from tasks.recall.walk import REACH, Visited
from tasks.runs.ledger import Row

PLACE = ("document", "position", "level")
NOWHERE = -1
"""Instead of a row's id."""

Place = tuple[str, int]
"""A document and the number of a passage in it."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A record with what the walk said of it."""

    visited: Visited
    row: Row

    @property
    def keys(self) -> frozenset[tuple[object, ...]]:
        """What it covers; the words it quotes and where they end. A record of no document covers itself."""
        row = self.row
        of = row["document"] or row["id"]
        covers = (of, row["char_start"], row["char_end"])
        if not row["quotes"]:
            return frozenset({covers})
        said = words(" ".join(quote["text"] for quote in row["quotes"]))
        return frozenset({covers, (of, said, row["quotes"][-1]["end"])})


def found_at(ranked: Iterable[Visited]) -> dict[Place, int]:
    """The rows of those passages among these places that a search found."""
    some = ((one, one.nominee) for one in ranked)
    return {_at(one): found.row for one, found in some if found and found.level == "passage"}


def fetched(
    memory: Memory, some: Sequence[Visited], known: Mapping[Place, int], where: str | None
) -> list[Ranked | None]:
    """The records at these places, in order; None at one where none exists that passes the filter.

    Args:
        known: `found_at` of all places of the walk.
    """
    beside = {_at(one): _beside(_at(one), known) for one in some if not one.nominee}
    numbers = {one.nominee.row for one in some if one.nominee}
    rows = memory.taken({*numbers, *beside.values()} - {NOWHERE}, COLUMNS, where)
    missing = beside.keys() - _places(rows).keys()
    if missing and where:  # there, but not let through
        missing -= _places(memory.taken({beside[place] for place in missing} - {NOWHERE}, PLACE)).keys()
    if missing:
        rows |= memory.taken(memory.numbers(both(where, passages_at(missing))), COLUMNS)
    standing = _places(rows)
    found = ((one, one.nominee.row if one.nominee else standing.get(_at(one), NOWHERE)) for one in some)
    return [Ranked(one, rows[number]) if number in rows else None for one, number in found]


def passages_at(places: Iterable[Place]) -> str:
    """The SQL condition that holds for the passages at these places; a record of another level has none."""
    positions: dict[str, list[int]] = {}
    for document, position in places:
        positions.setdefault(document, []).append(position)
    at = (
        f"(document = {quoted([document])} AND position IN ({', '.join(map(str, some))}))"
        for document, some in positions.items()
    )
    return f"({' OR '.join(at)})"


def _at(one: Visited) -> Place:
    return one.document, one.position


def _beside(place: Place, known: Mapping[Place, int]) -> int:
    """The row where a passage is if its document's are in order; NOWHERE if none near it was found."""
    document, position = place
    for step in range(1, REACH + 1):
        for apart in (-step, step):
            if (document, position + apart) in known:
                return max(NOWHERE, known[document, position + apart] - apart)
    return NOWHERE


def _places(rows: Mapping[int, Row]) -> dict[Place, int]:
    """Where the passages among these rows stand in their documents."""
    return {
        (row["document"], row["position"]): number
        for number, row in rows.items()
        if row["level"] == "passage" and "position" in row  # tables of earlier versions have no such column
    }
