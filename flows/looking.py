"""Commands that look into what was done and what is remembered: the runs, one of them, one record."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import show
from flows.answer import Answer
from tasks.ledger import Ledger, ledger_path

if TYPE_CHECKING:
    from flows.config import RunConfig


def runs(config: "RunConfig") -> Answer:
    """Every run the ledger knows, newest first."""
    rows = ledger(config).runs()[::-1]
    return Answer({"runs": rows}, show.runs(rows))


def show_one(config: "RunConfig", ident: str) -> Answer:
    """A run or a record by its id."""
    for row in ledger(config).runs():
        if row["run"] == ident:
            return Answer(row, show.run({**row, "counts": {**row["counts"], "found": _found(config, row)}}))
    from tasks.recall import inspect

    record = inspect.record(Path(config.home), ident)
    return Answer(record, show.record(record))


def _found(config: "RunConfig", row: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run found out by comparing: the first of it, from the memory, which alone keeps words."""
    if not any(row["counts"].get("relations", {}).values()):
        return []
    from tasks.recall import inspect

    return inspect.found_by(Path(config.home), row["run"], show.FOUND)


def ledger(config: "RunConfig") -> Ledger:
    """The ledger of the configured home."""
    return Ledger(ledger_path(Path(config.home)))
