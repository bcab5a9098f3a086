"""One process that reads a place again and again: nothing of it grows.

Run: pytest -m slow tests/flows/test_soak.py -k 20-5 -s (minutes; 2000-20 takes hours)
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from flows.config import RunConfig
from flows.tend import upkeep
from flows.watching import watch
from tests.flows.conftest import Configured
from tests.flows.corpus import story, write_corpus

MIB = 1 << 20
KEPT = 3
"""Published runs that upkeep keeps."""


@dataclass(frozen=True)
class Held:
    """What a process and its home hold after a run."""

    resident: int
    files: int
    threads: int
    processes: int
    versions: int
    left: int
    """Temporary files and folders."""


def held(home: Path, temporary: Path) -> Held:
    ours = psutil.Process()
    hidden = [path for path in (home / "parsed").iterdir() if path.name.startswith(".")]
    staged = list((home / "memory").glob("staged/*/*"))
    return Held(
        resident=ours.memory_info().rss,
        files=ours.num_fds(),
        threads=ours.num_threads(),
        processes=len(ours.children(recursive=True)),
        versions=len(list((home / "memory" / "records.lance" / "_versions").iterdir())),
        left=len(hidden) + len(staged) + len(list(temporary.iterdir())),
    )


def change(folder: Path, number: int, documents: int) -> None:
    """A twentieth of the documents is changed, one is new, one is gone."""
    for which in range(documents // 20):
        path = folder / f"report-{(number * 7 + which) % documents:02d}.txt"
        path.write_text(story(number * documents + which, 2))
    (folder / f"new-{number}.txt").write_text(story(documents * 100 + number, 2))
    (folder / f"new-{number - 1}.txt").unlink(missing_ok=True)


def read_once(config: RunConfig, folder: Path) -> None:
    answer = watch(config, str(folder), once=True)
    assert answer.data["failed"] == []


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize(("documents", "runs"), [(20, 5), (200, 6), (2000, 20)])
def test_a_process_that_reads_again_and_again_does_not_grow(
    documents: int,
    runs: int,
    configured: Configured,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    folder = write_corpus(tmp_path / "corpus", documents, lines=2)
    config = configured(
        "watch.quiet_s=0.0", f"upkeep.keep_runs={KEPT}", "upkeep.keep_days=0.0", "upkeep.readers_s=0.0"
    )
    seen: list[Held] = []
    for number in range(runs):
        change(folder, number, documents)
        read_once(config, folder)
        upkeep(config)
        seen.append(held(Path(config.home), temporary))
        print(seen[-1])
    first, last = seen[2], seen[-1]  # what is loaded once is loaded by then
    assert last.resident < 1.05 * first.resident + 32 * MIB, seen
    assert last.files <= first.files + 4, seen
    assert last.threads <= first.threads + 4, seen
    assert last.processes <= first.processes, seen
    assert last.versions <= max(first.versions, 4 * KEPT), seen
    assert last.left <= first.left <= 1, seen  # the folder of the parser that is kept
