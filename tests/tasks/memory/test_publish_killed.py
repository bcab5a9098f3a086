"""A publish that is killed anywhere changes nothing until it is repeated.

Run: pytest tests/tasks/memory/test_publish_killed.py
Killed at many random moments: pytest -m slow tests/tasks/memory/test_publish_killed.py
"""

import pickle
import random
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from tasks.errors import Transient
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tests.marks import slow
from tests.tasks.memory.rows import content, document, put, record, sees

pytestmark = pytest.mark.heavy

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


def prepared(home: Path) -> tuple[Seen, Replaced]:
    """A memory of run r1, and the staged records of a run r2 that adds, replaces and retires."""
    put(home, "r1", ["d0", "d1"])
    names = [f"d{number}" for number in range(1, 12)]
    again = {"run": "r2", "skip_key": "other"}
    stage(home, "r2", [record("d1", number, id=f"d1-other-{number}", **again) for number in range(5)])
    for name in names[1:]:
        stage(home, "r2", document(name, 40, "r2"))
    return handed_over(home, sees(*names, since="r1"), Replaced("other", frozenset({"d1"})))


def handed_over(home: Path, *after: object) -> tuple[Seen, Replaced]:
    (home / "after.pickle").write_bytes(pickle.dumps(after))
    seen, replaced = after
    assert isinstance(seen, Seen)
    assert isinstance(replaced, Replaced)
    return seen, replaced


def publisher(home: Path) -> "subprocess.Popen[str]":
    """A process that is about to publish r2."""
    child = subprocess.Popen([sys.executable, "-c", PUBLISHER, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child


def killed(child: "subprocess.Popen[str]", when: Callable[[], bool]) -> None:
    """Kill a process as soon as something is so."""
    until = time.monotonic() + 60
    while not when() and child.poll() is None and time.monotonic() < until:
        time.sleep(0.0005)
    child.kill()
    child.communicate()


def run_of(home: Path) -> str:
    at = published(home)
    return at["run"] if at else ""


def repeated(home: Path, after: tuple[Seen, Replaced]) -> None:
    folder = home / "memory" / "staged" / "r2"
    publish(home, "r2", sorted(folder.iterdir()), *after)


def versions(home: Path) -> int:
    return len(list((home / "memory" / "records.lance" / "_versions").glob("*.manifest")))


MOMENTS: dict[str, Callable[[Path, int], bool]] = {
    "rows are added": lambda home, before: versions(home) > before,
    "rows are deleted": lambda home, before: versions(home) > before + 1,
    "the version is tagged": lambda home, _: bool(list(home.glob("memory/records.lance/_refs/tags/run-r2*"))),
    "all but the pointer is written": lambda home, _: (home / "memory/runs/r2/run.json").exists(),
}
"""What is so when a publish is killed: (home, versions of the table before)."""


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str, list[float]]]:
    """What memory holds after a publish that nobody killed."""
    home = tmp_path_factory.mktemp("calm")
    repeated(home, prepared(home))
    return content(home)


@pytest.mark.parametrize("moment", [*list(MOMENTS)[::3], *slow(*list(MOMENTS)[1:3])])
def test_a_publish_killed_at_any_step_changes_nothing_until_it_is_repeated(
    moment: str, tmp_path: Path, expected: list[tuple[str, str, list[float]]]
) -> None:
    after = prepared(tmp_path)
    before, count = content(tmp_path), versions(tmp_path)
    killed(publisher(tmp_path), lambda: MOMENTS[moment](tmp_path, count))
    assert content(tmp_path) == (before if run_of(tmp_path) == "r1" else expected)
    repeated(tmp_path, after)
    assert content(tmp_path) == expected
    assert content(tmp_path, "r1") == before


@pytest.mark.parametrize("seed", slow(*range(10)))
def test_a_publish_killed_again_and_again_at_random_changes_nothing_until_it_is_repeated(
    seed: int, tmp_path: Path, expected: list[tuple[str, str, list[float]]]
) -> None:
    chance, after = random.Random(seed), prepared(tmp_path)
    before = content(tmp_path)
    for _ in range(3):
        end = time.monotonic() + chance.uniform(0.0, 1.0)
        killed(publisher(tmp_path), partial(_is_past, end))
        assert content(tmp_path) == (before if run_of(tmp_path) == "r1" else expected)
        if run_of(tmp_path) == "r2":
            break
    repeated(tmp_path, after)
    assert content(tmp_path) == expected
    assert content(tmp_path, "r1") == before


def _is_past(moment: float) -> bool:
    return time.monotonic() > moment


@pytest.mark.parametrize("named", ["memory/records.lance/_versions", "memory/runs/r2/sources.parquet"])
def test_a_first_publish_killed_leaves_no_memory_and_is_repeated(named: str, tmp_path: Path) -> None:
    after = handed_over(tmp_path, sees("d0"), Replaced())
    stage(tmp_path, "r2", document("d0", 200))
    killed(publisher(tmp_path), (tmp_path / named).exists)
    repeated(tmp_path, after)
    assert len({row[0] for row in content(tmp_path)}) == open_memory(tmp_path).count() == 200


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
