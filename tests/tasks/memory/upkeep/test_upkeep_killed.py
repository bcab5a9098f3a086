"""An upkeep that is killed anywhere leaves the memory before it or after it, which say the same.

Run: pytest tests/tasks/memory/upkeep/test_upkeep_killed.py
Killed at many random moments: pytest -m slow tests/tasks/memory/upkeep/test_upkeep_killed.py
"""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tasks.errors import InvalidInput
from tasks.memory.embedders import made_by
from tasks.memory.reader import open_memory, run_json
from tests.marks import slow
from tests.tasks.memory.rows import content, put
from tests.tasks.memory.test_publish_killed import killed, versions

pytestmark = pytest.mark.heavy

TENDING = """
import sys
from pathlib import Path
import numpy as np
from tasks.memory.upkeep.reembed import reembed
from tasks.memory.upkeep.upkeep import tidy
from tasks.settings import UpkeepConfig
home = Path(sys.argv[1])
print("go", flush=True)
tidy(home, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
reembed(home, "ones@2", lambda: lambda texts: np.full((len(texts), 256), 1 / 16, np.float32), lambda *_: None)
tidy(home, UpkeepConfig(keep_days=0.0, keep_runs=1, readers_s=0.0))
print("done", flush=True)
"""

OFTEN = "the table is written anew"
MOMENTS: dict[str, Callable[[Path, int], bool]] = {
    "a version is written": lambda home, before: versions(home) > before,
    "versions are marked as dropped": lambda home, _: "dropped" in run_json(home, "r2"),
    "vectors are written beside": lambda home, _: bool(list(home.glob("memory/vectors/2/*.parquet"))),
    "the table is written anew": lambda home, before: (
        (home / "memory" / "vectors").exists() and versions(home) > before
    ),
}


def tending(home: Path) -> "subprocess.Popen[str]":
    """A process that is about to tidy the memory, embed it again, and tidy it again."""
    child = subprocess.Popen([sys.executable, "-c", TENDING, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child


def said(home: Path, as_of: str | None = None) -> list[tuple[str, str]]:
    """What the memory says; its vectors, all of one embedder, are checked."""
    rows = content(home, as_of)
    ones = [vector[0] == vector[1] == 1 / 16 for _, _, vector in rows]
    assert all(ones) if made_by(open_memory(home, as_of)) == "ones@2" else not any(ones)
    return [row[:2] for row in rows]


def three_runs(home: Path) -> dict[str, list[tuple[str, str]]]:
    for run, names in (("r1", ["d0", "d1"]), ("r2", ["d1", "d2"]), ("r3", ["d2", "d3"])):
        put(home, run, names)
    return {run: said(home, run) for run in ("r1", "r2", "r3")}


def check(home: Path, before: dict[str, list[tuple[str, str]]]) -> None:
    """What is published, and as it was as of each run unless that says that it was dropped."""
    assert said(home) == before["r3"]
    for run, held in before.items():
        try:
            assert said(home, run) == held
        except InvalidInput as error:
            assert "was dropped by upkeep" in str(error)  # noqa: PT017


@pytest.mark.parametrize("moment", [OFTEN, *slow(*sorted(MOMENTS.keys() - {OFTEN}))])
def test_an_upkeep_killed_at_any_step_changes_nothing_that_is_said(moment: str, tmp_path: Path) -> None:
    before = three_runs(tmp_path)
    count = versions(tmp_path)
    killed(tending(tmp_path), lambda: MOMENTS[moment](tmp_path, count))
    check(tmp_path, before)
    killed(tending(tmp_path), lambda: False)
    check(tmp_path, before)
    assert made_by(open_memory(tmp_path)) == "ones@2"
    put(tmp_path, "r4", ["d2", "d3"])
    check(tmp_path, before)


@pytest.mark.parametrize("seed", slow(*range(20)))
def test_an_upkeep_killed_at_random_changes_nothing_that_is_said(seed: int, tmp_path: Path) -> None:
    chance, before = random.Random(seed), three_runs(tmp_path)
    for _ in range(3):
        end = time.monotonic() + chance.uniform(0.0, 1.5)
        killed(tending(tmp_path), partial(_is_past, end))
        check(tmp_path, before)
    killed(tending(tmp_path), lambda: False)
    check(tmp_path, before)
    assert made_by(open_memory(tmp_path)) == "ones@2"


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment
