"""What people said of the memory: corrections of what it holds, and records that they pinned.

The idea: a correction belongs to words in a source, not to a record, whose id changes when its document is
read anew. So it is kept with the source, the words and what stands around them, in a file of its own that no
run touches, and its place is looked for again in whatever text the source has now.

    home/memory/corrections.jsonl   one line each, appended under a lock; an undoing is a line too
"""

import json
import os
import secrets
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Literal

from model.files import locked, write_atomic
from tasks.errors import InvalidInput
from tasks.ingest.parse.store import read_text
from tasks.memory.keys import text_hash
from tasks.memory.reader import Memory
from tasks.memory.sketch import placed_sentences
from tasks.memory.sources import part_name
from tasks.runs.ledger import Row, now

Kind = Literal["correct", "pin", "undo"]
AROUND = 80
"""Characters before and after the words that tell their place from others with the same words."""
STANDS = 0.5
"""Share of the characters of several sentences that must still be there, for their place to be found."""
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Correction:
    """A line of the file."""

    id: str
    time: str
    kind: Kind
    source: str
    """The source, and the part of it, see `tasks.memory.sources.part_name`."""
    words: str
    """Verbatim, which it is about; "" for the whole document."""
    before: str
    after: str
    start: int
    """Where the words stood; where they stand now is found again."""
    says: str
    """What is right, in the person's words; of an undoing, the id of what it undoes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A correction with the place where its words stand now; no document where that is gone."""

    correction: Correction
    document: str = ""
    start: int = 0
    end: int = 0

    @property
    def is_gone(self) -> bool:
        return not self.document

    def concerns(self, document: str, start: int, end: int) -> bool:
        """Whether it is about characters [start, end) of a document."""
        return document == self.document != "" and self.start < end and start < self.end


def path(home: Path) -> Path:
    return home / "memory" / "corrections.jsonl"


def add(home: Path, kind: Kind, source: str, says: str = "", place: Row | None = None) -> Correction:
    """Append what a person said; what was said of the same words before, and stands, is not said twice.

    Args:
        place: {words, before, after, start}; None for the whole document.
    """
    at = place or {"words": "", "before": "", "after": "", "start": 0}
    made = Correction(secrets.token_hex(3), now(), kind, source, says=says, **at)
    for one in kept(home):
        if replace(one, id=made.id, time=made.time) == made:
            return one
    file = path(home)
    with locked(file.with_suffix(".lock"), WAIT_S), file.open("a+", encoding="utf-8") as lines:
        torn = file.stat().st_size and not file.read_bytes().endswith(b"\n")
        lines.write(("\n" if torn else "") + json.dumps(asdict(made), ensure_ascii=False) + "\n")
        lines.flush()
        os.fsync(lines.fileno())
    return made


def undo(home: Path, ident: str) -> Correction:
    """Take back a correction or a pin.

    Raises:
        InvalidInput: if there is none of this id.
    """
    found = next((one for one in kept(home) if one.id == ident), None)
    if not found:
        raise InvalidInput(f"{ident!r} is no correction or pin: `nightread corrections` lists their ids")
    add(home, "undo", found.source, ident)
    return found


def kept(home: Path, until: datetime | None = None) -> list[Correction]:
    """Corrections and pins that were not taken back, oldest first; a line that was cut off is left out.

    Args:
        until: as they were then, whatever was said or taken back later; None for now.
    """
    file = path(home)
    if not file.exists():
        return []
    stat = file.stat()
    return list(_kept(file, until, stat.st_mtime_ns, stat.st_size))  # two writes may bear the same time


@lru_cache(maxsize=8)
def _kept(file: Path, until: datetime | None, _modified: int, _size: int) -> tuple[Correction, ...]:
    found: dict[str, Correction] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            one = Correction(**json.loads(line))
        except (ValueError, TypeError):
            continue
        if until and datetime.fromisoformat(one.time) > until:
            break
        if one.kind == "undo":
            found.pop(one.says, None)
        else:
            found[one.id] = one
    return tuple(found.values())


def erase(home: Path, sources: Collection[str]) -> int:
    """Write the file anew without every line about these sources; how many lines went."""
    file = path(home)
    if not file.exists():
        return 0
    with locked(file.with_suffix(".lock"), WAIT_S):
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        left = [line for line in lines if not _is_of(line, sources)]
        write_atomic(file, "".join(left))
    return len(lines) - len(left)


def _is_of(line: str, sources: Collection[str]) -> bool:
    """Whether a line is about one of these sources; one that cannot be read may be."""
    try:
        return json.loads(line)["source"] in sources
    except (ValueError, KeyError):
        return True


def place_in(memory: Memory, row: Row, start: int, end: int) -> Row:
    """What a correction keeps of the characters [start, end) of a source (row of schema.SOURCES)."""
    first = max(0, start - AROUND)
    text = read_text(memory.home, row["parsed"], row["part"], first, end + AROUND)
    at, stop = start - first, end - first
    return {"words": text[at:stop], "before": text[:at], "after": text[stop:], "start": start}


def standing(memory: Memory) -> list[Standing]:
    """Corrections and pins, as of the memory's moment, with the places where their words stand in it."""
    some = kept(memory.home, memory.moment)
    if not some:
        return []
    rows = {part_name(row): row for row in memory.sources.to_pylist() if row["outcome"] == "ok"}
    return [_standing(memory.home, one, rows.get(one.source)) for one in some]


def _standing(home: Path, one: Correction, row: Row | None) -> Standing:
    if row is None:
        return Standing(one)
    if not one.words:
        return Standing(one, row["document"], 0, row["chars"])
    try:
        span = _found(home, row["parsed"], row["part"], row["chars"], one)
    except OSError:  # the parsed text was swept
        span = None
    return Standing(one, row["document"], *span) if span else Standing(one)


@lru_cache(maxsize=256)
def _found(home: Path, parsed: str, part: int, chars: int, one: Correction) -> tuple[int, int] | None:
    """Where the words of a correction stand in a text: verbatim, else most of their sentences."""
    if read_text(home, parsed, part, one.start, one.start + len(one.words)) == one.words:
        return one.start, one.start + len(one.words)
    text = read_text(home, parsed, part, 0, chars)
    places, at = list[int](), text.find(one.words)
    while at >= 0:
        places.append(at)
        at = text.find(one.words, at + 1)
    if places:
        best = max(places, key=lambda at: (_around(text, at, one), -abs(at - one.start)))
        return best, best + len(one.words)
    return _of_sentences(text, one.words)


def _around(text: str, at: int, one: Correction) -> int:
    """Characters before and after a place that are those of the correction."""
    before, after = text[max(0, at - AROUND) : at], text[at + len(one.words) :]
    return _common(before[::-1], one.before[::-1]) + _common(after, one.after)


def _common(one: str, other: str) -> int:
    """Characters that both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(one), len(other)))


def _of_sentences(text: str, words: str) -> tuple[int, int] | None:
    """The stretch with most of the sentences of `words`; None where too few are left of them."""
    wanted = {text_hash(said): len(said) for _, _, said in placed_sentences([(0, words)])}
    held = [
        (start, end, text_hash(said))
        for start, end, said in placed_sentences([(0, text)])
        if text_hash(said) in wanted
    ]
    left = sum(wanted[one] for one in {one for _, _, one in held})
    if len(wanted) < 2 or left < STANDS * sum(wanted.values()):
        return None
    return held[0][0], held[-1][1]
