"""Two runs on one home, each from the memory as it was when it began: neither loses what the other did.

Run: pytest tests/tasks/memory/test_overlapping.py
"""

import os
import time
from pathlib import Path
from typing import Any

import pytest

from tasks.errors import NightreadError, Transient
from tasks.infer.windows import forget_states
from tasks.ingest.uris import corpus_of
from tasks.memory.changes import Replaced
from tasks.memory.commit import Published
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tests.tasks.memory.rows import document, record, source


def run(home: Path, name: str, seen: Seen) -> Published:
    """A run that stages every document it found, and a record of its corpus."""
    found = sorted({row["document"] for row in seen.rows})
    rows = [row for one in found for row in document(one, run=name)]
    quotes = [record(one, 0)["quotes"][0] for one in found]
    corpus: dict[str, Any] = {
        "id": name,
        "level": "corpus",
        "corpus": corpus_of(seen.roots),
        "quotes": quotes,
    }
    rows += [record("", 0, **corpus)] if found else []
    return publish(home, name, [stage(home, name, rows)], seen, Replaced("s", found, seen.roots))


def looks(folder: str, *names: str, since: str = "") -> Seen:
    return Seen((folder,), tuple(source(f"{folder}/{name}", name) for name in names), since)


def corpora(home: Path) -> dict[str, str]:
    """The run that wrote the record of each corpus."""
    return {row["corpus"]: row["id"] for row in open_memory(home).rows("level = 'corpus'")}


def test_two_overlapping_first_runs_of_different_folders_are_both_cited(tmp_path: Path) -> None:
    one, other = looks("/a", "d0"), looks("/b", "d1")  # neither saw a memory when it began
    run(tmp_path, "r1", one)
    run(tmp_path, "r2", other)
    cited = [open_memory(tmp_path).sources_of(name) for name in ("d0", "d1")]
    assert [[row["uri"] for row in some] for some in cited] == [["/a/d0"], ["/b/d1"]]
    assert corpora(tmp_path) == {"/a": "r1", "/b": "r2"}


def test_a_document_that_an_overlapping_run_cites_is_not_retired(tmp_path: Path) -> None:
    run(tmp_path, "r1", looks("/a", "d0", "d1"))
    run(tmp_path, "r2", looks("/b", "d0", since="r1"))  # a copy of d0, found while the next one reads
    run(tmp_path, "r3", looks("/a", "d1", since="r1"))
    assert [row["uri"] for row in open_memory(tmp_path).sources_of("d0")] == ["/b/d0"]
    assert {row["document"] for row in open_memory(tmp_path).rows("level = 'passage'")} == {"d0", "d1"}


def test_what_an_overlapping_run_added_to_the_same_folder_stays(tmp_path: Path) -> None:
    run(tmp_path, "r1", looks("/a", "d0"))
    run(tmp_path, "r2", looks("/a", "d0", "new", since="r1"))
    run(tmp_path, "r3", looks("/a", "d0", since="r1"))
    assert {row["document"] for row in open_memory(tmp_path).rows("level = 'passage'")} == {"d0", "new"}


def test_a_corpus_that_quotes_what_an_overlapping_run_retired_is_retired_with_it(tmp_path: Path) -> None:
    run(tmp_path, "r1", looks("/a", "d0", "d1"))
    rows = tuple(source(uri, uri[3:]) for uri in ("/a/d0", "/a/d1", "/b/d2"))
    run(tmp_path, "r2", Seen(("/a", "/b"), rows, "r1"))
    run(tmp_path, "r3", looks("/a", "d1", since="r1"))
    assert corpora(tmp_path) == {"/a": "r3"}


def test_a_corpus_that_an_older_version_named_as_it_was_typed_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(tmp_path, "r1", looks("docs", "d0"))
    run(tmp_path, "r2", looks("notes", "d1", since="r1"))
    run(tmp_path, "r3", Seen((f"{tmp_path}/docs",), (source("docs/d0", "d0"),), "r2"))
    assert corpora(tmp_path) == {f"{tmp_path}/docs": "r3", "notes": "r2"}


def test_a_run_that_builds_on_what_another_retired_meanwhile_is_to_be_repeated(tmp_path: Path) -> None:
    run(tmp_path, "r1", looks("/a", "d0"))
    run(tmp_path, "r2", looks("/a", since="r1"))
    copied = looks("/b", "d0", since="r1")  # it found d0 remembered, and so did not read it
    with pytest.raises(NightreadError, match=r"another run has retired 1 document .* read again") as refused:
        publish(tmp_path, "r3", [], copied)
    assert not isinstance(refused.value, Transient)  # to publish the same once more would be refused too
    assert run(tmp_path, "r3", copied).added == 6


def test_reading_states_of_other_runs_stay_until_nobody_came_back_to_them(tmp_path: Path) -> None:
    states = tmp_path / "states"
    states.mkdir()
    for name in ("done-k1-0", "done-k2-256", "reading-k1-0", "left-k1-0"):
        (states / f"{name}.safetensors").touch()
    os.utime(states / "left-k1-0.safetensors", (0, 0))
    written, killed = states / ".done-k1-0.safetensors.1f.new", states / ".reading-k1-0.safetensors.2e.new"
    for unfinished in (written, killed):
        unfinished.touch()
    two_hours_ago = time.time() - 2 * 3600
    os.utime(killed, (two_hours_ago, two_hours_ago))
    forget_states(tmp_path, {"done"})
    assert {path.name for path in states.iterdir()} == {"reading-k1-0.safetensors", written.name}
