"""What people said of what is recalled: corrections stand before it, what they pinned is among it."""

from collections.abc import Sequence, Set
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from tasks.errors import InvalidInput
from tasks.memory import corrections
from tasks.memory.corrections import Correction, Standing, add, kept, place_in, standing
from tasks.memory.reader import Memory, open_memory
from tasks.memory.sources import part_name
from tasks.recall.scope import documents_of
from tasks.recall.terms import stems
from tasks.runs.ledger import Row

SHARED = 0.5
"""Share of a question's words that a correction must have to be an answer to it."""


def concerning(some: Sequence[Standing], row: Row, asked: Set[str]) -> list[Correction]:
    """The corrections of a record: of its words, or of its document and of what was asked."""
    document, start, end = row["document"], row["char_start"], row["char_end"]
    return [
        one.correction
        for one in some
        if one.correction.kind == "correct"
        and one.concerns(document, start, end)
        and (_is_narrow(one, row) or asked & stems(f"{one.correction.words} {one.correction.says}"))
    ]


def _is_narrow(one: Standing, row: Row) -> bool:
    return row["level"] == "passage" and bool(one.correction.words)


def answering(some: Sequence[Standing], rows: Sequence[Row], asked: Set[str]) -> list[Correction]:
    """The corrections of any of these records that have most words of a question."""
    found = {one.id: one for row in rows for one in concerning(some, row, asked)}
    return [
        one
        for one in found.values()
        if len(asked & stems(f"{one.words} {one.says}")) >= SHARED * max(1, len(asked))
    ]


def is_pinned(some: Sequence[Standing], document: str, start: int, end: int, level: str) -> bool:
    """Whether a person wants a record to be among the hits."""
    return any(
        one.correction.kind == "pin"
        and one.concerns(document, start, end)
        and (level == "passage" if one.correction.words else level == "document")
        for one in some
    )


def day(one: Correction) -> str:
    """When it was said, such as "29 November 2026"."""
    on = datetime.fromisoformat(one.time)
    return f"{on.day} {on:%B %Y}"


def corrected(one: Correction) -> Row:
    """A correction as it is shown: its id, what is right, of which words, and when that was said."""
    return {"id": one.id, "says": one.says, "of": one.words, "source": one.source, "on": day(one)}


def correct(home: Path, what: str, says: str) -> Row:
    """Keep what is right of a record, or of a whole source.

    Args:
        what: id of a record, or what names one source.

    Raises:
        InvalidInput: if it names none, or more than one, or nothing is said.
    """
    if not says.strip():
        raise InvalidInput(f"correct {what}: say what is right, in quotes behind it")
    memory = open_memory(home)
    source, place = _place(memory, what)
    return _row(add(home, "correct", source, " ".join(says.split()), place))


def pin(home: Path, ident: str) -> Row:
    """Have a record among the hits whenever it is a candidate.

    Raises:
        InvalidInput: if there is no such record.
    """
    source, place = _place(open_memory(home), ident)
    return _row(add(home, "pin", source, "", place))


def undo(home: Path, ident: str) -> Row:
    """Take back a correction or a pin."""
    return _row(corrections.undo(home, ident))


def listed(home: Path) -> list[Row]:
    """All corrections and pins, each with where its words stand now, or that their place is gone."""
    if not kept(home):
        return []
    return [{**_row(one.correction), "gone": one.is_gone} for one in standing(open_memory(home))]


def _row(one: Correction) -> Row:
    return {name: value for name, value in asdict(one).items() if name not in ("before", "after", "start")}


def _place(memory: Memory, what: str) -> tuple[str, dict[str, Any] | None]:
    """The source of a record, or the one that is named, and the place of a passage in it."""
    found = memory.records([what])
    if not found:
        rows = {part_name(row) for one in documents_of(memory, what) or () for row in memory.sources_of(one)}
        if len(rows) != 1:
            raise InvalidInput(f"{what}: names {len(rows):,} sources; name one, or a record (recall --json)")
        return rows.pop(), None
    row = found[0]
    sources = memory.sources_of(row["document"])
    if not sources:
        raise InvalidInput(f"record {what} is of the whole corpus: name a record of one document")
    if row["level"] != "passage":
        return part_name(sources[0]), None
    return part_name(sources[0]), place_in(memory, sources[0], row["char_start"], row["char_end"])
