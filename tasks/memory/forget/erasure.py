"""An erasure that is under way: what is erased and how far it came, written before anything goes.

The idea: whoever finds this file finishes what it describes. It names documents by their hashes and places,
and holds none of their text; the last step removes it.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from model.files import write_atomic
from tasks.errors import InvalidInput
from tasks.ingest.home.whole import drop_versions, mirror
from tasks.ingest.home.writing import saved
from tasks.runs.ledger import Row

BEGUN, WRITTEN, ERASED, PROVED = "begun", "written", "erased", "proved"
"""Nothing is seen yet; the table holds the history without the documents, and the pointer may have moved;
nothing is left but parsed text; a search has found nothing more."""

UNFINISHED = "an erasure was begun and has not ended; finish it with: nightread forget"


@dataclass(frozen=True)
class Erasure:
    """An erasure, under the name of the run that it publishes."""

    run: str
    on: str
    """When it began, ISO."""
    named: tuple[str, ...]
    """What was named to be forgotten."""
    documents: tuple[str, ...]
    rows: tuple[Row, ...]
    """Sources (schema.SOURCES) that hold or held them."""
    stage: str = BEGUN
    versions: dict[str, int] = field(default_factory=dict)
    """The version that takes the place of each."""
    keys: tuple[str, ...] = ()
    """Cache keys under which they were read."""
    figures: dict[str, Any] = field(default_factory=dict)
    """What was done, for the receipt."""

    def saved(self, home: Path, **changes: Any) -> "Erasure":
        """The same with these changes, once it is on the disk."""
        new = replace(self, **changes)
        has_moved = new.stage != self.stage or not changes
        if has_moved:
            mirror(home)
        write_atomic(_path(home), json.dumps(asdict(new)))
        if has_moved:
            saved(home, _path(home))
        return new

    def counted(self, home: Path, **figures: Any) -> "Erasure":
        """The same with more figures; numbers add up where a step was taken twice."""
        held = dict(self.figures)
        for name, value in figures.items():
            before = held.get(name)
            held[name] = before + value if isinstance(before, int) and isinstance(value, int) else value
        return self.saved(home, figures=held)


def pending(home: Path) -> Erasure | None:
    """The erasure that was begun and has not ended, if there is one."""
    if not _path(home).exists():
        return None
    kept = json.loads(_path(home).read_text())
    tuples = {name: tuple(kept[name]) for name in ("named", "documents", "rows", "keys")}
    return Erasure(**{**kept, **tuples})


def check_ended(home: Path, why: str) -> None:
    """Refuse to change the memory before an erasure that was begun has ended.

    Args:
        why: what the message says beside that.

    Raises:
        InvalidInput: naming how to finish it.
    """
    if pending(home):
        raise InvalidInput(f"{UNFINISHED}: {why}")


def ended(home: Path) -> None:
    """The erasure is done."""
    _path(home).unlink(missing_ok=True)
    drop_versions(home)


def _path(home: Path) -> Path:
    return home / "memory" / "erasure.json"
