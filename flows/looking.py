"""Commands that look into what was done and is remembered: the runs, the sources, one of each in full."""

import textwrap
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flows import show
from flows.answer import Answer
from tasks.errors import InvalidInput
from tasks.runs.ledger import Ledger, ledger_path
from tasks.text.counted import counted

if TYPE_CHECKING:
    from flows.config import RunConfig
    from tasks.recall.coverage import Coverage
    from tasks.recall.documents import Listed

SHOWN = 50
"""Sources that are listed where no number is given."""
DOCUMENTS = 5
"""Documents of one name that are shown in full."""


def arguments(add: Callable[..., Any]) -> None:
    """The options of these commands."""
    add("runs", "list the runs, newest first", "runs\nruns --json")
    listed = add(
        "documents",
        "list the sources and what became of each",
        "documents\ndocuments ~/papers --outcome encrypted\ndocuments s3://papers/2026 --limit 1000 --json",
        "Each with its outcome, when it was read and by which run, its version and, where it could not be "
        "read or not all of it, the reason.",
    )
    listed.add_argument("uri", nargs="?", default="", metavar="URI", help="only this source, folder or glob")
    listed.add_argument(
        "--outcome", default="", metavar="OUTCOME", help='only those: ok, corrupt, "not remembered", ...'
    )
    listed.add_argument(
        "--limit", type=int, default=SHOWN, metavar="N", help=f"that are listed (default: {SHOWN})"
    )
    shown = add(
        "show",
        "show one run, record or document in full",
        "show 20260801-031500-1a2b\nshow ~/papers/lease.pdf",
        "Of a document: when it was read, how much of its text is in passages, which of its sections the "
        "summary does not tell of, and what is not in its text.",
    )
    shown.add_argument(
        "ident",
        metavar="ID",
        help="a run id (see runs), a record id (see recall --json), a source or document id (see documents)",
    )


def runs(config: "RunConfig") -> Answer:
    """Every run the ledger knows, newest first."""
    with ledger(config) as known:
        rows = known.runs()[::-1]
    return Answer({"runs": rows}, show.runs(rows))


def documents(config: "RunConfig", uri: str = "", outcome: str = "", limit: int = SHOWN) -> Answer:
    """The sources of one place, or all, and what became of each."""
    if limit < 1:
        raise InvalidInput(f"--limit {limit}: give 1 or more")
    from tasks.recall.documents import listing

    with ledger(config) as known:
        found = listing(Path(config.home), known, uri, outcome, limit)
        is_there = bool(found.rows) or bool(outcome and listing(Path(config.home), known, uri).rows)
    data = {"documents": [asdict(one) for one in found.rows], "counts": found.counts, "total": found.total}
    if uri and not is_there:
        raise InvalidInput(
            f"{uri}: no source of that name, or below it, was ever read: see nightread documents, or "
            f"nightread read {uri}"
        )
    if not found.rows:
        return Answer(data, "no such source; read some with: nightread read URI")
    counts = ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in found.counts.items())
    rows = [[one.outcome, _moment(one.read), one.run, one.source, one.reason] for one in found.rows]
    lines = [f"{counted(found.total, 'source')}: {counts}"]
    lines += show.table(["outcome", "read", "run", "source", "reason"], rows)
    if more := found.total - len(found.rows):
        lines.append(f"and {more:,} more: --limit {found.total}, or name a folder or an --outcome")
    return Answer(data, "\n".join(lines))


def show_one(config: "RunConfig", ident: str) -> Answer:
    """A run or a record by its id, or the documents of a source."""
    for row in ledger(config).runs():
        if row["run"] == ident:
            return Answer(row, show.run({**row, "counts": {**row["counts"], "found": _found(config, row)}}))
    from tasks.recall import inspect
    from tasks.recall.documents import covered, listing

    try:
        record = inspect.record(Path(config.home), ident)
    except InvalidInput:
        found = listing(Path(config.home), ledger(config), ident, limit=DOCUMENTS)
        if not found.rows:
            raise
        known = covered(Path(config.home), found.rows)
        data = [{**asdict(one), "coverage": _data(known.get(one.document))} for one in found.rows]
        parts = [_document(one, known.get(one.document)) for one in found.rows]
        if more := found.total - len(found.rows):
            parts.append(f"and {more:,} more: nightread documents {ident}")
        return Answer({"documents": data, "total": found.total}, "\n\n".join(parts))
    return Answer(record, show.record(record))


def _data(found: "Coverage | None") -> dict[str, Any] | None:
    return asdict(found) if found else None


def _document(one: "Listed", found: "Coverage | None") -> str:
    """A document: what became of it, and what of it is in no passage, no summary and not in its text."""
    lines = [one.source, f"{one.outcome}{f': {one.reason}' if one.reason else ''}"]
    if one.run:
        told = "read" if one.outcome == "ok" else "so since"
        lines.append(f"{told} {_moment(one.read)}, run {one.run}")
    lines.append(f"version {one.version}")
    if one.document:
        lines.append(f"document {one.document}, {counted(one.chars, 'character')}")
    if found is None:
        return "\n".join(lines)
    lines.append(found.remark)
    lines += ["in no passage:", *(f"  {place}" for place in found.places)] if found.places else []
    if found.untold:
        lines.append("not in the summary:")
        lines += [textwrap.shorten(name, show.WIDTH, initial_indent="  ") for name in found.untold]
        more = found.untold_count - len(found.untold)
        lines += [f"  and {counted(more, 'section')} more"] if more else []
    return "\n".join(lines)


def _moment(when: str) -> str:
    """ "29 Nov 02:00", in this machine's time."""
    if not when:
        return ""
    at = datetime.fromisoformat(when).astimezone()
    year = "" if at.year == datetime.now().year else f" {at.year}"
    return f"{at.day} {at:%b}{year} {at:%H:%M}"


def _found(config: "RunConfig", row: dict[str, Any]) -> list[dict[str, Any]]:
    """What a run found out by comparing: the first of it, from the memory, which alone keeps words."""
    if not any(row["counts"].get("relations", {}).values()):
        return []
    from tasks.recall import inspect

    return inspect.found_by(Path(config.home), row["run"], show.FOUND)


def ledger(config: "RunConfig") -> Ledger:
    """The ledger of the configured home."""
    return Ledger(ledger_path(Path(config.home)))
