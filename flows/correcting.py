"""Commands by which a person has the last word: what is right, and what must be among the hits."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows.answer import Answer
from tasks.errors import InvalidInput
from tasks.runs.ledger import Row

if TYPE_CHECKING:
    from flows.config import RunConfig


def arguments(add: Callable[..., Any]) -> None:
    """The options of these commands."""
    right = add(
        "correct",
        "say what is right of a record or a source",
        'correct notes/lease.txt "The rent is 1,500 euros since May."',
        "What you say is kept with the source and its words, stands before what was read wherever that is "
        "recalled, and survives every later read. recall --json lists ids of records.",
    )
    right.add_argument("what", metavar="RECORD|URI", help="a record, or what names one source")
    right.add_argument("says", nargs="+", metavar="WORD", help="what is right, in your words")
    pinned = add(
        "pin",
        "have a record among the hits whenever it may answer",
        "pin 3f2a9c0d1e4b5a6978",
        "It is kept with the source and its words, and survives every later read.",
    )
    pinned.add_argument("record", metavar="RECORD", help="id of a record (see recall --json)")
    said = add(
        "corrections",
        "list what people corrected and pinned, or take it back",
        "corrections\ncorrections undo 1a2b3c",
        "Where the words that a correction is about are no longer in its source, that is said.",
    )
    said.add_argument("action", nargs="?", choices=("list", "undo"), default="list", help="default: list")
    said.add_argument("ident", nargs="?", metavar="ID", help="what to take back")


def correct(config: "RunConfig", what: str, says: Sequence[str]) -> Answer:
    """Keep what is right of a record, or of a whole source."""
    from tasks.recall import corrected

    done = corrected.correct(Path(config.home), what, " ".join(says))
    return Answer(done, f"corrected [{done['id']}]: {done['says']}\n{_about(done)}")


def pin(config: "RunConfig", record: str) -> Answer:
    """Have a record among the hits whenever it is a candidate."""
    from tasks.recall import corrected

    done = corrected.pin(Path(config.home), record)
    return Answer(done, f"pinned [{done['id']}]\n{_about(done)}")


def corrections(config: "RunConfig", action: str = "list", ident: str | None = None) -> Answer:
    """What people corrected and pinned, with the places that are gone; or take one back."""
    from tasks.recall import corrected

    if action == "undo":
        if not ident:
            raise InvalidInput("corrections undo: give the id of a correction or a pin")
        done = corrected.undo(Path(config.home), ident)
        return Answer(done, f"taken back [{done['id']}]: {done['says'] or 'a pin'}")
    if ident:
        raise InvalidInput(
            f"corrections list {ident}: it lists all; to take one back: corrections undo {ident}"
        )
    rows = corrected.listed(Path(config.home))
    return Answer({"corrections": rows}, "\n".join(map(_line, rows)) or "nothing was corrected or pinned yet")


def _line(row: Row) -> str:
    what = f"corrected: {row['says']}" if row["kind"] == "correct" else "pinned"
    gone = "\n     its place is gone: these words are no longer in the source" if row["gone"] else ""
    return f"[{row['id']}] {row['time'][:10]} {what}\n{_about(row)}{gone}"


def _about(row: Row) -> str:
    words = " ".join(row["words"].split())
    quote = f'of "{words if len(words) <= 160 else words[:157] + "..."}" in ' if words else "of "
    return f"     {quote}{row['source']}"
