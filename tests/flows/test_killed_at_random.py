"""Any process of a read is killed at any moment: repeated, it ends like one that was not disturbed.

Run: pytest -m slow tests/flows/test_killed_at_random.py -k 20 (ten minutes; 100 takes five times as long)
"""

import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from flows.config import RunConfig
from tests.flows.conftest import Configured, Library
from tests.flows.corpus import read, remembered, write_corpus

DOCUMENTS, LINES = 30, 4
EACH = 5
"""Processes that are killed over one read and its repetitions."""
HANGS_S = 600.0
KINDS = {
    "tasks.ingest.parse.child": "parser",
    "tasks.infer.worker": "worker",
    "prefect server": "server",
    "prefect.server": "server",
    "uvicorn": "server",
    "multiprocessing": "dask",
    "flows": "flow",
}
"""What a command line holds, and whose it is then."""


@pytest.fixture(scope="module")
def undisturbed(
    api: str, dask: str, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Library:
    from tests.flows.corpus import tiny

    root = tmp_path_factory.mktemp("undisturbed-by-chance")
    folder = write_corpus(root / "corpus", DOCUMENTS, LINES)
    config = tiny(root / "home", tiny_model_dir, f"cluster.address={dask}")
    return Library(folder, config, read(config, folder))


def kind_of(process: psutil.Process) -> str:
    line = " ".join(process.cmdline()[1:])
    return next((kind for words, kind in KINDS.items() if words in line), "")


def kill_one(root: int, chance: random.Random) -> str:
    """Kill a process of the tree; of every kind it is as likely. What kind it was of, or ""."""
    try:
        all_of = [psutil.Process(root), *psutil.Process(root).children(recursive=True)]
        kinds: dict[str, list[psutil.Process]] = {}
        for one in all_of:
            if kind := kind_of(one):
                kinds.setdefault(kind, []).append(one)
        kind = chance.choice(sorted(kinds))
        chance.choice(kinds[kind]).kill()
    except (psutil.NoSuchProcess, IndexError):
        return ""
    return kind


def begin(folder: Path, config: RunConfig, log: Path) -> "subprocess.Popen[bytes]":
    """The command itself, with a Prefect server, Dask and two workers of its own."""
    settings = [f"home={config.home}", f"infer.model={config.infer.model}", "infer.workers=2"]
    command = [sys.executable, "-m", "flows", "read", str(folder), "--conf", "tiny", *settings]
    without = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    root = Path(__file__).parents[2]
    with log.open("ab") as file:
        return subprocess.Popen(command, cwd=root, env=without, stdout=file, stderr=file)


def disturbed(folder: Path, config: RunConfig, kills: int, chance: random.Random, log: Path) -> Counter[str]:
    """Repeat a read until it ends well, while so many of its processes are killed: how many of which kind."""
    done: Counter[str] = Counter()
    while True:
        process = begin(folder, config, log)
        began = time.monotonic()
        try:
            while process.poll() is None:
                assert time.monotonic() < began + HANGS_S, f"it hangs after {done}: {log.read_text()[-3000:]}"
                time.sleep(chance.uniform(0.5, 8.0))
                if done.total() < kills and (kind := kill_one(process.pid, chance)):
                    done[kind] += 1
        finally:
            process.kill()
            process.wait()
        if process.returncode == 0:
            return done
        assert process.returncode in (1, -9), log.read_text()[-3000:]


@pytest.mark.slow
@pytest.mark.timeout(14_400)
@pytest.mark.parametrize("kills", [20, 100])
def test_a_read_of_which_processes_are_killed_at_random_ends_like_one_that_was_not(
    kills: int, undisturbed: Library, configured: Configured, tmp_path: Path
) -> None:
    chance, done, reads = random.Random(0), Counter[str](), 0
    while done.total() < kills:
        home = tmp_path / f"home-{reads}"
        most = min(EACH, kills - done.total())
        done += disturbed(undisturbed.folder, configured(home=home), most, chance, tmp_path / "log")
        assert remembered(home) == remembered(undisturbed.config.home)
        reads += 1
        assert reads < kills
    print(f"{dict(done)} killed over {reads} reads")
