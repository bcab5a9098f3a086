"""A real S3-compatible server on a free loopback port, from an environment of its own (infra/test.sh)."""

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

SERVER = Path(__file__).parents[1] / ".venv-servers" / "bin" / "ministack"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Endpoint of a server with no buckets, which ends with the block."""
    assert SERVER.exists(), f"{SERVER} is not installed: run `bash infra/test.sh`, which sets it up"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    with (folder / "s3.log").open("wb") as log:
        process = subprocess.Popen([SERVER], env=environment, cwd=folder, stdout=log, stderr=log)
    try:
        yield _ready(f"http://127.0.0.1:{port}", process, folder)
    finally:
        process.terminate()
        process.wait(10)


def _ready(endpoint: str, process: "subprocess.Popen[bytes]", folder: Path) -> str:
    until = time.monotonic() + 60
    while time.monotonic() < until and process.poll() is None:
        try:
            urlopen(endpoint, timeout=2).close()
        except HTTPError:
            return endpoint
        except (URLError, OSError):
            time.sleep(0.1)
        else:
            return endpoint
    raise AssertionError(f"no S3 server: {(folder / 's3.log').read_text()[-2000:]}")
