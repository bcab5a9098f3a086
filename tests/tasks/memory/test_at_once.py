"""Two writers, a reader and an upkeep at the same time, killed at random: nothing is lost or doubled.

Each alone is killed in test_publish_killed.py and upkeep/test_upkeep_killed.py.
Run: pytest -m slow tests/tasks/memory/test_at_once.py (-k 12 for seconds, -k 300 for five minutes)
"""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tasks.memory.reader import history, published
from tasks.memory.upkeep.upkeep import tidy
from tasks.settings import UpkeepConfig
from tests.marks import slow
from tests.tasks.memory.at_once import READERS_S, check, write
from tests.tasks.memory.at_once import names as found_by

pytestmark = pytest.mark.heavy

KILLED = ("a", "b", "upkeep")
LEAST = 3
"""Times that the reader must have looked, on however busy a machine."""
EACH = 1_000_000
"""Numbers of runs that a writer started again goes on from: no run is published under a name twice."""


def reads(log: Path) -> list[list[str]]:
    """Documents that a reader found, of every time it looked."""
    return [line.split() for line in log.read_text().splitlines() if " " in line]


def start(kind: str, home: Path, log: Path, number: int = 0) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tests.tasks.memory.at_once", kind, str(home), str(number)]
    with log.open("ab") as file:
        return subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=file, stderr=file)


@pytest.mark.parametrize("seconds", slow(12, 300))
def test_writers_a_reader_and_upkeep_that_are_killed_at_random_leave_a_whole_memory(
    seconds: int, tmp_path: Path
) -> None:
    home, chance = tmp_path / "home", random.Random(0)
    for writer in ("a", "b"):
        write(home, writer, 0)
    logs = {kind: tmp_path / f"{kind}.log" for kind in (*KILLED, "reader")}
    started = dict.fromkeys(KILLED, 1)
    running = {kind: start(kind, home, logs[kind], 1) for kind in logs}
    try:
        began = time.monotonic()
        while running["reader"].poll() is None and time.monotonic() < began + 10 * seconds:
            if time.monotonic() > began + seconds and len(reads(logs["reader"])) >= LEAST:
                break
            time.sleep(chance.uniform(0.2, 2.0))
            kind = chance.choice(KILLED)
            if logs[kind].read_text().count("begun") < started[kind]:
                continue  # it imports still
            running[kind].kill()
            running[kind].wait()
            running[kind] = start(kind, home, logs[kind], EACH * started[kind])
            started[kind] += 1
    finally:
        for process in running.values():
            process.kill()
            process.wait()
    for log in logs.values():
        assert "Error" not in log.read_text(), log.read_text()[-3000:]
    found = reads(logs["reader"])
    assert len(found) >= LEAST
    assert all({name[0] for name in names} == {"a", "b"} for names in found)  # sources of both are cited
    for writer in ("a", "b"):
        write(home, writer, EACH * 1000)
    assert check(home) == {*found_by("a", EACH * 1000), *found_by("b", EACH * 1000)}
    tidy(home, UpkeepConfig(keep_days=0.0, keep_runs=2, readers_s=READERS_S))
    assert check(home) == {*found_by("a", EACH * 1000), *found_by("b", EACH * 1000)}
    at = published(home)
    assert at is not None
    assert next(history(home))["run"] == at["run"]
