"""Rows of sources lie in columns: they are read in order, found by document, and few are dicts at a time.

Run: pytest tests/tasks/ingest/test_source_rows.py
"""

import tracemalloc
from typing import Any

import pytest

from tasks.ingest.by_document import ByDocument, Holders, first_of
from tasks.ingest.source_rows import Gathered, SourceRows, gathered
from tasks.memory.sources import Seen, merge_sources
from tasks.schema import ADDED_SOURCES
from tests.tasks.memory.rows import source


def _rows(count: int) -> list[dict[str, Any]]:
    """Two sources of each document, and one that could not be read."""
    made = [source(f"/docs/{number:06d}.txt", f"d{number // 2}", **ADDED_SOURCES) for number in range(count)]
    return [*made, source("/docs/closed", "", outcome="unreadable", **ADDED_SOURCES)]


def _of(rows: list[dict[str, Any]]) -> SourceRows:
    found = Gathered()
    for row in rows:
        found.add([row])
    return SourceRows(found.table())


def test_rows_come_out_as_they_went_in() -> None:
    rows = _rows(3000)
    held = _of(rows)
    assert list(held) == list(gathered(rows)) == rows
    assert (held[0], held[-1], len(held)) == (rows[0], rows[-1], 3001)
    assert list(held[2:4]) == rows[2:4]
    with pytest.raises(IndexError):
        held[3001]


def test_a_document_is_found_with_every_source_that_holds_it() -> None:
    rows = _rows(10)
    holders = Holders(_of(rows))
    assert holders.get("d3") == rows[6:8]
    assert holders.get("d9") == holders.get("") == []
    assert Holders(_of([])).get("d0") == []


def test_documents_keep_their_order_and_their_first_source() -> None:
    rows = _rows(10)
    todo = ByDocument(_of(rows), [8, 2])
    assert list(todo) == ["d4", "d1"]
    assert list(todo.rows()) == [todo["d4"], todo["d1"]] == [rows[8], rows[2]]
    assert (todo.place("d1"), todo.place("d2"), "d2" in todo) == (1, -1, False)
    assert list(first_of(rows)) == ["d0", "d1", "d2", "d3", "d4"]
    assert first_of(rows, {"d4", "d7"}) == {"d4": rows[8]}
    assert not first_of([])


def test_sources_are_merged_without_a_list_of_them() -> None:
    rows = _of([source(f"/docs/{number:06d}.txt", f"{number:064d}") for number in range(5000)])
    before = merge_sources(None, Seen((), rows), None)
    tracemalloc.start()
    try:
        merged = merge_sources(before, Seen(("/docs",), rows), before)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert merged.equals(before)
    assert peak < 4 << 20, "a dict of each row would take five times as much"
