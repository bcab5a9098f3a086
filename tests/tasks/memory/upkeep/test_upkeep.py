"""Upkeep changes where records lie and never what they say, and drops what is not kept."""

import os
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.tend import kept
from tasks.errors import InvalidInput, Transient
from tasks.ingest.home.remote import stored
from tasks.memory.commit import committer, repoint, tag, writable
from tasks.memory.forget.erasure import Erasure
from tasks.memory.forget.files import erase_sources
from tasks.memory.forget.targets import known_rows
from tasks.memory.publish import index
from tasks.memory.reader import history, open_memory, published
from tasks.memory.staging import stage
from tasks.memory.upkeep.expire import expiring, waiting
from tasks.memory.upkeep.leftovers import sweep
from tasks.memory.upkeep.reembed import Embed, reembed
from tasks.memory.upkeep.upkeep import clear, last_upkeep, tidy
from tasks.runs.ledger import Ledger
from tasks.settings import UpkeepConfig
from tests.tasks.memory.rows import content, document, ids, put

LAST_TWO = UpkeepConfig(keep_days=0.0, keep_runs=2, readers_s=0.0)


def four_runs(home: Path) -> None:
    for run, names in (
        ("r1", ["d0", "d1"]),
        ("r2", ["d1", "d2"]),
        ("r3", ["d2", "d3"]),
        ("r4", ["d3", "d4"]),
    ):
        put(home, run, names)


def test_upkeep_says_the_same_in_fewer_files_and_drops_versions_that_are_not_kept(tmp_path: Path) -> None:
    four_runs(tmp_path)
    before, size = {run: content(tmp_path, run) for run in ("r3", "r4")}, stored(tmp_path)
    assert tidy(tmp_path, LAST_TWO) == ["r2", "r1"]
    assert content(tmp_path) == before["r4"] == content(tmp_path, "r4")
    assert content(tmp_path, "r3") == before["r3"]
    with pytest.raises(InvalidInput, match=r"r2 was dropped by upkeep .* nearest that is left is r3"):
        open_memory(tmp_path, "r2")
    assert all(not one.num_unindexed_rows for one in open_memory(tmp_path).table.list_indices())
    tidy(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
    assert content(tmp_path) == before["r4"]
    assert stored(tmp_path) < size
    assert len(list((tmp_path / "memory" / "records.lance" / "data").iterdir())) == 1


def test_a_second_upkeep_finds_nothing_to_do_and_a_run_publishes_after_it(tmp_path: Path) -> None:
    four_runs(tmp_path)
    tidy(tmp_path, LAST_TWO)
    once = published(tmp_path)
    assert tidy(tmp_path, LAST_TWO) == []
    assert published(tmp_path) == once
    put(tmp_path, "r5", ["d4", "d5"])
    assert {one.partition("-")[0] for one in ids(tmp_path)} == {"d4", "d5"}
    assert [row["run"] for row in history(tmp_path)] == ["r5", "r4", "r3", "r2", "r1"]


def test_a_reader_of_before_goes_on_while_its_version_is_young(tmp_path: Path) -> None:
    four_runs(tmp_path)
    reader, at = open_memory(tmp_path), published(tmp_path)
    tidy(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1))
    assert published(tmp_path) != at
    tidy(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1))
    assert {row["document"] for row in reader.rows()} == {"d3", "d4"}
    assert reader.table.search("agreements", query_type="fts").limit(3).to_list()


def test_an_upkeep_that_keeps_more_follows_one_that_kept_less(tmp_path: Path) -> None:
    four_runs(tmp_path)
    before = content(tmp_path)
    for keep in (UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0), UpkeepConfig()):
        with committer(tmp_path):  # a version that says the same takes the place of the published one
            table = writable(tmp_path, open_memory(tmp_path))
            table.delete("false")
            repoint(tmp_path, "r4", int(table.version))
        tidy(tmp_path, keep)
    assert content(tmp_path) == before


def test_what_only_readers_keep_is_said_with_the_moment_from_which_it_may_go(tmp_path: Path) -> None:
    four_runs(tmp_path)
    keep = UpkeepConfig(keep_days=0.0, keep_runs=1)
    done = clear(tmp_path, 0, tidy(tmp_path, keep), stored(tmp_path), keep)
    assert (done.expired, done.waiting.versions) == ([], 4)  # three earlier runs, and what was tidied
    said = kept(asdict(done))
    assert "4 versions kept until " in said
    assert "(upkeep.readers_s=3600): an upkeep after that drops them" in said
    rows = list(history(tmp_path))
    assert waiting(rows, keep, datetime.fromisoformat(done.waiting.until)).versions == 0
    assert waiting(rows, UpkeepConfig(), datetime.now(UTC)).versions == 1


def test_a_reader_of_a_version_that_goes_is_told_what_became_of_it(tmp_path: Path) -> None:
    four_runs(tmp_path)
    old, now = open_memory(tmp_path, "r1"), open_memory(tmp_path)
    tidy(tmp_path, LAST_TWO)
    with (
        pytest.raises(InvalidInput, match=r"run r1 was dropped by upkeep .* nearest that is left is r3"),
        old.held(),
    ):
        old.rows()
    tidy(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
    with (
        pytest.raises(Transient, match="memory of run r4 lies elsewhere since it was opened: ask again"),
        now.held(),
    ):
        now.rows()
    with pytest.raises(RuntimeError, match="of another kind"), open_memory(tmp_path).held():
        raise RuntimeError("of another kind")


def test_sources_of_dropped_runs_are_kept_once_and_still_found_to_be_forgotten(tmp_path: Path) -> None:
    four_runs(tmp_path)
    assert sweep(tmp_path)["sources"] == 0
    tidy(tmp_path, LAST_TWO)
    assert sweep(tmp_path)["sources"] == 2
    assert {path.parent.name for path in tmp_path.rglob("sources.parquet")} == {"r3", "r4"}
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        places = [row["uri"] for row in known_rows(tmp_path, ledger)]
    assert sorted(set(places)) == [f"/docs/d{number}.txt" for number in range(5)]
    assert places.count("/docs/d0.txt") == places.count("/docs/d1.txt") == 1
    assert erase_sources(tmp_path, ["d0"]) == 1
    tidy(tmp_path, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
    assert sweep(tmp_path)["sources"] == 1
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        assert "/docs/d0.txt" not in {row["uri"] for row in known_rows(tmp_path, ledger)}


def test_what_is_young_or_among_the_last_runs_or_read_is_kept() -> None:
    now = datetime.now(UTC)
    rows = [{"run": f"r{days}", "time": (now - timedelta(days=days)).isoformat()} for days in (0, 2, 5, 9)]

    def going(**keep: float) -> list[str]:
        config = UpkeepConfig(**{"keep_days": 0.0, "keep_runs": 1, "readers_s": 0.0, **keep})  # type: ignore[arg-type]
        return [row["run"] for row in expiring(rows, config, now)]

    assert going() == ["r2", "r5", "r9"]
    assert going(keep_runs=3) == ["r9"]
    assert going(keep_days=6.0) == ["r9"]
    assert going(readers_s=3 * 86400.0) == ["r9"]  # r5 was the published one until two days ago
    rows[2]["dropped"] = {}  # type: ignore[assignment]
    assert going() == ["r2", "r9"]


def test_an_upkeep_that_died_before_its_commit_is_undone_by_the_next_writer(tmp_path: Path) -> None:
    four_runs(tmp_path)
    before = content(tmp_path)
    with committer(tmp_path):
        table = writable(tmp_path, open_memory(tmp_path))
        table.delete("true")  # anything that readers must not see
        index(table, everything=True)
        tag(table, "r4")
    assert content(tmp_path) == before
    tidy(tmp_path, LAST_TWO)
    assert content(tmp_path) == before


def test_what_upkeep_did_is_noted_with_its_time(tmp_path: Path) -> None:
    assert clear(tmp_path, 0, tidy(tmp_path, LAST_TWO), 0, LAST_TWO).run == ""
    assert last_upkeep(tmp_path) == {}
    four_runs(tmp_path)
    done = clear(tmp_path, 0, tidy(tmp_path, LAST_TWO), stored(tmp_path), LAST_TWO)
    assert (done.run, done.expired) == ("r4", ["r2", "r1"])
    assert last_upkeep(tmp_path)["run"] == "r4"
    assert datetime.now(UTC) - datetime.fromisoformat(last_upkeep(tmp_path)["time"]) < timedelta(minutes=5)


def test_left_overs_go_once_they_are_a_day_old_and_no_run_is_going_on(tmp_path: Path) -> None:
    put(tmp_path, "r1", ["d0"])
    put(tmp_path, "r2", ["d1"])
    files = ["parsed/cd0-p.parquet", "parsed/cd0-p.json", "parsed/cold-p.parquet", "parsed/young-p.parquet"]
    files += ["shards/k-512/d0/00000.parquet", "shards/k-512/gone/00000.parquet", "shards/.lock"]
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    stage(tmp_path, "dead", document("d9"))
    for path in (*tmp_path.rglob("*"),):
        if path.is_dir() or "young" not in path.name:
            os.utime(path, (0, 0))
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        ledger.start_run("r3", ["/docs"], "{}")
        assert sum(sweep(tmp_path).values()) == 0  # it may build on any of it
        ledger.finish_run("r3", "failed", "{}")
    assert sweep(tmp_path) == {"staged": 1, "vectors": 0, "parsed": 1, "shards": 1, "sources": 0}
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert set(files) - left == {"parsed/cold-p.parquet", "shards/k-512/gone/00000.parquet"}
    assert not (tmp_path / "memory" / "staged" / "dead").exists()


def not_loaded() -> Embed:
    raise AssertionError("an embedder was loaded")


def test_an_upkeep_waits_for_an_erasure_that_has_not_ended(tmp_path: Path) -> None:
    four_runs(tmp_path)
    erasure = Erasure("r5", datetime.now(UTC).isoformat(), ("/docs/d3.txt",), ("d3",), ()).saved(tmp_path)
    with pytest.raises(InvalidInput, match="nightread forget"):
        tidy(tmp_path, LAST_TWO)
    with pytest.raises(InvalidInput, match="nightread forget"):
        reembed(tmp_path, "other@1", not_loaded, lambda *_: None)
    assert content(tmp_path, "r1")
    assert erasure.stage == "begun"
