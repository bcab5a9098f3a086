"""Which documents the whole memory cites, after a run that looked at some corpora only.

The idea: a run replaces what is known of the places it looked at, and of nothing else; a document
that could be read once and cannot tonight keeps its memory until it is seen to be gone.
"""

import os
import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from tasks import schema

Row = dict[str, Any]


def merge_sources(previous: pa.Table | None, roots: list[str], rows: list[Row]) -> pa.Table:
    """`previous` (schema.SOURCES) with everything under `roots` replaced by `rows`, sorted by uri.

    A uri none of whose new rows is ok keeps the ok rows it had, unless it has vanished. What lies under
    an unreadable folder is kept too: not to be seen is not to be gone.
    """
    before = previous.to_pylist() if previous is not None else []
    readable = {row["uri"] for row in rows if row["outcome"] == "ok"}
    vanished = {row["uri"] for row in rows if row["outcome"] == "vanished"}
    seen = {row["uri"] for row in rows}
    failed = seen - readable - vanished
    kept = [row for row in before if row["uri"] in failed and row["outcome"] == "ok"]
    kept_uris = {row["uri"] for row in kept}
    closed = sorted({row["uri"] for row in rows if row["outcome"] == "unreadable"})
    unseen = [row for row in before if row["uri"] not in seen]
    elsewhere = [row for row in unseen if not under(row["uri"], roots) or under(row["uri"], closed)]
    new = [row for row in rows if row["uri"] not in kept_uris and row["outcome"] != "vanished"]
    table = pa.Table.from_pylist(elsewhere + kept + new, schema=schema.SOURCES)
    return schema.check(table, schema.SOURCES).sort_by([("uri", "ascending"), ("part", "ascending")])


def orphans(previous: pa.Table | None, merged: pa.Table) -> list[str]:
    """Documents that `previous` cited and no uri of `merged` does: their records must be retired."""
    return sorted(_documents(previous) - _documents(merged)) if previous is not None else []


def _documents(sources: pa.Table) -> set[str]:
    return set(sources.filter(pc.equal(sources["outcome"], "ok"))["document"].to_pylist())


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
