"""What forgetting would erase, before anything is."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tasks.memory.forget.targets import Targets
from tasks.memory.reader import memories, open_memory, quoted
from tasks.memory.sources import part_name, told_apart
from tasks.runs.ledger import Row


@dataclass(frozen=True)
class Going:
    """A document that would be erased."""

    title: str
    """As memory calls it; the name of its source where memory does not hold it."""
    places: tuple[str, ...]
    earlier: bool
    """Whether memory does not hold it any more, but earlier runs do."""


@dataclass(frozen=True)
class Preview:
    """What would be erased."""

    documents: tuple[Going, ...]
    """Every version of them."""
    count: int
    """Documents, whatever their versions."""
    records: dict[str, int]
    """Of the memory now, by level."""
    runs: tuple[str, ...]
    """Published runs that hold one of them: their versions are rewritten."""
    states: int
    """Saved states of the reader."""


def preview(home: Path, targets: Targets) -> Preview:
    """What forgetting these documents would erase."""
    where = f"document IN ({quoted(sorted(targets.documents))})"
    now = open_memory(home)
    found = now.rows(where, ["document", "level", "title"])
    titles = {row["document"]: row.get("title", "") for row in found if row["level"] == "document"}
    levels = Counter(row["level"] for row in found)
    held = {row["document"] for row in found}
    places: dict[str, list[Row]] = {}
    for row in targets.rows:
        places.setdefault(row["document"], []).append(row)
    documents = tuple(
        Going(
            titles.get(name) or part_name(rows[0]).rpartition("/")[2],
            tuple(sorted({part_name(row) for row in rows})),
            name not in held,
        )
        for name, rows in places.items()
    )
    runs = tuple(memory.run for memory in memories(home) if memory.count(where))
    states = sum(path.name.partition("-")[0] in targets.documents for path in (home / "states").glob("*"))
    return Preview(documents, told_apart(targets.rows)[0], dict(sorted(levels.items())), runs, states)
