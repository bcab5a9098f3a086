"""What a memory knows of its sources is lost only when the source is gone.

Run: pytest tests/tasks/memory/test_sources.py
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tasks import schema
from tasks.memory.sources import Row, Seen, merge_sources, orphans, under


def row(uri: str, outcome: str = "ok", **changes: Any) -> Row:
    good = outcome == "ok"
    made = {
        "uri": uri,
        "version": "1",
        "content": "c" if good else "",
        "part": 0,
        "label": "",
        "document": f"doc of {uri}" if good else "",
        "chars": 9 if good else 0,
        "outcome": outcome,
        "reason": "" if good else "it was not to be had",
        "parsed": "parsed/x.parquet" if good else "",
    }
    return {**made, **changes}


def table(*rows: Row) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=schema.SOURCES)


def merge(before: pa.Table, root: str, *rows: Row) -> pa.Table:
    """What a run sees under `root`, where no other run publishes meanwhile."""
    return merge_sources(before, Seen((root,), rows), before)


def held(sources: pa.Table) -> dict[str, str]:
    return {row["uri"]: row["document"] or row["outcome"] for row in sources.to_pylist()}


BEFORE = table(row("/c/a.txt"), row("/c/deep/b.txt"), row("/c/deeper/d.txt"))


def test_documents_under_a_folder_that_cannot_be_listed_are_kept() -> None:
    after = merge(BEFORE, "/c", row("/c/a.txt"), row("/c/deep", "unreadable"))
    assert orphans(BEFORE, after) == ["doc of /c/deeper/d.txt"]
    assert "/c/deep" in after["uri"].to_pylist()


@pytest.mark.parametrize("outcome", ["vanished", "corrupt"])
def test_only_an_unreadable_folder_protects_what_lies_under_it(outcome: str) -> None:
    after = merge(BEFORE, "/c", row("/c/a.txt"), row("/c/deep", outcome))
    assert orphans(BEFORE, after) == ["doc of /c/deep/b.txt", "doc of /c/deeper/d.txt"]


def test_a_run_replaces_what_lies_under_its_roots_and_nothing_else() -> None:
    before = table(row("docs/a"), row("docs/b"), row("docs2/d"), row("other/c"))
    after = merge(before, "docs", row("docs/a", document="a2"), row("docs/new"))
    assert held(after) == {
        "docs/a": "a2",
        "docs/new": "doc of docs/new",
        "docs2/d": "doc of docs2/d",
        "other/c": "doc of other/c",
    }
    assert orphans(before, after) == ["doc of docs/a", "doc of docs/b"]
    assert orphans(None, after) == []


def test_a_document_that_cannot_be_read_tonight_keeps_its_memory_until_it_vanishes() -> None:
    before = table(row("docs/a"), row("docs/a", part=1, document="second"))
    after = merge(before, "docs", row("docs/a", "timeout"), row("docs/new", "corrupt"))
    assert [(one["uri"], one["part"], one["outcome"]) for one in after.to_pylist()] == [
        ("docs/a", 0, "ok"),
        ("docs/a", 1, "ok"),
        ("docs/new", 0, "corrupt"),
    ]
    assert held(merge(after, "docs", row("docs/a", "vanished"))) == {}


def test_a_duplicate_still_cited_elsewhere_is_no_orphan() -> None:
    before = table(row("copy/a", document="same"), row("docs/a", document="same"))
    assert orphans(before, merge(before, "docs")) == []


@pytest.mark.parametrize(
    ("now", "seen", "kept"),
    [
        ("2", "1", "2"),  # another run saw a newer version, this one nothing new
        ("2", "", "2"),  # another run saw it changed, this one did not see it at all
        ("1", "2", "2"),
        ("2", "3", "3"),  # both saw it changed: the one that publishes last decides until the next run
        ("", "2", "2"),
        ("", "1", ""),  # another run saw it gone
    ],
)
def test_where_two_runs_overlap_the_one_that_saw_a_change_decides(now: str, seen: str, kept: str) -> None:
    base, found, ours = ([row("docs/a", version=version)] if version else [] for version in ("1", now, seen))
    after = merge_sources(table(*found), Seen(("docs",), tuple(ours)), table(*base))
    assert after["version"].to_pylist() == ([kept] if kept else [])


@pytest.mark.parametrize(
    ("uri", "root", "inside"),
    [
        ("docs/a.txt", "docs", True),
        ("docs/a.txt", "./docs/", True),
        ("docs2/a.txt", "docs", False),
        ("docs/a.txt", "docs/a.txt", True),
        ("docs/a.txt", "docs/*.txt", True),
        ("docs/sub/a.txt", "docs/*.txt", False),
        ("docs/sub/a.txt", "docs/**/*.txt", True),
        ("docs/a.txt", "docs/**/*.txt", True),
        ("docs/b.txt", "docs/[!a].txt", True),
        ("docs/a.txt", "docs/[!a].txt", False),
        ("docs/[x].txt", "docs/[x].txt", True),
        ("s3://bucket/p/a", "s3://bucket/p", True),
        ("s3://bucket/p/a", "s3://bucket", True),
        ("s3://bucket/pq/a", "s3://bucket/p", False),
        ("sample:pip", "sample:", True),
    ],
)
def test_a_root_leads_to_the_uris_it_finds(uri: str, root: str, inside: bool) -> None:
    assert under(uri, [root]) is inside


def test_a_relative_root_leads_to_an_absolute_uri(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert under(str(tmp_path / "docs" / "a"), ["docs"])
