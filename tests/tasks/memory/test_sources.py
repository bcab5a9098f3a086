"""What a memory knows of its sources is lost only when the source is gone.

Run: pytest tests/tasks/test_sources.py
"""

from typing import Any

import pytest

from tasks.memory.sources import merge_sources, orphans


def row(uri: str, outcome: str = "ok") -> dict[str, Any]:
    good = outcome == "ok"
    return {
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


BEFORE = merge_sources(None, ["/c"], [row("/c/a.txt"), row("/c/deep/b.txt"), row("/c/deeper/d.txt")])


def test_documents_under_a_folder_that_cannot_be_listed_are_kept() -> None:
    after = merge_sources(BEFORE, ["/c"], [row("/c/a.txt"), row("/c/deep", "unreadable")])
    assert orphans(BEFORE, after) == ["doc of /c/deeper/d.txt"]
    assert "/c/deep" in after["uri"].to_pylist()


@pytest.mark.parametrize("outcome", ["vanished", "corrupt"])
def test_only_an_unreadable_folder_protects_what_lies_under_it(outcome: str) -> None:
    after = merge_sources(BEFORE, ["/c"], [row("/c/a.txt"), row("/c/deep", outcome)])
    assert orphans(BEFORE, after) == ["doc of /c/deep/b.txt", "doc of /c/deeper/d.txt"]
