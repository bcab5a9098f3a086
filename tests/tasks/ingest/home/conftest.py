"""A real S3 server behind a proxy that fails as tests ask it to, and homes in its bucket."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from tasks.ingest.home.remote import Remote, remote_of
from tasks.ingest.home.writing import opened
from tasks.settings import StorageConfig
from tests.faults import Proxy, proxy
from tests.s3 import s3_server


class Store:
    """A bucket, and working copies of a home in it."""

    def __init__(self, server: str, faulty: Proxy, folder: Path) -> None:
        self.server, self.proxy, self.folder = server, faulty, folder
        self.bucket = "homes"
        self.client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")

    @property
    def uri(self) -> str:
        """Of the home."""
        return f"s3://{self.bucket}/{self.folder.name}"

    def storage(self, cache: str = "one", lease_s: float = 2.0) -> StorageConfig:
        return StorageConfig(
            endpoint_url=self.proxy.endpoint, cache=str(self.folder / cache), lease_s=lease_s
        )

    def home(self, cache: str = "one", lease_s: float = 2.0) -> Path:
        """The working copy of the home in a cache folder, that is on a machine."""
        return opened(self.uri, self.storage(cache, lease_s), with_ledger=True)

    def remote(self, cache: str = "one") -> Remote:
        found = remote_of(self.home(cache))
        assert found is not None
        return found

    def names(self, prefix: str = "") -> list[str]:
        """What the bucket holds of the home."""
        place = f"{self.folder.name}/"
        found = self.client.list_objects_v2(Bucket=self.bucket, Prefix=f"{place}{prefix}").get("Contents", [])
        return [one["Key"].removeprefix(place) for one in found]


@pytest.fixture(scope="session")
def _server(processes: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Proxy]]:
    with pytest.MonkeyPatch.context() as patch, s3_server(tmp_path_factory.mktemp("s3")) as endpoint:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIATESTED")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "pa55word")
        boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="homes")
        with proxy(endpoint) as faulty:
            yield endpoint, faulty


@pytest.fixture
def store(_server: tuple[str, Proxy], tmp_path: Path) -> Iterator[Store]:
    endpoint, faulty = _server
    faulty.asked.clear()
    yield Store(endpoint, faulty, tmp_path)
    faulty.choose = lambda _: None
