"""A read that is killed ends, once repeated, like one that was not; nothing it had committed is done again.

Run: pytest tests/flows/test_killed.py (-m slow for every stage and more commits)
"""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flows.cli import main
from flows.config import RunConfig
from tasks.ingest.home.writing import opened
from tasks.runs.ledger import Ledger, ledger_path
from tasks.settings import StorageConfig
from tests.flows.conftest import Configured, Library
from tests.flows.corpus import read, remembered, tiny, watch_inserts, write_corpus, writes
from tests.marks import slow


@pytest.fixture(scope="session")
def undisturbed(
    api: str, dask: str, tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Library:
    """A corpus that was read in one go, by a decoder of random weights."""
    root = tmp_path_factory.mktemp("undisturbed")
    folder = write_corpus(root / "corpus", 3, lines=24)
    config = tiny(root / "home", tiny_model_dir, f"cluster.address={dask}", "infer.summary_batch_size=4")
    return Library(folder, config, read(config, folder))


def killed(stage: str, commit: int, folder: Path, config: RunConfig) -> int:
    """The exit code of a read that ends itself at this commit."""
    settings = [
        f"home={config.home}",
        f"storage.cache={config.storage.cache}",
        f"storage.lease_s={config.storage.lease_s}",
        f"infer.model={config.infer.model}",
        f"cluster.address={config.cluster.address}",
        f"infer.summary_batch_size={config.infer.summary_batch_size}",
    ]
    command = [sys.executable, "-m", "tests.flows.killed", stage, str(commit), str(folder), *settings]
    return subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode


@pytest.mark.parametrize(
    "at",
    [
        ("infer", 5),
        *slow(  # a quarter of a minute each
            ("reduce", 2),
            ("parse", 2),
            ("shard", 1),
            ("infer", 1),
            ("infer", 9),
            ("reduce", 1),
            ("embed", 1),
            ("relate", 1),
        ),
    ],
)
def test_a_read_killed_at_any_commit_ends_like_one_that_was_not(
    undisturbed: Library, configured: Configured, tmp_path: Path, at: tuple[str, int]
) -> None:
    home, config = tmp_path / "home", configured("infer.summary_batch_size=4")
    watch_inserts(home, "journal", "key", "kind")
    assert killed(*at, undisturbed.folder, config) == -signal.SIGKILL
    windows = len(writes(home, "window"))
    outcome = read(config, undisturbed.folder)
    assert remembered(home) == remembered(undisturbed.config.home)
    assert outcome["windows"] == undisturbed.outcome["windows"] - windows
    for kind in ("window", "summary"):
        assert len(writes(home, kind)) == len(set(writes(home, kind))), kind


def test_a_read_killed_on_one_machine_goes_on_on_another_from_the_bucket(
    undisturbed: Library, configured: Configured, bucket: str, tmp_path: Path
) -> None:
    uri = f"{bucket}/killed"
    config = replace(configured("infer.summary_batch_size=4"), home=uri)

    def on(machine: str) -> RunConfig:
        return replace(config, storage=StorageConfig(cache=str(tmp_path / machine), lease_s=2.0))

    assert killed("infer", 5, undisturbed.folder, on("spot")) == -signal.SIGKILL
    outcome = read(on("other"), undisturbed.folder)
    assert outcome["windows"] == undisturbed.outcome["windows"] - 5
    third = opened(uri, on("third").storage, with_ledger=True)
    assert remembered(third) == remembered(undisturbed.config.home)
    with Ledger(ledger_path(third)) as ledger:
        assert [row["status"] for row in ledger.runs()] == ["crashed", "published"]
    question = ["recall", "the observatory of Oslo", "-k", "1", "--json", f"home={uri}"]
    assert main([*question, f"storage.cache={tmp_path / 'third'}"]) == 0
