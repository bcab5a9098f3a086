"""A watched folder: what arrives is read once, a refused run strands nobody, nothing is retired by accident.

Runs are stood in for by ones that note what they were asked for, and leave what a run leaves: a ledger.

Run: pytest tests/flows/drops/test_watch.py
"""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from flows.config import RunConfig, load
from flows.drops.starting import Wanted
from flows.drops.watcher import Watcher
from tasks.errors import InvalidInput, Transient
from tasks.ingest.discover import discover
from tasks.ingest.uris import place
from tasks.ingest.watch.state import State, claimed
from tasks.runs.ledger import Ledger, Row

Capture = pytest.CaptureFixture[str]
OUTCOME: Row = {"run": "night", "status": "published"}


class Reads:
    """Runs that give nothing to remember of anything, and so retire whatever is not there any more."""

    def __init__(self, config: RunConfig) -> None:
        self.ledger, self.config = Ledger(Path(config.home) / "ledger.sqlite"), config
        self.asked: list[Wanted] = []
        self.errors: list[Exception] = []
        self.arrives: list[Path] = []
        """Files that arrive while the next run is going on."""

    def __call__(self, wanted: Wanted) -> Row:
        self.asked.append(wanted)
        if self.errors:
            raise self.errors.pop(0)
        there = list(discover([wanted.uri], Path(self.config.home), self.config.storage, [wanted.uri]))
        for path in self.arrives:
            path.write_text("late")
        self.arrives = []
        kept = {"part": 0, "document": "", "outcome": "empty_text", "reason": "", "parsed": "", "label": ""}
        rows = [{**kept, "uri": one.uri, "version": one.version} for one in there]
        for row in rows:
            self.ledger.remember_source([row], "key")
        if not wanted.keep_gone:
            gone = set(self.ledger.source_uris()) - {one.uri for one in there}
            self.ledger.release(gone)
        return OUTCOME


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    quick = ["watch.quiet_s=0", "watch.poll_s=0.01", "watch.gather_s=5"]
    return load("tiny", [f"home={tmp_path / 'home'}", *quick])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drops").mkdir()
    return tmp_path / "drops"


@pytest.fixture
def state(config: RunConfig, folder: Path) -> Iterator[State]:
    with claimed(Path(config.home), str(folder)) as held:
        yield held


class Bench:
    """A watcher of a folder, and everything that it did."""

    def __init__(self, config: RunConfig, folder: Path, state: State, yes: bool = False) -> None:
        self.reads, self.said = Reads(config), list[str]()
        self.watcher = Watcher(place(str(folder)), config, state, self.reads, self.said.append, None, yes)

    def turns(self, count: int = 3) -> int:
        """Look so many times; how many runs that started."""
        before = len(self.reads.asked)
        for _ in range(count):
            self.watcher.turn()
        return len(self.reads.asked) - before


@pytest.fixture
def bench(config: RunConfig, folder: Path, state: State) -> Bench:
    return Bench(config, folder, state)


def fill(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_text(name)


def test_a_burst_is_one_run_and_what_has_not_changed_is_none(bench: Bench, folder: Path) -> None:
    assert bench.turns() == 0
    fill(folder, "a", "b", "c", "d")
    assert bench.turns() == 1
    assert bench.said == ["4 new: a, b, c, 1 more", "run night: published"]
    assert bench.turns() == 0


def test_what_changed_and_what_is_gone_is_read_again(bench: Bench, folder: Path) -> None:
    fill(folder, "a", "b", "c")
    bench.turns()
    (folder / "a").write_text("something else")
    (folder / "b").unlink()
    bench.said.clear()
    assert bench.turns() == 1
    assert bench.said[0] == "1 changed, 1 gone: a"
    assert not bench.reads.asked[-1].keep_gone


def test_what_came_went_and_comes_again_as_it_was_is_asked_for_anew(
    bench: Bench, folder: Path, tmp_path: Path
) -> None:
    fill(folder, "a", "b", "c")
    assert bench.turns() == 1
    for _ in range(2):
        (folder / "a").rename(tmp_path / "aside")
        assert bench.turns() == 1
        (tmp_path / "aside").rename(folder / "a")
        assert bench.turns() == 1
    assert len({wanted.key for wanted in bench.reads.asked}) == len(bench.reads.asked)


def test_what_arrives_while_a_run_is_going_on_is_read_by_the_next_one(bench: Bench, folder: Path) -> None:
    fill(folder, "a")
    bench.reads.arrives = [folder / "late"]
    assert bench.turns(5) == 2


def test_a_refused_run_is_not_repeated_until_something_else_arrives(bench: Bench, folder: Path) -> None:
    fill(folder, "a")
    bench.reads.errors = [InvalidInput("budget_seconds=1: too much")]
    assert bench.turns(5) == 1
    assert bench.said[1] == "run refused: budget_seconds=1: too much"
    fill(folder, "late")
    assert bench.turns() == 1
    assert len({wanted.key for wanted in bench.reads.asked}) == 2
    assert bench.turns() == 0


def test_a_failed_run_leaves_everything_pending_for_the_next_watcher(
    bench: Bench, config: RunConfig, folder: Path, state: State
) -> None:
    fill(folder, "a")
    bench.reads.errors = [Transient("the store is away")]
    assert bench.turns(5) == 1
    assert Bench(config, folder, state).turns() == 1


def test_more_than_half_gone_is_kept_until_it_is_confirmed_and_new_ones_are_read(
    bench: Bench, config: RunConfig, folder: Path, state: State
) -> None:
    fill(folder, "a", "b", "c")
    bench.turns()
    for name in "ab":
        (folder / name).unlink()
    fill(folder, "new")
    assert bench.turns(5) == 1
    assert bench.reads.asked[-1].keep_gone
    assert "2 sources read before and not there any more: kept" in bench.said[-1]
    fill(folder, *"defghijk")  # so many that two are few
    assert bench.turns() == 1
    assert bench.reads.asked[-1].keep_gone
    confirmed = Bench(config, folder, state, yes=True)
    assert confirmed.turns() == 1
    assert confirmed.reads.asked[-1] == Wanted(str(folder), True, False, confirmed.reads.asked[-1].key)
    assert confirmed.turns() == 0


def test_a_run_that_refuses_to_retire_so_much_is_followed_by_one_that_retires_nothing(
    bench: Bench, folder: Path
) -> None:
    fill(folder, "a", "b", "c")
    bench.turns()
    (folder / "a").unlink()
    bench.reads.errors = [InvalidInput("3 of 4 documents are not there any more")]
    bench.turns()
    assert [wanted.keep_gone for wanted in bench.reads.asked[-2:]] == [False, True]


def test_a_folder_that_is_away_retires_nothing_and_is_said_once(bench: Bench, folder: Path) -> None:
    fill(folder, "a", "b")
    bench.turns()
    folder.rename(folder.with_name("away"))
    bench.said.clear()
    assert bench.turns() == 0
    assert bench.said == [f"cannot look: {folder} is not there; nothing is read or retired meanwhile"]
    folder.with_name("away").rename(folder)
    assert bench.turns() == 0
    assert bench.said[1:] == ["can look again"]


def test_what_cannot_be_read_is_told_once(bench: Bench, folder: Path) -> None:
    fill(folder, "a")
    bad = {"uri": str(folder / "a"), "part": 0, "label": "", "version": "1", "document": ""}
    bench.reads.ledger.quarantine("night", [{**bad, "outcome": "corrupt", "reason": "no end"}])
    bench.turns()
    assert bench.said[-1] == f"not read: {folder / 'a'}: corrupt, no end"
    fill(folder, "b")
    bench.turns()
    assert bench.said[-1].startswith("run night")


def test_what_cannot_be_read_is_put_aside_where_that_is_wanted(
    config: RunConfig, folder: Path, state: State, tmp_path: Path
) -> None:
    (tmp_path / "full").write_text("no folder")
    aside = replace(config, watch=replace(config.watch, dead_letter=str(tmp_path / "full")))
    bench = Bench(aside, folder, state)
    fill(folder, "a")
    bad = {"uri": str(folder / "a"), "part": 0, "label": "", "version": "1", "document": ""}
    bench.reads.ledger.quarantine("night", [{**bad, "outcome": "corrupt", "reason": "no end"}])
    bench.turns()
    assert bench.said[-1].startswith(f"cannot put aside: {tmp_path / 'full'} cannot be written")
    (tmp_path / "full").unlink()
    fill(folder, "b")
    bench.turns()
    assert bench.said[-1] == (
        f"not read: {folder / 'a'}: corrupt, no end; a copy is {tmp_path / 'full' / 'a'}"
    )
    assert (folder / "a").exists()
    assert sorted(path.name for path in (tmp_path / "full").iterdir()) == ["a", "a.reason.json"]


def test_what_a_manifest_names_is_read_together(bench: Bench, folder: Path) -> None:
    (folder / "set.manifest.json").write_text('["a", "b"]')
    assert bench.turns() == 0
    fill(folder, "a")
    assert bench.turns(5) == 0
    fill(folder, "b")
    assert bench.turns() == 1
    (folder / "b").unlink()  # what was complete once is not waited for again
    fill(folder, "c")
    assert bench.turns() == 1


def test_what_a_manifest_names_and_does_not_come_strands_nothing(
    config: RunConfig, folder: Path, state: State
) -> None:
    bench = Bench(replace(config, watch=replace(config.watch, gather_s=0.2)), folder, state)
    (folder / "set.manifest.json").write_text('["a", "never"]')
    (folder / "odd.manifest.json").write_text("{")
    fill(folder, "a")
    assert bench.turns() == 0
    time.sleep(0.2)
    assert bench.turns(2) == 1
    assert f"such as {folder / 'never'}: not waited for any more" in bench.said[1]
    assert "odd.manifest.json: no JSON" in bench.said[0]


def test_once_ends_when_everything_is_read(bench: Bench, folder: Path) -> None:
    fill(folder, "a")
    bench.reads.arrives = [folder / "late"]
    bench.watcher.watch(once=True)
    assert len(bench.reads.asked) == 2
    bench.reads.errors = [Transient("the store is away")]
    fill(folder, "b")
    with pytest.raises(Transient):
        bench.watcher.watch(once=True)


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("sample:", "does not change"),
        ("/no/such/folder", "no such folder"),
        ("ftp://nowhere/", "scheme 'ftp' is not known"),
    ],
)
def test_what_cannot_be_watched_is_refused_at_once(
    uri: str, said: str, tmp_path: Path, capsys: Capture
) -> None:
    assert main(["watch", uri, f"home={tmp_path}"]) == 2
    assert said in capsys.readouterr().err


def test_dead_letters_inside_of_what_is_watched_are_refused(
    folder: Path, tmp_path: Path, capsys: Capture
) -> None:
    argv = ["watch", str(folder), f"home={tmp_path / 'home'}", f"watch.dead_letter={folder / 'failed'}"]
    assert main(argv) == 2
    assert "would be read; give another place" in capsys.readouterr().err


def test_a_queue_tells_of_buckets_only(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    argv = ["watch", str(folder), f"home={tmp_path / 'home'}", "--queue", "https://sqs.example.org/1/q"]
    assert main(argv) == 2
    assert "only a bucket tells a queue of its events" in capsys.readouterr().err


def test_a_home_inside_of_what_is_watched_is_refused(tmp_path: Path, capsys: Capture) -> None:
    assert main(["watch", str(tmp_path), f"home={tmp_path / 'home'}"]) == 2
    assert "would read its own reports" in capsys.readouterr().err


def test_a_deployment_needs_a_server(
    tmp_path: Path, folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    argv = ["watch", str(folder), "--deployment", f"home={tmp_path / 'home'}"]
    assert main(argv) == 2
    assert "set PREFECT_API_URL" in capsys.readouterr().err
