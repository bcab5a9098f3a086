"""Memory is published a whole run at a time, or not at all, and no earlier run is ever lost."""

import hashlib
import pickle
import random
import subprocess
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import InvalidInput, Transient
from tasks.ingest.uris import corpus_of
from tasks.memory.changes import Replaced
from tasks.memory.publish import Published, publish
from tasks.memory.reader import history, open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)
CHARS = 50

PUBLISHER = """
import pickle, sys
from pathlib import Path
from tasks.memory.publish import publish
home = Path(sys.argv[1])
staged = sorted((home / "memory" / "staged" / "r2").iterdir())
seen, replaced = pickle.loads((home / "after.pickle").read_bytes())
print("go", flush=True)
publish(home, "r2", staged, seen, replaced)
print("done", flush=True)
"""

HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1])
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(60)
"""


def record(document: str, number: int, text: str = "", **changes: Any) -> dict[str, Any]:
    text = (text or f"passage {number} of {document} on agreements").ljust(CHARS)[:CHARS]
    start = number * CHARS
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])
    quote = {"text": text, "document": document, "start": start, "end": start + CHARS, "salience": 1.0}
    row = {
        "id": f"{document}-{number}", "level": "passage", "document": document, "corpus": "",
        "window_first": 0, "window_last": 0, "char_start": start, "char_end": start + CHARS, "summary": "",
        "generated": False, "text": text, "quotes": [quote],
        "vector": np.random.default_rng(seed).normal(size=256).astype(np.float32), "grounding": 1.0,
        "dropped": 0, "model": "m", "skip_key": "s", "run": "r", "created": MOMENT, "children": [],
    }  # fmt: skip
    return {**row, **changes}


def document(name: str, passages: int = 5, run: str = "r1") -> list[dict[str, Any]]:
    return [record(name, number, run=run) for number in range(passages)]


def source(uri: str, document: str, **changes: Any) -> dict[str, Any]:
    row = {
        "uri": uri, "version": "1", "content": f"c{document}", "part": 0, "label": "", "document": document,
        "chars": 10**6, "outcome": "ok", "reason": "", "parsed": f"parsed/c{document}-p.parquet",
    }  # fmt: skip
    return {**row, **changes}


def sees(*names: str, since: str = "", **changes: Any) -> Seen:
    """What a run sees that finds these documents in `docs`, and nothing else there."""
    return Seen(("/docs",), tuple(source(f"/docs/{name}.txt", name, **changes) for name in names), since)


def put(home: Path, run: str, names: Iterable[str], **replaced: Any) -> Published:
    """A run that finds documents of these names and stages all of them."""
    names = list(names)
    staged = [stage(home, run, document(name, run=run)) for name in names]
    at = published(home)
    return publish(home, run, staged, sees(*names, since=at["run"] if at else ""), Replaced(**replaced))


def content(home: Path, as_of: str | None = None) -> list[tuple[str, str, list[float]]]:
    rows = open_memory(home, as_of).rows()
    return sorted((row["id"], row["text"], row["vector"]) for row in rows)


def ids(home: Path, as_of: str | None = None) -> set[str]:
    return {row["id"] for row in open_memory(home, as_of).rows(columns=["id"])}


def test_where_nothing_was_published_the_reader_is_told_which_command_does(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nightread read"):
        open_memory(tmp_path)


def test_a_published_record_comes_back_as_it_was_staged(tmp_path: Path) -> None:
    rows = document("d0")
    result = publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], sees("d0"))
    memory = open_memory(tmp_path)
    assert (result.added, result.retired, memory.version) == (5, 0, result.version)
    assert not memory.is_empty
    (found,) = memory.records(["d0-3", "nobody's"])
    assert np.array_equal(found.pop("vector"), rows[3].pop("vector"))
    assert found == rows[3]
    assert [row["uri"] for row in memory.sources_of("d0")] == ["/docs/d0.txt"]


def test_publishing_nothing_new_leaves_the_table_version(tmp_path: Path) -> None:
    first = put(tmp_path, "r1", ["d0"])
    before = published(tmp_path)
    again = put(tmp_path, "r2", ["d0"])
    assert (again.version, again.added, again.retired) == (first.version, 0, 0)
    assert published(tmp_path) == before
    assert open_memory(tmp_path, "r2").run == "r1"  # that run found the memory of r1 to be current
    newest = open_memory(tmp_path).table
    newest.checkout_latest()
    assert newest.version == first.version


def test_a_moved_document_changes_sources_but_no_record(tmp_path: Path) -> None:
    first = put(tmp_path, "r1", ["d0"])
    moved = publish(tmp_path, "r2", [], Seen(("/docs",), (source("/docs/moved.txt", "d0"),), "r1"))
    assert moved.version == first.version
    assert open_memory(tmp_path).sources_of("d0")[0]["uri"] == "/docs/moved.txt"
    assert open_memory(tmp_path, "r1").sources_of("d0")[0]["uri"] == "/docs/d0.txt"


def test_what_a_run_retires_is_still_there_as_of_the_run_before(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0", "d1"])
    moment = datetime.now(UTC)
    result = put(tmp_path, "r2", ["d1", "d2"], key="other", documents=["d1"])
    assert (result.added, result.retired) == (5, 5)  # those of d1 are staged again: they stay
    assert {row.partition("-")[0] for row in ids(tmp_path)} == {"d1", "d2"}
    for before in ("r1", moment.isoformat(), moment.replace(tzinfo=None).isoformat()):
        assert {row.partition("-")[0] for row in ids(tmp_path, before)} == {"d0", "d1"}
    assert [row["run"] for row in history(tmp_path)] == ["r2", "r1"]


def test_a_reader_that_was_open_sees_nothing_of_a_later_run(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    reader = open_memory(tmp_path)
    put(tmp_path, "r2", ["d1"])
    assert {row["document"] for row in reader.rows()} == {"d0"}


def test_an_unknown_run_or_too_early_a_time_names_what_there_is(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    with pytest.raises(InvalidInput, match=r"no run 'r7'.*r1"):
        open_memory(tmp_path, "r7")
    with pytest.raises(InvalidInput, match=r"2020-01-01.*first run was r1"):
        open_memory(tmp_path, "2020-01-01")
    with pytest.raises(InvalidInput, match=r"no run '\.\./r1'"):
        open_memory(tmp_path, "../r1")


def test_memory_may_be_emptied_and_filled_again(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", [])
    assert open_memory(tmp_path).is_empty
    put(tmp_path, "r3", ["d0"])
    assert len(ids(tmp_path)) == 5


def test_a_record_staged_in_two_files_is_added_once(tmp_path: Path) -> None:
    rows = document("d0")
    staged = [stage(tmp_path, "r1", rows), stage(tmp_path, "r1", rows[:3])]
    assert publish(tmp_path, "r1", staged, sees("d0")).added == 5
    assert open_memory(tmp_path).count() == 5


def test_a_publish_repeated_after_its_commit_gives_the_same_answer(tmp_path: Path) -> None:
    staged = [stage(tmp_path, "r1", document("d0"))]
    first = publish(tmp_path, "r1", staged, sees("d0"))
    assert publish(tmp_path, "r1", staged, sees("d0")) == first
    with pytest.raises(InvalidInput, match="'r1' is published already"):
        publish(tmp_path, "r1", [], sees("d1"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"text": "short"}, "does not fill"),
        ({"level": "chapter"}, "chapter"),
        ({"vector": np.full(256, np.nan, np.float32)}, "not finite"),
        ({"extra": 1}, "columns"),
        ({"id": "d0-0"}, "twice"),
    ],
)
def test_a_record_that_does_not_hold_together_is_never_staged(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stage(tmp_path, "r1", [record("d0", 0), {**record("d0", 1), **changes}])
    assert not list((tmp_path / "memory" / "staged" / "r1").iterdir())


def test_a_misquote_is_refused_when_staged_and_one_past_its_document_when_published(tmp_path: Path) -> None:
    row = record("d0", 0)
    quote = {**row["quotes"][0], "end": 7}
    with pytest.raises(ValueError, match="is not at 0-7"):
        stage(tmp_path, "r1", [{**row, "quotes": [quote]}])
    staged = stage(tmp_path, "r1", [row])
    with pytest.raises(ValueError, match="is not at 0-50"):
        publish(tmp_path, "r1", [staged], sees("d0", chars=49))
    with pytest.raises(ValueError, match=r"no source holds|is not at"):
        publish(tmp_path, "r1", [staged], sees("d1"))
    assert published(tmp_path) is None


def test_a_run_whose_name_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"\.\./r1"):
        stage(tmp_path, "../r1", [])


def test_a_second_committer_gives_up_with_transient(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    lock = tmp_path / "memory" / ".committer"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(lock)], stdout=subprocess.PIPE)
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(Transient, match="publishing"):
        publish(tmp_path, "r2", [], sees(since="r1"), wait_s=0.2)
    holder.kill()
    holder.communicate()
    assert publish(tmp_path, "r2", [], sees(since="r1")).retired == 5  # the lock went with its holder


def _prepare(home: Path, documents: int) -> tuple[Seen, Replaced]:
    put(home, "r1", ["d0", "d1"])
    names = [f"d{number}" for number in range(1, documents)]
    after = sees(*names, since="r1"), Replaced("other", frozenset({"d1"}))
    (home / "after.pickle").write_bytes(pickle.dumps(after))
    again = {"run": "r2", "skip_key": "other"}
    stage(home, "r2", [record("d1", number, id=f"d1-other-{number}", **again) for number in range(5)])
    for name in names[1:]:
        stage(home, "r2", document(name, 40, "r2"))
    return after


def _publish_r2(home: Path) -> tuple[subprocess.Popen[str], float]:
    child = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child, time.monotonic()


def test_a_publish_killed_anywhere_changes_nothing_until_it_is_repeated(tmp_path: Path) -> None:
    calm = tmp_path / "calm"
    _prepare(calm, 40)
    child, begun = _publish_r2(calm)
    assert child.communicate()[0] == "done\n"
    takes = time.monotonic() - begun
    expected, chance = content(calm), random.Random(7)
    for trial in range(5):
        home = tmp_path / f"trial{trial}"
        after = _prepare(home, 40)
        before = content(home)
        for _ in range(2):  # a repeat may be killed too
            child, _ = _publish_r2(home)
            time.sleep(chance.uniform(0.02, 0.9) * takes)
            child.kill()
            child.communicate()
            assert content(home) == (before if published(home)["run"] == "r1" else expected)  # type: ignore[index]
            if published(home)["run"] == "r2":  # type: ignore[index]
                break
        staged = sorted((home / "memory" / "staged" / "r2").iterdir())
        publish(home, "r2", staged, *after)
        assert content(home) == expected
        assert content(home, "r1") == before


def test_a_first_publish_killed_anywhere_leaves_no_memory_and_is_repeated(tmp_path: Path) -> None:
    chance = random.Random(3)
    for trial in range(3):
        home = tmp_path / f"trial{trial}"
        home.mkdir()
        (home / "after.pickle").write_bytes(pickle.dumps((sees("d0"), Replaced())))
        staged = [stage(home, "r2", document("d0", 200))]
        child, _ = _publish_r2(home)
        time.sleep(chance.uniform(0.0, 0.2))
        child.kill()
        child.communicate()
        publish(home, "r2", staged, sees("d0"))
        assert len(ids(home)) == open_memory(home).count() == 200


def test_thousands_of_records_are_written_in_few_files(tmp_path: Path) -> None:
    rows = (record(f"d{n // 100}", n % 100) for n in range(5000))
    staged = [stage(tmp_path, "r1", rows)]
    publish(tmp_path, "r1", staged, sees(*(f"d{n}" for n in range(50))))
    assert open_memory(tmp_path).count() == len(ids(tmp_path)) == 5000
    assert len(list((tmp_path / "memory" / "records.lance" / "data").iterdir())) < 5
    assert not staged[0].exists()


def test_a_home_of_any_name_holds_a_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("db", "a b%20#c?'d"):
        put(Path(name), "r1", ["d0"])
        assert len(ids(Path(name))) == 5


def test_the_first_of_many_runs_can_still_be_read(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    for run in range(2, 6):
        put(tmp_path, f"r{run}", [f"d{run}"])
    assert {row.partition("-")[0] for row in ids(tmp_path, "r1")} == {"d0"}


# Two runs on one home, each from the memory as it was when it began.


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
    with pytest.raises(Transient, match="read again"):
        publish(tmp_path, "r3", [], copied)
    assert run(tmp_path, "r3", copied).added == 6
