"""Memory is published a whole run at a time, or not at all, and no earlier run is ever lost."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.errors import InvalidInput
from tasks.memory.derived import cut
from tasks.memory.publish import publish
from tasks.memory.reader import history, open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tests.tasks.memory.rows import document, ids, put, record, sees, source


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
    for vector in ("vector", "context_vector"):
        assert np.array_equal(found.pop(vector), rows[3].pop(vector))
    assert found == cut(rows[3])
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


def test_a_record_under_another_title_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0", "d1"])
    rows = [{**row, "title": "Harbours"} for row in document("d0", run="r2")]
    changed = publish(tmp_path, "r2", [stage(tmp_path, "r2", rows)], sees("d0", "d1", since="r1"))
    assert (changed.added, changed.retired) == (5, 5)
    titles = [(row["document"], row["title"]) for row in open_memory(tmp_path).rows()]
    assert sorted(titles) == [("d0", "Harbours")] * 5 + [("d1", "d1")] * 5


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


def test_records_are_given_by_id_in_the_order_asked_however_many(tmp_path: Path) -> None:
    rows = document("a", 1_100)
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], sees("a", chars=200_000))
    asked = [row["id"] for row in rows[::-1]]
    memory = open_memory(tmp_path)
    assert [row["id"] for row in memory.records([*asked, "nobody's"])] == asked
    assert memory.records([]) == []


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


def test_what_a_dead_run_has_staged_goes_once_nobody_has_touched_it_for_a_day(tmp_path: Path) -> None:
    dead, slow = stage(tmp_path, "dead", document("d1")), stage(tmp_path, "slow", document("d2"))
    (slow.parent / ".half-written").touch()
    for path in (dead, dead.parent, slow, slow.parent):
        os.utime(path, (0, 0))
    staged = stage(tmp_path, "r1", document("d0"))
    assert {path.name for path in staged.parent.parent.iterdir()} == {"slow", "r1"}
    publish(tmp_path, "r1", [staged], sees("d0"))
    assert [path.name for path in staged.parent.parent.iterdir()] == ["slow"]


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
