"""Small corpora of made-up prose, the settings to read them in seconds, and what is known after it."""

import sqlite3
from pathlib import Path
from typing import Any

from flows.config import RunConfig, load
from tasks.memory.reader import open_memory
from tasks.runs.ledger import Ledger

PLACES = ("Lisbon", "Oslo", "Quito", "Hanoi", "Turin", "Accra", "Perth", "Izmir", "Cusco", "Malmo")


def story(number: int, lines: int = 12) -> str:
    """A page of plain facts that differ from those of every other number."""
    place = PLACES[number % len(PLACES)]
    facts = [
        f"The observatory of {place} number {number} recorded {number * 37 + line * 11} meteors "
        f"in 19{10 + line}. "
        f"Its keeper wrote that the instrument in room {line} had been repaired {line + 2} times."
        for line in range(lines)
    ]
    return f"Report {number} from {place}\n\n" + "\n\n".join(facts) + "\n"


def write_corpus(folder: Path, documents: int, lines: int = 12) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(documents):
        (folder / f"report-{number:02d}.txt").write_text(story(number, lines))
    return folder


def tiny(home: Path, model: Path, *overrides: str) -> RunConfig:
    """The tiny preset in a home of its own, with the model that is converted already."""
    return load("tiny", [f"home={home}", f"infer.model={model}", *overrides])


def read(
    config: RunConfig, *uris: Path | str, allow_retire: bool = False, keep_gone: bool = False
) -> dict[str, Any]:
    """The outcome of a read under Prefect."""
    from flows.read import run_read

    return run_read([str(uri) for uri in uris], config, allow_retire, keep_gone)


def recall(config: RunConfig, question: str, as_of: str | None = None) -> list[dict[str, Any]]:
    from flows import commands

    hits: list[dict[str, Any]] = commands.recall(config, [question], as_of=as_of).data["hits"]
    return hits


def remembered(home: Path | str) -> dict[str, tuple[str, ...]]:
    """What a memory says, without when and in which run it was said."""
    rows = open_memory(Path(home)).rows()
    return {row["id"]: (row["level"], row["summary"], *(q["text"] for q in row["quotes"])) for row in rows}


def watch_inserts(home: Path, table: str, *columns: str) -> None:
    """Have the ledger of a home keep these columns of every row put into a table, by whatever process."""
    home.mkdir(parents=True, exist_ok=True)
    new = ", ".join(f"NEW.{column}" for column in columns)
    with Ledger(home / "ledger.sqlite"), sqlite3.connect(home / "ledger.sqlite") as db:
        db.execute(f"CREATE TABLE watched_{table} ({', '.join(columns)})")
        db.execute(
            f"CREATE TRIGGER watch_{table} AFTER INSERT ON {table} "
            f"BEGIN INSERT INTO watched_{table} VALUES ({new}); END"
        )
    db.close()


def inserts(home: Path, table: str) -> list[tuple[str, ...]]:
    """What was put into a table since `watch_inserts`, in that order."""
    with sqlite3.connect(home / "ledger.sqlite", timeout=60) as db:
        found: list[tuple[str, ...]] = db.execute(f"SELECT * FROM watched_{table} ORDER BY rowid").fetchall()
    db.close()
    return found


def writes(home: Path, kind: str) -> list[str]:
    """Keys of this kind that were written to the journal, in that order."""
    return [key for key, its in inserts(home, "journal") if its == kind]
