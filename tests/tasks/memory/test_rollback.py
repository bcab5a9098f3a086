"""A rollback publishes an earlier memory again, and loses nothing; a diff tells what a run changed.

Run: pytest tests/tasks/memory/test_rollback.py
"""

from pathlib import Path
from typing import Any

import pytest

from tasks.errors import InvalidInput
from tasks.memory.changes import Replaced
from tasks.memory.diff import diff
from tasks.memory.publish import publish
from tasks.memory.reader import history, open_memory, published, run_json
from tasks.memory.rollback import rollback
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tests.tasks.memory.rows import content, ids, put, record, source


def test_memory_is_as_the_run_published_it_and_what_lies_between_stays(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0", "d1"])
    put(tmp_path, "r2", ["d1", "d2"])
    first, second = content(tmp_path, "r1"), content(tmp_path, "r2")
    done = rollback(tmp_path, "r3", "r1")
    assert (done.added, done.retired) == (5, 5)
    assert content(tmp_path) == first
    assert open_memory(tmp_path).sources.equals(open_memory(tmp_path, "r1").sources)
    assert [row["run"] for row in history(tmp_path)] == ["r3", "r2", "r1"]
    assert run_json(tmp_path, "r3")["rolled_back_to"] == "r1"
    assert content(tmp_path, "r2") == second
    assert content(tmp_path, run_json(tmp_path, "r2")["time"]) == second
    found = open_memory(tmp_path).table.search("agreements", query_type="fts").limit(100).to_list()
    assert {row["document"] for row in found} == {"d0", "d1"}


def test_reading_again_after_a_rollback_gives_the_memory_of_the_first_reading(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", ["d0", "d1"])
    first = content(tmp_path)
    rollback(tmp_path, "r3", "r1")
    put(tmp_path, "r4", ["d0", "d1"])
    assert content(tmp_path) == first
    assert rollback(tmp_path, "r5", "r3").retired == 5
    assert ids(tmp_path) == ids(tmp_path, "r1")


def test_a_rollback_may_be_rolled_back(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", ["d1"])
    rollback(tmp_path, "r3", "r1")
    rollback(tmp_path, "r4", "r2")
    assert ids(tmp_path) == ids(tmp_path, "r2")
    assert rollback(tmp_path, "r4", "r2") == rollback(tmp_path, "r4", "r2")  # repeated under its own name
    put(tmp_path, "r5", ["d1", "d2"])
    assert {row.partition("-")[0] for row in ids(tmp_path)} == {"d1", "d2"}


def test_where_only_the_places_differ_the_table_keeps_its_version(tmp_path: Path) -> None:
    version = put(tmp_path, "r1", ["d0"]).version
    publish(tmp_path, "r2", [], Seen(("/docs",), (source("/docs/moved.txt", "d0"),), "r1"))
    assert rollback(tmp_path, "r3", "r1").version == version
    assert open_memory(tmp_path).uris == ["/docs/d0.txt"]


def test_what_cannot_be_rolled_back_to_is_refused_and_changes_nothing(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nightread read"):
        rollback(tmp_path, "r1", "r0")
    put(tmp_path, "r1", ["d0"])
    before = published(tmp_path)
    with pytest.raises(InvalidInput, match="memory is as run r1 published it"):
        rollback(tmp_path, "r2", "r1")
    with pytest.raises(InvalidInput, match=r"no run 'r7'.*r1"):
        rollback(tmp_path, "r2", "r7")
    assert published(tmp_path) == before


def told(name: str, *texts: str, key: str = "s") -> dict[str, Any]:
    """The record of a document whose summary consists of these sentences."""
    quotes = [record(name, number, text)["quotes"][0] for number, text in enumerate(texts)]
    said = {"summary": " ".join(texts), "text": " ".join(texts), "title": f"The {name}", "skip_key": key}
    return record(name, 0, id=f"{name}-{key}", level="document", quotes=quotes, position=-1, **said)


def test_a_diff_tells_each_document_by_title_and_place_and_the_sentences_that_differ(tmp_path: Path) -> None:
    old = [told("lease", "The rent is 900 euros.", "Notice is a month."), told("map", "It shows the quay.")]
    old.append(told("note", "The ferry is late."))
    rows = [source(f"/docs/{name}.txt", name) for name in ("lease", "map", "note")]
    publish(tmp_path, "r1", [stage(tmp_path, "r1", old)], Seen(("/docs",), tuple(rows)))
    new = [told("lease2", "The rent is 950 euros.", "Notice is a month."), told("poem", "The sea is grey.")]
    new.append(told("note", "The ferry is late.", key="other"))
    rows = [source("/docs/lease.txt", "lease2"), source("/docs/poem.txt", "poem")]
    rows += [source("/docs/note.txt", "note")]
    again = Replaced("other", frozenset({"note"}))
    publish(tmp_path, "r2", [stage(tmp_path, "r2", new)], Seen(("/docs",), tuple(rows), "r1"), again)
    found = diff(open_memory(tmp_path, "r1"), open_memory(tmp_path))
    assert [(one.status, one.title, one.place) for one in found.documents] == [
        ("changed", "The lease2", "/docs/lease.txt"),
        ("read again", "The note", "/docs/note.txt"),
        ("new", "The poem", "/docs/poem.txt"),
        ("gone", "The map", "/docs/map.txt"),
    ]
    changed = found.documents[0]
    assert [text.strip() for text in changed.removed] == ["The rent is 900 euros."]
    assert [text.strip() for text in changed.added] == ["The rent is 950 euros."]
    assert (found.added, found.retired) == ({"document": 3}, {"document": 3})


def test_a_diff_knows_a_document_that_has_only_moved(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    publish(tmp_path, "r2", [], Seen(("/docs",), (source("/docs/moved.txt", "d0"),), "r1"))
    (one,) = diff(open_memory(tmp_path, "r1"), open_memory(tmp_path)).documents
    assert (one.status, one.before, one.place) == ("moved", "/docs/d0.txt", "/docs/moved.txt")


def test_a_diff_with_a_rollback_is_that_with_the_run_it_went_back_to(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", ["d0", "d1"])
    rollback(tmp_path, "r3", "r1")
    found = diff(open_memory(tmp_path, "r2"), open_memory(tmp_path, "r3"))
    assert [one.status for one in found.documents] == ["gone"]
    assert not diff(open_memory(tmp_path, "r1"), open_memory(tmp_path, "r3")).documents
