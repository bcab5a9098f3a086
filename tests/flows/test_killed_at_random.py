"""Any process of a read, or server that it leans on, is killed at any moment: the memory is that of a read
which nobody disturbed.

Run: pytest -m slow tests/flows/test_killed_at_random.py -s -k 10 (twenty kills, about 20 minutes on two cores
that are busy; 50 takes five times as long)
"""

import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest

from tasks.ingest.home.writing import opened
from tasks.ingest.ipc import free_port
from tasks.settings import StorageConfig
from tests.flows.corpus import remembered, write_corpus
from tests.flows.killing import Killing, Server, read_command
from tests.s3 import start_s3, wait_for_s3

DOCUMENTS, LINES = 100, 1

pytestmark = [pytest.mark.slow, pytest.mark.heavy, pytest.mark.timeout(14_400)]


@dataclass
class Place:
    """What a read leans on: a corpus, servers, homes."""

    corpus: str
    settings: tuple[str, ...]
    servers: list[Server]
    kinds: tuple[str, ...]
    folder: Path
    homes: str
    """A home is this and its name."""
    storage: StorageConfig = StorageConfig()  # noqa: RUF009

    def command(self, name: str) -> list[str]:
        return read_command(self.corpus, f"home={self.homes}/{name}", *self.settings)

    def remembered(self, name: str) -> dict[str, tuple[str, ...]]:
        """What a home remembers, as a machine sees it that has never seen it before."""
        home = f"{self.homes}/{name}"
        return remembered(opened(home, self.storage) if home.startswith("s3://") else home)


@pytest.fixture
def in_a_bucket(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    """Corpus and home in a bucket; the read starts its Dask workers itself."""
    port = free_port()
    endpoint = f"http://127.0.0.1:{port}"
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTED")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
    server = Server("s3", lambda: start_s3(tmp_path, port, kept=True))
    wait_for_s3(endpoint, server.process, tmp_path)
    store = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    store.create_bucket(Bucket="homes")
    for path in write_corpus(tmp_path / "corpus", DOCUMENTS, LINES).iterdir():
        store.put_object(Bucket="homes", Key=f"corpus/{path.name}", Body=path.read_bytes())
    settings = (
        f"storage.endpoint_url={endpoint}",
        f"storage.cache={tmp_path / 'cache'}",
        f"infer.model={tiny_model_dir}",
        f"infer.embedder={tiny_model_dir}",
        "cluster.workers=1",
    )
    kinds = ("flow", "worker", "parser", "dask", "server", "s3")
    storage = StorageConfig(endpoint_url=endpoint, cache=str(tmp_path / "other"))
    yield Place("s3://homes/corpus", settings, [server], kinds, tmp_path, "s3://homes", storage)
    server.end()


@pytest.fixture
def on_a_cluster(tiny_model_dir: Path, tmp_path: Path) -> Iterator[Place]:
    """A Dask scheduler and a worker that somebody else runs, and two ranks that read every chunk together."""
    port = free_port()
    address = f"tcp://127.0.0.1:{port}"

    def dask(*words: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "dask", *words]
        with (tmp_path / "dask.log").open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log)

    scheduler = ("scheduler", "--host", "127.0.0.1", "--port", f"{port}", "--no-dashboard", "--no-show")
    worker = ("worker", address, "--no-nanny", "--nthreads", "1", "--no-dashboard")
    servers = [Server("scheduler", lambda: dask(*scheduler)), Server("dask", lambda: dask(*worker))]
    settings = (
        f"cluster.address={address}",
        f"infer.model={tiny_model_dir}",
        f"infer.embedder={tiny_model_dir}",
        "infer.workers=2",
        "infer.sequence_parallel=2",
        "infer.device=cpu",
    )
    kinds = ("flow", "worker", "parser", "dask", "scheduler", "server")
    corpus = write_corpus(tmp_path / "corpus", DOCUMENTS, LINES)
    yield Place(str(corpus), settings, servers, kinds, tmp_path, str(tmp_path))
    for server in servers:
        server.end()


@pytest.mark.parametrize("kills", [10, 50])
@pytest.mark.parametrize("where", ["in_a_bucket", "on_a_cluster"])
def test_a_read_of_which_anything_is_killed_at_random_ends_like_one_that_was_not(
    where: str, kills: int, request: pytest.FixtureRequest
) -> None:
    place: Place = request.getfixturevalue(where)
    Killing(place.kinds, 0, random.Random(0)).over(place.command("undisturbed"), place.servers, place.folder)
    expected, killing, reads = (
        place.remembered("undisturbed"),
        Killing(place.kinds, kills, random.Random(0)),
        0,
    )
    assert len(expected) > DOCUMENTS
    while killing.done.total() < kills:
        name = f"home-{reads}"
        killing.over(place.command(name), place.servers, place.folder)
        assert place.remembered(name) == expected
        reads += 1
        assert reads <= 3 * kills, killing.done  # a short read may end before what was drawn is there
        print(f"{dict(killing.done)} killed over {reads} reads", flush=True)
