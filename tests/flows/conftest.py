"""What tests of the flow share: a Prefect server, a Dask scheduler and a corpus that is read once."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from flows.config import RunConfig
from flows.server import prefect_api
from tests.flows.corpus import read, story, tiny, write_corpus
from tests.flows.migrated import keep, migrated
from tests.s3 import s3_server

Configured = Callable[..., RunConfig]


@pytest.fixture(scope="session")
def api(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real Prefect server; commands and flows use it from here on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_MAX_RUNS", "3")  # not the next hour's 720
        patch.setenv("PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS", "5")  # not once a minute
        migrated(home := tmp_path_factory.mktemp("prefect"))
        with prefect_api(home) as url:
            keep(home)
            yield url


@pytest.fixture(scope="session")
def dask(processes: None) -> Iterator[str]:
    """Address of a real Dask scheduler whose one worker is a thread of this process."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tcp", dashboard_address=":0"
    ) as cluster:
        yield str(cluster.scheduler_address)


@pytest.fixture
def bucket(processes: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """URI of an empty bucket of a real S3-compatible server, which the environment names."""
    with s3_server(tmp_path) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTED")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="homes")
        yield "s3://homes"


@pytest.fixture
def configured(api: str, dask: str, tiny_model_dir: Path, tmp_path: Path) -> Configured:
    """Settings of a home of its own: `configured(*overrides)`; a decoder of random weights reads."""

    def of(*overrides: str, home: Path = tmp_path / "home") -> RunConfig:
        return tiny(home, tiny_model_dir, f"cluster.address={dask}", *overrides)

    return of


@dataclass(frozen=True)
class Library:
    """A corpus that was read."""

    folder: Path
    config: RunConfig
    outcome: dict[str, Any]


@pytest.fixture(scope="session")
def library(api: str, dask: str, model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Two reports, one of two windows, and a copy of that, read by the default model."""
    root = tmp_path_factory.mktemp("library")
    folder = write_corpus(root / "corpus", 2, lines=14)
    (folder / "report-00.txt").write_text(story(0, 3))
    (folder / "twin.txt").write_text(story(1, 14))
    config = tiny(root / "home", model_dir, f"cluster.address={dask}")
    return Library(folder, config, read(config, folder))


@pytest.fixture(scope="session")
def library_again(library: Library) -> dict[str, Any]:
    """Outcome of reading the same corpus a second time."""
    return read(library.config, library.folder)
