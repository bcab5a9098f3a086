"""Which documents the whole memory cites, after a run that looked at some corpora only.

The idea: a run replaces what is known of the places it looked at, and of nothing else; a document
that could be read once and cannot tonight keeps its memory until it is seen to be gone.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema

Row = dict[str, Any]


@dataclass(frozen=True)
class Seen:
    """What a run saw: where it looked, what it found there, and which memory it compared that with."""

    roots: tuple[str, ...]
    """Places whose sources were listed: sources under them that are not in `rows` are gone."""
    rows: tuple[Row, ...]
    """Rows of schema.SOURCES."""
    since: str = ""
    """The run whose publication was current when this one began; "" where there was none."""


def merge_sources(now: pa.Table | None, seen: Seen, base: pa.Table | None) -> pa.Table:
    """Sources of the memory (schema.SOURCES, sorted by uri) after a run has seen what it saw.

    Args:
        now: sources as published.
        base: sources as published when the run began. Where another run has published since, what only
            that one changed stays, and what both changed is as `seen` has it.

    A uri none of whose new rows is ok keeps the ok rows it had, unless it has vanished. What lies under
    an unreadable folder is kept too: not to be seen is not to be gone.
    """
    before, ours, then = _by_uri(_rows(now)), _by_uri(seen.rows), _by_uri(_rows(base))
    closed = sorted({row["uri"] for row in seen.rows if row["outcome"] == "unreadable"})
    merged: list[Row] = []
    for uri in sorted(before.keys() | ours.keys()):
        theirs, found = before.get(uri, []), ours.get(uri)
        if theirs != then.get(uri, []) and found in (None, then.get(uri)):
            merged += theirs  # another run changed it, and this one did not
        elif found is not None:
            merged += _updated(theirs, found)
        elif not under(uri, seen.roots) or under(uri, closed):
            merged += theirs
    table = pa.Table.from_pylist(merged, schema=schema.SOURCES)
    return schema.check(table, schema.SOURCES)


def _updated(before: list[Row], found: list[Row]) -> list[Row]:
    """Rows of one uri: those found, or the ok ones of before where it can only be read no more."""
    outcomes = {row["outcome"] for row in found}
    good = [row for row in before if row["outcome"] == "ok"]
    if good and "ok" not in outcomes and "vanished" not in outcomes:
        return good
    return [row for row in found if row["outcome"] != "vanished"]


def orphans(before: pa.Table | None, merged: pa.Table) -> list[str]:
    """Documents that `before` cites and no uri of `merged` does: their records must be retired."""
    return sorted(documents_of(before) - documents_of(merged))


def documents_of(sources: pa.Table | None) -> set[str]:
    """Documents that some source holds."""
    if sources is None:
        return set()
    return set(sources.filter(pc.equal(sources["outcome"], "ok"))["document"].to_pylist())


def _rows(sources: pa.Table | None) -> list[Row]:
    return sources.to_pylist() if sources is not None else []


def _by_uri(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by their uri, those of a uri by their part."""
    found: dict[str, list[Row]] = {}
    for row in sorted(rows, key=lambda row: row["part"]):
        found.setdefault(row["uri"], []).append(row)
    return found


def under(uri: str, roots: Iterable[str]) -> bool:
    """Whether one of `roots` (folder, file, glob, s3 prefix, `sample:`) leads to `uri`."""
    return any(_leads(_whole(root), _whole(uri)) for root in roots)


def _leads(root: str, uri: str) -> bool:
    if uri == root or uri.startswith(root if root.endswith((":", "/")) else root + "/"):
        return True
    return re.fullmatch(_pattern(root), uri) is not None if re.search(r"[*?\[]", root) else False


def _whole(uri: str) -> str:
    """A local path in full, so that `docs`, `./docs` and its absolute path are one place."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", uri) and not uri.startswith("file://"):
        return uri
    return os.path.abspath(uri.removeprefix("file://"))


def _pattern(glob: str) -> str:
    """A regular expression for a glob in which only `**` crosses a folder's edge."""
    tokens = re.findall(r"\*\*/|\*\*|\*|\?|\[[^\]]+\]|.", glob, flags=re.DOTALL)
    meaning = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return "".join(meaning.get(token) or _literal(token) for token in tokens)


def _literal(token: str) -> str:
    is_set = len(token) > 1
    return "[" + token[1:-1].replace("\\", r"\\").replace("!", "^", 1) + "]" if is_set else re.escape(token)
