"""What reports tell of forgotten documents: made again without them, in the home and in Prefect's copy.

The idea: a report that names a place of theirs, or holds words of theirs, is made again from its data where
that is kept, and else gives way to a page that says what became of it.
"""

import json
from collections.abc import Callable, Collection
from pathlib import Path

import pyarrow as pa

from model.files import write_atomic
from tasks.memory.forget.database import redact
from tasks.memory.forget.needles import Needles, flat, holds

Remake = Callable[[Path, Collection[str]], bool]
"""Make the report in a folder again without what names one of these; False where its data is not kept."""

ARTIFACTS = ("artifact", "artifact_collection")
COPIES = (*ARTIFACTS, "events")
"""Tables of Prefect that hold reports and lists of documents."""


def erase_reports(
    home: Path, places: Collection[str], needles: Needles, on: str, remake: Remake
) -> dict[str, int]:
    """Make reports again, or take them out; how many of each."""
    counts = {"made again": 0, "taken out": 0}
    for folder in sorted((home / "memory" / "runs").iterdir()):
        pages = [path for path in folder.glob("report.*") if _tells(path.read_text(), places, needles)]
        if not pages:
            continue
        again = remake(folder, {*places, *needles.documents})
        if again and not any(_tells(path.read_text(), places, needles) for path in folder.glob("report.*")):
            counts["made again"] += 1
            continue
        (folder / "report.json").unlink(missing_ok=True)
        for path in folder.glob("report.*"):
            write_atomic(path, f"{_note(on)}\n")
        counts["taken out"] += 1
    return {name: count for name, count in counts.items() if count}


def erase_prefect(home: Path, places: Collection[str], needles: Needles, on: str) -> dict[str, int]:
    """Texts of Prefect's database in the home that tell of them, by table: its copies of reports."""

    def tells(table: str, text: str) -> bool:
        return _tells(text, places if table in COPIES else (), needles)

    def note(table: str) -> str:
        return json.dumps(_note(on) if table in ARTIFACTS else {"note": _note(on)})

    paths = (home / "prefect").glob("*.db")
    return {name: count for path in paths for name, count in redact(path, tells, note).items()}


def _tells(text: str, places: Collection[str], needles: Needles) -> bool:
    """Whether a text names one of these places, or holds a needle."""
    plain = flat(text)
    return any(place in plain for place in places) or holds(pa.array([text, plain]), needles)


def _note(on: str) -> str:
    return f"This was taken out by an erasure on {on[:10]}: it told of a document that was forgotten."
