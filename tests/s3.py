"""A real S3-compatible server on a free loopback port, from an environment of its own (infra/test.sh)."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from tasks.ingest.ipc import free_port

SERVER = Path(__file__).parents[1] / ".venv-servers" / "bin" / "ministack"


@contextmanager
def s3_server(folder: Path) -> Iterator[str]:
    """Endpoint of a server with no buckets, which ends with the block."""
    port = free_port()
    process = start_s3(folder, port)
    try:
        yield wait_for_s3(f"http://127.0.0.1:{port}", process, folder)
    finally:
        process.terminate()
        process.wait(10)


def start_s3(folder: Path, port: int, kept: bool = False) -> "subprocess.Popen[bytes]":
    """A server on this port, that may not answer yet.

    Args:
        kept: whether objects are on the disk of `folder` when they are acknowledged: another server goes on.
    """
    assert SERVER.exists(), f"{SERVER} is not installed: run `bash infra/test.sh`, which sets it up"
    environment = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port)}
    if kept:
        environment |= {"S3_PERSIST": "1", "S3_DATA_DIR": str(folder / "objects")}
    with (folder / "s3.log").open("ab") as log:
        return subprocess.Popen([SERVER], env=environment, cwd=folder, stdout=log, stderr=log)


def wait_for_s3(endpoint: str, process: "subprocess.Popen[bytes]", folder: Path) -> str:
    """The endpoint, once something answers there."""
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
