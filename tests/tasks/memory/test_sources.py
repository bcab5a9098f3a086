"""What a memory knows of its sources is lost only when the source is gone.

Run: pytest tests/tasks/memory/test_sources.py
"""

from typing import Any

import pyarrow as pa
import pytest

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.sources import Seen, loss, merge_sources, orphans, read_whole
from tasks.runs.ledger import Row


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
    return schema.sources(rows)


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
    before = table(row("/docs/a"), row("/docs/b"), row("/docs2/d"), row("/other/c"))
    after = merge(before, "/docs", row("/docs/a", document="a2"), row("/docs/new"))
    assert held(after) == {
        "/docs/a": "a2",
        "/docs/new": "doc of /docs/new",
        "/docs2/d": "doc of /docs2/d",
        "/other/c": "doc of /other/c",
    }
    assert orphans(before, after) == ["doc of /docs/a", "doc of /docs/b"]
    assert orphans(None, after) == []


def test_a_document_that_cannot_be_read_tonight_keeps_its_memory_until_it_vanishes() -> None:
    before = table(row("/docs/a"), row("/docs/a", part=1, document="second"))
    after = merge(before, "/docs", row("/docs/a", "timeout"), row("/docs/new", "corrupt"))
    assert [(one["uri"], one["part"], one["outcome"]) for one in after.to_pylist()] == [
        ("/docs/a", 0, "ok"),
        ("/docs/a", 1, "ok"),
        ("/docs/new", 0, "corrupt"),
    ]
    assert held(merge(after, "/docs", row("/docs/a", "vanished"))) == {}


def test_a_duplicate_still_cited_elsewhere_is_no_orphan() -> None:
    before = table(row("/copy/a", document="same"), row("/docs/a", document="same"))
    assert orphans(before, merge(before, "/docs")) == []


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
    base, found, ours = ([row("/docs/a", version=version)] if version else [] for version in ("1", now, seen))
    after = merge_sources(table(*found), Seen(("/docs",), tuple(ours)), table(*base))
    assert after["version"].to_pylist() == ([kept] if kept else [])


def gone(before: pa.Table, root: str, *rows: Row) -> tuple[int, list[str]]:
    """How many documents are held under `root`, and the uris of those that would be retired."""
    found = loss(before, merge(before, root, *rows), Seen((root,), rows))
    return found.held, list(found.uris)


def test_what_a_run_would_retire_is_counted_under_its_own_uris() -> None:
    before = table(*(row(f"/docs/{name}") for name in "abcd"), row("/other/e"), row("/docs/bad", "corrupt"))
    assert gone(before, "/docs", row("/docs/a"), row("/docs/b")) == (4, ["/docs/c", "/docs/d"])
    changed = [row(f"/docs/{name}", document=f"new {name}") for name in "abcd"]
    assert gone(before, "/docs", *changed) == (4, [])
    moved = [row(f"/docs/moved-{name}", document=f"doc of /docs/{name}") for name in "abcd"]
    assert gone(before, "/docs", *moved) == (4, [])
    assert gone(before, "/docs/*", row("/docs/b", "unreadable")) == (4, ["/docs/a", "/docs/c", "/docs/d"])


def test_more_than_half_is_not_retired_without_a_word() -> None:
    before = table(*(row(f"/docs/{name}") for name in "abcd"))
    half, most = (row("/docs/a"), row("/docs/b")), (row("/docs/a"),)
    loss(before, merge(before, "/docs", *half), Seen(("/docs",), half)).check()
    with pytest.raises(InvalidInput, match=r"3 of 4 documents.*/docs.*--yes"):
        loss(before, merge(before, "/docs", *most), Seen(("/docs",), most)).check()
    loss(None, table(), Seen(("/docs",), ())).check()


def test_a_part_that_is_left_for_the_next_run_is_what_it_was_and_its_source_was_not_read_whole() -> None:
    before = table(row("/c/a.jsonl", part=0), row("/c/a.jsonl", part=1, document="one"), row("/c/b.txt"))
    found = [
        row("/c/a.jsonl", version="2", document="new"),
        row("/c/a.jsonl", "postponed", version="2", part=1),
        row("/c/a.jsonl", "postponed", version="2", part=2),
        row("/c/b.txt", version="1"),
        row("/c/new.txt", "postponed"),
    ]
    merged = merge(before, "/c", *found)
    assert [(one["part"], one["version"], one["document"]) for one in merged.to_pylist()[:3]] == [
        (0, "2", "new"),
        (1, "1", "one"),
        (2, "2", ""),
    ]
    assert orphans(before, merged) == ["doc of /c/a.jsonl"]
    assert list(read_whole(merged)) == [("/c/b.txt", "1")]
    assert list(read_whole(merge(merged, "/c", *(row(one["uri"], part=one["part"]) for one in found)))) == [
        ("/c/a.jsonl", "1"),
        ("/c/b.txt", "1"),
        ("/c/new.txt", "1"),
    ]
