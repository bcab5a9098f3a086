"""Scope: which documents a question is asked of, by URI, glob or folder.

The idea: a name is matched with the one language for places that reading has (`tasks.ingest.uris`), against
what was read; one that matches nothing is refused with the nearest that is there.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import PurePosixPath

from tasks.errors import InvalidInput
from tasks.ingest.uris import canonical, place
from tasks.memory.reader import Memory
from tasks.runs.ledger import Row


def documents_of(memory: Memory, uri: str | None) -> list[str] | None:
    """Ids of the documents that `uri` names; None for all.

    Args:
        uri: a source, a folder or a glob, as for reading; or the last part of a source's URI.

    Raises:
        InvalidInput: if it matches nothing that was read.
    """
    if uri is None:
        return None
    rows = [row for row in memory.sources.to_pylist() if row["outcome"] == "ok"]
    return sorted({row["document"] for row in _named(rows, uri)})


def _named(rows: Sequence[Row], uri: str) -> list[Row]:
    where = place(canonical(uri))
    held = [row for row in rows if where.holds(row["uri"])] or [
        row for row in rows if row["uri"].endswith(f"/{uri.strip('/')}")
    ]
    if not held:
        raise InvalidInput(f"{uri}: no such source was read; {_nearest(rows, uri)}")
    return held


def _nearest(rows: Sequence[Row], uri: str) -> str:
    """Names the source whose name, or else whose URI, is most like `uri`."""
    by_name = {PurePosixPath(row["uri"]).name.casefold(): row["uri"] for row in rows}
    if not by_name:
        return "nothing was read"
    name = PurePosixPath(uri).name.casefold()
    found = get_close_matches(name, by_name, 1, 0.0)
    return f"the nearest is {by_name[found[0]] if found else rows[0]['uri']}"
