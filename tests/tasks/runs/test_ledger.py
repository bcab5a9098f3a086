"""The ledger keeps what it acknowledged, whatever happens to the process."""

import json
import os
import pickle
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from model.hardware import machine
from tasks.errors import InvalidInput
from tasks.runs.ledger import Ledger

WRITER = """
import sys
from tasks.runs.ledger import Ledger
ledger = Ledger(sys.argv[1])
for number in range(10**9):
    ledger.put(f"{sys.argv[2]}-{number}", "window", str(number).encode() * 50)
    print(number, flush=True)
"""

CREATOR = """
import sys
from tasks.runs.ledger import Ledger
for line in sys.stdin:
    Ledger(line.strip()).close()
    print("got it", flush=True)
"""

PUTTER = """
import sys
from tasks.runs.ledger import Ledger
for line in sys.stdin:
    for number in range(20):
        Ledger(line.strip()).put(f"{sys.argv[1]}{number}", "window", b"x")
    print("put", flush=True)
"""


def source(uri: str, outcome: str = "ok", part: int = 0, version: str = "1") -> dict[str, Any]:
    parsed = "parsed/cccccccc-p.parquet" if outcome == "ok" else ""
    return {
        "uri": uri, "version": version, "content": "c" * 8, "part": part, "label": "", "document": f"d{part}",
        "chars": 3, "outcome": outcome, "reason": "" if outcome == "ok" else "bad", "parsed": parsed,
    }  # fmt: skip


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    parsed = tmp_path / "parsed" / "cccccccc-p.parquet"
    parsed.parent.mkdir()
    parsed.write_text("text")
    return Ledger(tmp_path / "ledger.sqlite")


@pytest.mark.heavy
@pytest.mark.parametrize("after", [3, 17])
def test_every_acknowledged_put_outlives_kill_9(tmp_path: Path, after: int) -> None:
    path = tmp_path / "ledger.sqlite"
    command = [sys.executable, "-c", WRITER, str(path)]
    writers = [subprocess.Popen([*command, n], stdout=subprocess.PIPE, text=True) for n in ("a", "b")]
    acknowledged = {}
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(after):
            assert writer.stdout.readline(), "the writer ended by itself"
    for name, writer in zip("ab", writers, strict=True):
        writer.send_signal(signal.SIGKILL)
        rest = writer.communicate()[0].splitlines()
        acknowledged[name] = int(rest[-1]) if rest else after - 1
    with sqlite3.connect(path) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()
    again = Ledger(path)
    for name, last in acknowledged.items():
        keys = [f"{name}-{number}" for number in range(last + 1)]
        assert again.has_many(keys) == set(keys)
        assert again.get(keys[-1]) == str(last).encode() * 50


@contextmanager
def _processes(code: str, *names: str) -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes of their own, each with a name: what is written to one is done by it, and answered by a line.

    None is a fork of this one, which would inherit open databases (SQLite forbids it) and what the
    libraries of other tests do at exit.
    """
    with ExitStack() as stack:
        command = [sys.executable, "-c", code]
        open_ = partial(subprocess.Popen, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        yield [stack.enter_context(open_([*command, name])) for name in names]


def _tell(process: "subprocess.Popen[str]", order: Path) -> None:
    assert process.stdin is not None
    process.stdin.write(f"{order}\n")
    process.stdin.flush()


def _answer(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.heavy
def test_processes_that_create_the_file_at_the_same_moment_all_get_it(tmp_path: Path) -> None:
    with _processes(CREATOR, *"abcdef") as processes:
        for trial in range(20):
            for process in processes:
                _tell(process, tmp_path / f"{trial}.sqlite")
            assert [_answer(process) for process in processes] == ["got it\n"] * 6


def test_a_payload_is_found_by_its_key_and_nothing_else_is(ledger: Ledger) -> None:
    ledger.put("k'1", "window", b"\x00one")
    ledger.put("k'1", "window", b"\x00two")
    assert ledger.get("k'1") == b"\x00two"
    assert ledger.get("other") is None
    assert ledger.has_many([]) == set()


def test_thousands_of_keys_are_looked_up_at_once(ledger: Ledger) -> None:
    ledger.put_many((str(number), "window", b"") for number in range(0, 5000, 2))
    assert ledger.has_many(map(str, range(5000))) == {str(number) for number in range(0, 5000, 2)}


def test_a_failed_batch_leaves_nothing_behind(ledger: Ledger) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        ledger.put_many([("a", "window", b""), ("b", None, b"")])  # type: ignore[list-item]
    assert ledger.has_many(["a", "b"]) == set()


@pytest.mark.heavy
def test_several_processes_and_threads_write_side_by_side(ledger: Ledger) -> None:
    with _processes(PUTTER, *"ab") as processes:
        for process in processes:
            _tell(process, ledger.path)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda n: ledger.put(f"t{n}", "window", b"x"), range(40)))
        assert [_answer(process) for process in processes] == ["put\n"] * 2
    keys = [f"{name}{n}" for name in "ab" for n in range(20)] + [f"t{n}" for n in range(40)]
    assert ledger.has_many(keys) == set(keys)


def test_it_travels_to_a_worker_by_its_path(ledger: Ledger) -> None:
    ledger.put("k", "window", b"v")
    assert pickle.loads(pickle.dumps(ledger)).get("k") == b"v"


def test_a_source_is_known_in_the_same_version_by_the_same_parser(ledger: Ledger) -> None:
    rows = [source("a.jsonl", part=0), source("a.jsonl", part=1)]
    ledger.remember_source(rows, "p")
    assert ledger.known_source("a.jsonl", "1", "p") == rows
    assert ledger.known_source("a.jsonl", "2", "p") is None
    assert ledger.known_source("a.jsonl", "1", "q") is None
    assert ledger.known_source("b", "1", "p") is None


def test_a_new_version_of_a_source_replaces_all_its_parts(ledger: Ledger) -> None:
    ledger.remember_source([source("a", part=0), source("a", part=1)], "p")
    ledger.remember_source([source("a", version="2")], "p")
    assert ledger.known_source("a", "1", "p") is None
    assert ledger.known_source("a", "2", "p") == [source("a", version="2")]


def test_a_source_whose_parsed_file_is_empty_or_gone_is_not_known(ledger: Ledger) -> None:
    ledger.remember_source([source("a")], "p")
    parsed = ledger.path.parent / source("a")["parsed"]
    parsed.write_bytes(b"")  # as a loss of power leaves it
    assert ledger.known_source("a", "1", "p") is None
    parsed.unlink()
    assert ledger.known_source("a", "1", "p") is None


def test_a_bad_document_is_not_parsed_again_but_an_unreadable_one_is(ledger: Ledger) -> None:
    ledger.remember_source([source("bomb", "out_of_memory"), source("secret", "unreadable")], "p")
    assert ledger.known_source("bomb", "1", "p") == [source("bomb", "out_of_memory")]
    assert ledger.known_source("secret", "1", "p") is None


def test_quarantine_lists_bad_documents_until_they_are_released(ledger: Ledger) -> None:
    bad = [source("a", "corrupt"), source("b", "timeout")]
    ledger.remember_source(bad, "p")
    ledger.quarantine("r1", [*bad, source("good")])
    ledger.quarantine("r2", bad[:1])
    assert [(row["uri"], row["outcome"], row["run"]) for row in ledger.quarantined()] == [
        ("a", "corrupt", "r2"),
        ("b", "timeout", "r1"),
    ]
    assert ledger.release(["a", "never seen"]) == 1
    assert [row["uri"] for row in ledger.quarantined()] == ["b"]
    assert ledger.known_source("a", "1", "p") is None  # the next run parses it again


def test_a_document_read_at_last_leaves_the_quarantine(ledger: Ledger) -> None:
    ledger.quarantine("r1", [source("a", "timeout"), source("b", "timeout")])
    ledger.remember_source([source("a")], "p")
    assert [row["uri"] for row in ledger.quarantined()] == ["b"]


def test_runs_are_listed_in_order_with_what_they_counted(ledger: Ledger) -> None:
    ledger.start_run("r1", ["docs"], '{"window": 4096}')
    ledger.start_run("r2", ["s3://b/p"], "{}")
    ledger.finish_run("r1", "ok", '{"documents": 3}')
    first, second = ledger.runs()
    assert (first["run"], first["status"], first["corpus"]) == ("r1", "ok", ["docs"])
    assert (first["config"], first["counts"]) == ({"window": 4096}, {"documents": 3})
    assert first["finished"] >= first["started"]
    assert (second["status"], second["finished"]) == ("running", "")
    with pytest.raises(InvalidInput, match="r9"):
        ledger.finish_run("r9", "ok", "{}")


@pytest.mark.heavy
def test_a_run_whose_process_was_killed_has_crashed(ledger: Ledger) -> None:
    code = """
import os, sys
from pathlib import Path
from tasks.runs.ledger import Ledger
Ledger(Path(sys.argv[1])).start_run("killed", ["docs"], "{}", "its-id")
os.kill(os.getpid(), 9)
"""
    root = Path(__file__).parents[3]
    with subprocess.Popen([sys.executable, "-c", code, str(ledger.path)], cwd=root) as killed:
        os.waitid(os.P_PID, killed.pid, os.WEXITED | os.WNOWAIT)
        # as where the parent of a run was killed too, and nobody waits for what it left
        assert [run["status"] for run in ledger.runs()] == ["crashed"]
    ledger.start_run("r2", ["docs"], "{}")
    assert [run["status"] for run in ledger.runs()] == ["crashed", "running"]
    assert ledger.crashed() == {"killed": "its-id"}
    ledger.finish_run("killed", "crashed", "{}")
    assert ledger.crashed() == {}


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("another-machine", "running"),
        (f"{socket.gethostname()}-0f0f0f0f", "running"),  # of the same name
        (socket.gethostname(), "crashed"),  # as earlier versions noted this one
        (machine(), "crashed"),
    ],
)
def test_a_run_of_another_machine_is_not_taken_for_crashed(ledger: Ledger, host: str, status: str) -> None:
    ledger.start_run("there", ["docs"], "{}")
    with sqlite3.connect(ledger.path) as db:
        counts = json.dumps({"process": [1, 0.0], "host": host})
        db.execute("UPDATE runs SET counts = ?", (counts,))
    db.close()
    assert [run["status"] for run in ledger.runs()] == [status]


@pytest.mark.parametrize(("moved", "status"), [(-1.0, "running"), (1.0, "running"), (-3600.0, "crashed")])
def test_a_process_is_the_same_though_the_clock_was_corrected_and_another_one_is_not(
    ledger: Ledger, moved: float, status: str
) -> None:
    ledger.start_run("r1", ["docs"], "{}")
    ours = psutil.Process()
    with sqlite3.connect(ledger.path) as db:
        process = {"process": [ours.pid, ours.create_time() + moved], "host": socket.gethostname()}
        db.execute("UPDATE runs SET counts = ?", (json.dumps(process),))
    db.close()
    assert [run["status"] for run in ledger.runs()] == [status]


def test_a_home_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", Path("/proc/nightread")):
        with pytest.raises(InvalidInput, match=rf"{home} cannot be written .*home="):
            Ledger(home / "ledger.sqlite")


@pytest.mark.heavy
def test_a_full_disk_is_named_with_the_remedy(ledger: Ledger) -> None:
    code = """
import resource, signal, sys
from pathlib import Path
from tasks.runs.ledger import Ledger
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
ledger = Ledger(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
ledger.put("key", "window", b"0" * 200_000)
"""
    command = [sys.executable, "-c", code, str(ledger.path)]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)
    assert "InvalidInput" in done.stderr
    assert "free some space" in done.stderr


def test_a_file_that_is_no_ledger_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is not a database, and never was one" * 100)
    with pytest.raises(InvalidInput, match=r"ledger\.sqlite"):
        Ledger(path)
