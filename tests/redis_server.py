"""A real Redis on a free loopback port: Debian's redis-server (infra/test.sh installs it)."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.ingest.ipc import free_port

MISSING = "no redis-server here: apt-get install redis-server, or run infra/test.sh as root or with sudo"


class RedisServer:
    """A server that can be killed and started again on its port; it keeps nothing, unless told to.

    Args:
        options: of its configuration, each with its value.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self.binary = shutil.which("redis-server")
        if self.binary is None:
            pytest.skip(MISSING)
        self.folder, self.port = folder, free_port()
        self.options = {"save": "", "appendonly": "no", **options}
        self.start()

    @property
    def url(self) -> str:
        secret = f":{password}@" if (password := self.options.get("requirepass")) else ""
        return f"redis://{secret}127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        import redis

        fixed = {"port": str(self.port), "bind": "127.0.0.1", "dir": str(self.folder)}
        settings = [word for name, value in (self.options | fixed).items() for word in (f"--{name}", value)]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen([str(self.binary), *settings], stdout=log, stderr=log)
        until = time.monotonic() + 60
        with redis.Redis.from_url(self.url) as client:
            while time.monotonic() < until and self.process.poll() is None:
                try:
                    client.ping()
                except redis.exceptions.ConnectionError:
                    time.sleep(0.02)
                else:
                    return
        raise AssertionError(f"no Redis: {(self.folder / 'redis.log').read_text()[-2000:]}")

    def kill(self) -> None:
        """End it without a chance to store anything."""
        self.process.kill()
        self.process.wait(60)

    def restart(self) -> None:
        self.kill()
        self.start()


@contextmanager
def redis_server(folder: Path, **options: str) -> Iterator[RedisServer]:
    """A server that ends with the block."""
    server = RedisServer(folder, **options)
    try:
        yield server
    finally:
        server.kill()
