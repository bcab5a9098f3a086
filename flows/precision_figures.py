"""Bytes of reading in each precision as a table for people."""

from flows.show import size, table
from tasks.runs.ledger import Row

PARTS = ("weights", "window", "activations", "index", "reading", "saved", "kept", "saved_kept")
NAMES = (
    "weights",
    "window",
    "activations",
    "index",
    "together",
    "saved",
    "all keys and values",
    "saved with them",
)


def precisions(held: Row) -> list[str]:
    """What each takes, and what float8 saves beside the same without."""
    rows = [
        [row["model"], row["precision"], *(_cell(name, row[name]) for name in PARTS)] for row in held["rows"]
    ]
    return [
        f"bytes of reading {held['tokens']:,} tokens in each precision, from shapes (the weights loaded take "
        f"{size(held['held'])}):",
        *table(["", "precision", *NAMES], rows),
    ]


def _cell(name: str, value: float) -> str:
    if name.startswith("saved"):
        return f"{value:.0%}" if value else ""
    return size(value)
