"""Directories of every kind, for the same tests."""

from collections.abc import Callable, Iterator

import pytest
import redis

from tasks.serve.directory.base import Directory, Quota
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.directory.redis import RedisDirectory, keys_of
from tests.redis_server import RedisServer, redis_server

DirectoryOf = Callable[..., Directory]
TENANTS = ("", "acme", "other", "a{b}c:d e")


@pytest.fixture(scope="session")
def shared_redis(tmp_path_factory: pytest.TempPathFactory, processes: None) -> Iterator[RedisServer]:
    """One server for many tests, each of which empties it first."""
    with redis_server(tmp_path_factory.mktemp("redis")) as server:
        yield server


def settle(server: RedisServer) -> None:
    """Have it know of nothing, for so long that no lease from before can be alive."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()
        run = client.info("server")["run_id"]
        for tenant in TENANTS:
            client.hset(keys_of(tenant)[-1], mapping={"run": run, "since": 0})


@pytest.fixture(params=["local", pytest.param("redis", marks=pytest.mark.heavy)])
def directory_of(request: pytest.FixtureRequest) -> Iterator[DirectoryOf]:
    """`directory_of(lease_s, quota)`: a directory that knows of nothing yet."""
    opened: list[Directory] = []
    if request.param == "redis":
        settle(request.getfixturevalue("shared_redis"))

    def directory_of(lease_s: float = 60.0, quota: Quota | None = None) -> Directory:
        if request.param == "local":
            opened.append(LocalDirectory(lease_s, quota))
        else:
            server: RedisServer = request.getfixturevalue("shared_redis")
            opened.append(RedisDirectory(server.url, lease_s, quota))
        return opened[-1]

    yield directory_of
    for directory in opened:
        directory.close()
