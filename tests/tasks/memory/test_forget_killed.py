"""A rollback or an erasure that is killed anywhere leaves the memory before or after, and is finished.

Run: pytest tests/tasks/memory/test_forget_killed.py
Killed at many random moments: pytest -m slow tests/tasks/memory/test_forget_killed.py
"""

import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tasks.memory.forget.erasure import ERASED, WRITTEN, pending
from tasks.memory.forget.forget import Means, finish, forget
from tasks.memory.forget.targets import resolve
from tasks.memory.reader import history, open_memory, published
from tasks.memory.rollback import rollback
from tasks.runs.ledger import Ledger
from tests.marks import slow
from tests.tasks.memory.library import build, embed, uri, words_of
from tests.tasks.memory.rows import content, ids
from tests.tasks.memory.test_forget import left
from tests.tasks.memory.test_publish_killed import killed, versions

pytestmark = pytest.mark.heavy

SIZE, GONE = 8, (0, 3)
MEANS = Means(embed, lambda folder, names: False)

FORGETTER = """
import sys
from pathlib import Path
from tests.tasks.memory.test_forget_killed import GONE, erased
from tests.tasks.memory.library import uri
print("go", flush=True)
erased(Path(sys.argv[1]), "f1")
"""

BACK = """
import sys
import lancedb  # it takes a second, which is none of the rollback's
from pathlib import Path
from tasks.memory.rollback import rollback
print("go", flush=True)
rollback(Path(sys.argv[1]), "b1", "r1")
"""


def erased(home: Path, run: str) -> None:
    ledger = Ledger(home / "ledger.sqlite")
    if finish(home, ledger, MEANS) is None:
        forget(home, ledger, resolve(home, ledger, [uri(number) for number in GONE]), run, MEANS)


def begun(script: str, home: Path) -> "subprocess.Popen[str]":
    child = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    assert child.stdout.readline() == "go\n"
    return child


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("built") / "home"
    build(home, SIZE).ledger.close()
    return home


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(built, tmp_path / "home"))


@pytest.fixture(scope="module")
def after(built: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Ids of the memory of each run after an erasure that nobody killed."""
    home = tmp_path_factory.mktemp("calm") / "home"
    shutil.copytree(built, home)
    erased(home, "f1")
    return {run: ids(home, run) for run in ("r1", "r2", "r3", "f1")}


def check(home: Path, before: dict[str, set[str]], after: dict[str, set[str]]) -> None:
    """Every reader finds the memory before or after, as of every run."""
    at = published(home)
    assert at is not None
    assert ids(home) == (after["f1"] if at["run"] == "f1" else before["r3"])
    for run in ("r1", "r2", "r3"):
        assert ids(home, run) in (before[run], after[run])


def checked_end(home: Path, after: dict[str, set[str]]) -> None:
    erased(home, "f1")
    assert pending(home) is None
    assert [row["run"] for row in history(home)] == ["f1", "r3", "r2", "r1"]
    assert {run: ids(home, run) for run in after} == after
    assert left(home, [words for number in GONE for words in words_of(number)]) == set()


def at_stage(home: Path) -> str:
    found = pending(home)
    return found.stage if found else ""


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "it is written down": lambda home: (home / "memory" / "erasure.json").exists(),
    "the history is written again": lambda home: at_stage(home) == WRITTEN,
    "the pointer has moved": lambda home: (published(home) or {})["run"] == "f1",
    "all but parsed text is erased": lambda home: at_stage(home) == ERASED,
}


@pytest.mark.parametrize("moment", ["the pointer has moved", *slow(*list(MOMENTS)[:2], *list(MOMENTS)[3:])])
def test_an_erasure_killed_at_any_step_is_seen_before_or_after_and_is_finished_by_the_next(
    moment: str, home: Path, after: dict[str, set[str]]
) -> None:
    before = {run: ids(home, run) for run in ("r1", "r2", "r3")}
    killed(begun(FORGETTER, home), lambda: MOMENTS[moment](home))
    check(home, before, after)
    checked_end(home, after)


@pytest.mark.parametrize("seed", slow(*range(20)))
def test_an_erasure_killed_again_and_again_at_random_is_finished(
    seed: int, home: Path, after: dict[str, set[str]]
) -> None:
    chance = random.Random(seed)
    before = {run: ids(home, run) for run in ("r1", "r2", "r3")}
    for _ in range(3):
        end = time.monotonic() + chance.uniform(0.0, 4.0)
        killed(begun(FORGETTER, home), lambda: time.monotonic() > end)  # noqa: B023
        check(home, before, after)
    checked_end(home, after)


BACK_MOMENTS: dict[str, Callable[[Path, int], bool]] = {
    "the version is restored": lambda home, before: versions(home) > before,
    "it is tagged": lambda home, _: bool(list(home.glob("memory/records.lance/_refs/tags/run-b1*"))),
    "all but the pointer is written": lambda home, _: (home / "memory/runs/b1/run.json").exists(),
}
"""What is so when a rollback is killed: (home, versions of the table before)."""


@pytest.mark.parametrize("moment", ["it is tagged", *slow(*list(BACK_MOMENTS)[::2])])
def test_a_rollback_killed_at_any_step_is_seen_before_or_after_and_is_repeated(
    moment: str, home: Path
) -> None:
    count = versions(home)
    check_back(home, lambda: BACK_MOMENTS[moment](home, count))


@pytest.mark.parametrize("seed", slow(*range(20)))
def test_a_rollback_killed_at_random_is_seen_before_or_after_and_is_repeated(seed: int, home: Path) -> None:
    end = time.monotonic() + random.Random(seed).uniform(0.0, 2.0)
    check_back(home, lambda: time.monotonic() > end)


def check_back(home: Path, when: Callable[[], bool]) -> None:
    first, last = content(home, "r1"), content(home, "r3")
    killed(begun(BACK, home), when)
    done = (published(home) or {})["run"] == "b1"
    assert content(home) == (first if done else last)
    if not done:
        rollback(home, "b1", "r1")
    assert content(home) == first
    assert content(home, "r3") == last
    assert open_memory(home).run == "b1"
