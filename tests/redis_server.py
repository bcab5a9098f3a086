"""A real Redis on a free loopback port: Debian's redis-server (infra/test.sh installs it)."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tasks.bench.load.servers import redis_server as server_of
from tasks.errors import InvalidInput
from tasks.ingest.ipc import free_port


class RedisServer:
    """A server that can be killed and started again on its port; it keeps nothing, unless told to.

    Args:
        options: of its configuration, each with its value.
    """

    def __init__(self, folder: Path, **options: str) -> None:
        self.port = free_port()
        try:
            self.server = server_of(folder, self.port, **options)
        except InvalidInput as missing:
            pytest.skip(f"{missing}, or run infra/test.sh as root or with sudo")
        secret = f":{password}@" if (password := options.get("requirepass")) else ""
        self.url = f"redis://{secret}127.0.0.1:{self.port}/0"
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.server.start()
        self.server.ready()

    def kill(self) -> None:
        """End it without a chance to store anything."""
        self.server.kill()

    def restart(self) -> None:
        self.server.restart()
        self.server.ready()


@contextmanager
def redis_server(folder: Path, **options: str) -> Iterator[RedisServer]:
    """A server that ends with the block."""
    server = RedisServer(folder, **options)
    try:
        yield server
    finally:
        server.kill()
