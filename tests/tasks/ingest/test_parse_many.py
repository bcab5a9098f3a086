"""Many sources: on all cores, in order, each harming no other, by processes that may do little.

Run: pytest tests/tasks/ingest/test_parse_many.py
"""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import psutil
import pytest
from distributed import Client, LocalCluster

from tasks.ingest.discover import discover
from tasks.ingest.parse import confined, parse_all, parser_key, read_text
from tasks.ingest.parse.many import BATCH, batches, parsers
from tasks.ingest.parse.messages import ParseRequest
from tasks.ingest.parse.parser import Parser, end_idle
from tasks.ingest.steps import remembered
from tasks.ingest.storage import Found
from tasks.runs.ledger import Ledger
from tasks.settings import ParseConfig, StorageConfig

pytestmark = pytest.mark.heavy

LOCAL = StorageConfig()
CONFIG = ParseConfig(timeout_s=20.0, memory_mb=600, workers=2, plugins=("tests.tasks.bad_parsers",))


@pytest.fixture
def found(tmp_path: Path) -> list[Found]:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(40):
        (folder / f"{number:02d}.txt").write_text(f"Lamp {number} was lit at dusk.")
    (folder / "10.txt").unlink()
    (folder / "10.crashes").write_text("x")
    (folder / "11.txt").write_bytes(bytes(range(256)))
    return list(discover([str(folder)], tmp_path, LOCAL))


def processes() -> list[psutil.Process]:
    """Parser processes of this one."""
    return [
        one
        for one in psutil.Process().children(recursive=True)
        if "tasks.ingest.parse.child" in one.cmdline()
    ]


def test_every_source_comes_back_in_order_and_a_bad_one_costs_no_other(
    found: list[Found], tmp_path: Path
) -> None:
    rows = list(parse_all(found, tmp_path / "home", CONFIG, LOCAL))
    assert [row["uri"] for (row,) in rows] == [one.uri for one in found]
    assert {Path(row["uri"]).name: row["outcome"] for (row,) in rows if row["outcome"] != "ok"} == {
        "10.crashes": "corrupt",
        "11.txt": "unsupported",
    }
    assert read_text(tmp_path / "home", rows[39][0]["parsed"], 0, 0, 99) == "Lamp 39 was lit at dusk."
    assert len(processes()) == 1, "the others are ended when nothing is left to parse"
    end_idle(0)
    assert processes() == []
    assert [path.name for path in (tmp_path / "home" / "parsed").iterdir() if path.name.startswith(".")] == []


def test_a_source_whose_parser_is_killed_is_parsed_by_another(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.waits").write_text(f"Crate {number} holds amber.")
    end_idle(0)

    def kill() -> None:
        while not (busy := processes()):
            time.sleep(0.05)
        time.sleep(0.5)
        os.kill(busy[0].pid, signal.SIGKILL)

    killer = Thread(target=kill)
    killer.start()
    sources = discover([str(folder)], tmp_path, LOCAL)
    rows = list(parse_all(sources, tmp_path / "home", CONFIG, LOCAL))
    killer.join()
    assert [row["outcome"] for (row,) in rows] == ["ok"] * 4


def test_a_copy_of_a_source_outlives_the_parser_that_is_killed(tmp_path: Path) -> None:
    """Of a source in a bucket the copy lies where parsers write, and is tidied up after."""
    parser = Parser(tmp_path / "parsed", CONFIG)
    copy, target = parser.folder / "source.txt", parser.folder / "text.parquet"
    request = ParseRequest(str(copy), "a.txt", str(target), CONFIG)
    try:
        for _ in range(2):  # with no process yet, and with one that is dead
            copy.write_text("The crate holds amber.")
            [part] = parser.parse(request, 22)
            assert (part["outcome"], part["reason"]) == ("ok", "")
            parser.tidy()
            assert not copy.exists()
            for one in processes():
                one.kill()
                one.wait()
    finally:
        parser.close()


def test_a_cluster_s_workers_parse_what_this_machine_would(found: list[Found], tmp_path: Path) -> None:
    here = list(parse_all(found, tmp_path / "here", CONFIG, LOCAL))
    cluster = LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0")
    with cluster, Client(cluster) as client:
        there = list(parse_all(found, tmp_path / "there", CONFIG, LOCAL, client))
    assert there == here
    assert (tmp_path / "there" / there[0][0]["parsed"]).is_file()


def test_the_ledger_knows_what_was_parsed_before_a_failure(tmp_path: Path) -> None:
    ledger, key = Ledger(tmp_path / "home" / "ledger.sqlite"), parser_key(CONFIG)
    row = {"uri": "/a", "part": 0, "version": "1", "outcome": "ok", "parsed": "", "document": "d"}

    def failing() -> Iterator[list[dict[str, object]]]:
        yield [row]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(remembered(ledger, key, failing()))
    assert ledger.known_source("/a", "1", key) == [row]


def test_a_parser_reaches_no_network_and_writes_nowhere_but_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "beside.txt").write_text("still here")
    (tmp_path / "a.deletes").write_text(str(tmp_path / "beside.txt"))
    parser = Parser(tmp_path / "home" / "parsed", CONFIG)
    target = parser.folder / "text.parquet"
    request = ParseRequest(str(tmp_path / "a.deletes"), "a.deletes", str(target), CONFIG)
    (part,) = parser.parse(request, 10)
    enforced = parser.enforced
    parser.close()
    assert (part["outcome"], part["chars"]) == ("ok", 3 * len("PermissionError\n"))
    assert (tmp_path / "beside.txt").read_text() == "still here"
    assert not (tmp_path / "written").exists()
    assert enforced == confined.ALL


def test_batches_are_small_and_a_large_source_ends_one() -> None:
    sizes = [1] * (BATCH + 3) + [1 << 30, 5]
    sources = [Found(f"/{number}", "1", size) for number, size in enumerate(sizes)]
    assert [len(batch) for batch in batches(sources)] == [BATCH, 4, 1]
    assert parsers(ParseConfig(workers=3)) == 3
    assert 1 <= parsers(ParseConfig(memory_mb=1 << 30)) == 1


@pytest.mark.skipif(
    not Path("/proc/self/schedstat").exists(), reason="this kernel counts no waiting for cores"
)
def test_a_parser_that_waits_for_a_core_is_not_killed_for_it(tmp_path: Path) -> None:
    (tmp_path / "a.works").write_text("x")
    cores = os.sched_getaffinity(0)
    config = dataclasses.replace(CONFIG, timeout_s=0.7)
    parser = Parser(tmp_path / "parsed", config)
    os.sched_setaffinity(0, {min(cores)})
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(4)]
    try:
        began = time.monotonic()
        request = ParseRequest(str(tmp_path / "a.works"), "a.works", str(parser.folder / "t.parquet"), config)
        [part] = parser.parse(request, 1)
        assert (part["outcome"], time.monotonic() - began > 0.7) == ("ok", True)
    finally:
        os.sched_setaffinity(0, cores)
        for other in others:
            other.kill()
            other.wait()
        parser.close()
