"""Fetching: the records that the walk ranks best, read by the rows in which the searches found them.

The idea: to read a known row takes no search. A document's passages are written in order, so one that stands
beside a candidate is nearly always in the row beside it, and only what is not there is looked for. What
decides which records are hits is read of all candidates, the other columns of the hits alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from tasks.memory.reader import Memory, Row, quoted
from tasks.recall.candidates import SPAN
from tasks.recall.duplicates import words
from tasks.recall.filters import both
from tasks.recall.hit import COLUMNS
from tasks.recall.walk import REACH, Visited

JUDGED = (*SPAN, "text", "quotes", "title", "section")
"""Columns that decide which records are hits, and how strongly they answer."""
OTHERS = tuple(name for name in COLUMNS if name not in JUDGED)

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
    number: int = NOWHERE
    """Id of its row; NOWHERE where all its columns are read."""

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
) -> list[Ranked]:
    """The records at these places that exist and pass the filter, in order, with the columns JUDGED.

    Args:
        known: `found_at` of all places of the walk.
    """
    beside = {_at(one): _beside(_at(one), known) for one in some if not one.nominee}
    numbers = {one.nominee.row for one in some if one.nominee}
    rows = memory.taken({*numbers, *beside.values()} - {NOWHERE}, JUDGED, where)
    missing = beside.keys() - _places(rows).keys()
    if missing and where:  # there, but not let through
        missing -= _places(memory.taken({beside[place] for place in missing} - {NOWHERE}, PLACE)).keys()
    if missing:
        rows |= memory.taken(memory.numbers(both(where, passages_at(missing))), JUDGED)
    standing = _places(rows)
    found = ((one, one.nominee.row if one.nominee else standing.get(_at(one), NOWHERE)) for one in some)
    return [Ranked(one, rows[number], number) for one, number in found if number in rows]


def completed(memory: Memory, some: Sequence[Ranked]) -> list[Ranked]:
    """The same records with the columns OTHERS as well."""
    rows = memory.taken({one.number for one in some} - {NOWHERE}, OTHERS)
    return [replace(one, row={**one.row, **rows.get(one.number, {})}, number=NOWHERE) for one in some]


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
