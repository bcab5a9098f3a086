"""One process that reads a place again and again: nothing of it grows.

Run: pytest -m slow tests/flows/test_soak.py -k 20-20 -s (about five minutes; 2000-20 takes hours)
"""

import os
import tempfile
from collections import Counter
from contextlib import suppress
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
    open: Counter[str]
    """What its descriptors are: files by their names, sockets and pipes by their kind."""
    threads: int
    processes: int
    versions: int
    left: int
    """Temporary files and folders."""

    def __str__(self) -> str:
        counts = f"{self.open.total()} descriptors, {self.threads} threads, {self.processes} processes"
        return f"{self.resident / MIB:.0f} MiB, {counts}, {self.versions} versions, {self.left} temporary"


def descriptors() -> Counter[str]:
    """What this process has open."""
    found = Counter[str]()
    for one in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # that of the listing
            name = os.readlink(one)
            found[name.partition("[")[0] if ":[" in name else name] += 1
    return found


def held(home: Path, temporary: Path) -> Held:
    ours = psutil.Process()
    hidden = [path for path in (home / "parsed").iterdir() if path.name.startswith(".")]
    staged = list((home / "memory").glob("staged/*/*"))
    return Held(
        resident=ours.memory_info().rss,
        open=descriptors(),
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
@pytest.mark.parametrize(("documents", "runs"), [(20, 20), (200, 20), (2000, 20)])
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
        print(f"run {number + 1}: {seen[-1]}", flush=True)
    first, last = seen[2], seen[-1]  # what is loaded once is loaded by then
    said = [str(one) for one in seen]
    assert last.resident < 1.05 * first.resident + 32 * MIB, said
    assert last.open.total() <= first.open.total() + 4, last.open - first.open
    # pools keep some threads for a while: what a pause finds varies by a dozen
    assert min(one.threads for one in seen[-5:]) <= min(one.threads for one in seen[2:7]) + 4, said
    assert last.processes <= first.processes, said
    assert last.versions <= max(first.versions, 4 * KEPT), said
    assert last.left <= first.left <= 1, said  # the folder of the parser that is kept
