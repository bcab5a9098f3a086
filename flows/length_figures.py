"""Figures of what the engine still does in texts of growing length, as text for people."""

from flows.show import seconds, table
from tasks.runs.ledger import Row


def ruler(result: Row) -> str:
    """A line for every task and length, and the means of each length."""
    head = (
        f"{result['model']} on {result['device']}: {result['samples']} texts of each length, in "
        f"{seconds(result['seconds'])}; percent of the expected words, with standard errors"
    )
    rows = [
        [f"{row['length']:,}", row["task"], _share(row["ours"], row["error"]), *_beside(row)]
        for row in result["rows"]
    ]
    means = [
        [f"{row['length']:,}", "mean", f"{100 * row['ours']:.1f}", _share(row.get("dense")), ""]
        for row in result["means"]
    ]
    return "\n".join([head, *table(["length", "task", "nightread", "dense", "difference"], rows + means)])


def growth(result: Row) -> str:
    """A line for every length: what the first length's needles still give, those just read, the passage."""
    head = (
        f"{result['model']} on {result['device']}: one context, {result['needles']} needles of each "
        f"length, {seconds(result['seconds'])}; percent of questions"
    )
    names = ("found_exact", "found_index", "answer")
    rows = [
        [
            f"{row['length']:,}",
            *(_share(row[part][name]) for part in ("first", "added") for name in names),
            f"{row['nats']:.3f}",
            f"{row['tokens_per_s']:,.0f}",
        ]
        for row in result["rows"]
    ]
    columns = [f"{part}: {name}" for part in ("first", "added") for name in ("exact", "index", "answered")]
    return "\n".join([head, *table(["length", *columns, "nats a token", "tokens/s"], rows)])


def _beside(row: Row) -> list[str]:
    if "dense" not in row:
        return ["-", ""]
    return [f"{100 * row['dense']:.1f}", _share(row["difference"], row["difference_error"], sign="+")]


def _share(value: float | None, error: float | None = None, sign: str = "") -> str:
    if value is None:
        return "-"
    spread = "" if error is None else f" ± {100 * error:.1f}"
    return f"{100 * value:{sign}.1f}{spread}"
