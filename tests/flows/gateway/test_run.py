"""The gateway as a process: where it may listen, and how it ends."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from flows.gateway import tokens
from flows.gateway.run import check, running
from tasks.errors import InvalidInput
from tests.flows.gateway.homes import Homes, configured
from tests.marks import slow

ROOT = Path(__file__).parents[3]


def fetched(url: str) -> httpx2.Response:
    return httpx2.get(url, trust_env=False, timeout=120)


def test_beyond_this_machine_it_listens_with_tokens_only(tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1", "mine.example"):
        with pytest.raises(InvalidInput, match=rf"serve\.host={host}: .*nightread token add"):
            check(configured(tmp_path, f"serve.host='{host}'"))
    for host in ("127.0.0.1", "localhost", "::1", "127.8.8.8"):
        check(configured(tmp_path, f"serve.host='{host}'"))
    tokens.add(tmp_path, "ann")
    check(configured(tmp_path, "serve.host=0.0.0.0"))


def test_what_cannot_be_served_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="home=FOLDER"):
        check(configured(tmp_path).__class__("s3://bucket/home"))
    with pytest.raises(InvalidInput, match=r"serve\.certificate=.*no such file"):
        check(configured(tmp_path, "serve.certificate=/no/cert.pem", "serve.key=/no/key.pem"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(InvalidInput, match=r"serve\.port=0 for any free one"),
            running(configured(tmp_path, f"serve.port={port}")),
        ):
            pass


def test_a_gateway_that_was_stopped_can_be_started_again_at_once(made: Homes) -> None:
    with running(configured(made.home, "serve.port=0")) as url:
        assert fetched(f"{url}/health").json() == {"status": "ok"}
    port = url.rpartition(":")[2]
    with running(configured(made.home, f"serve.port={port}")) as again:
        assert again == url
        assert fetched(f"{url}/openapi.json").status_code == 200


@pytest.mark.parametrize("ended_by", [signal.SIGTERM, *slow(signal.SIGINT)])
def test_the_command_says_where_it_is_and_ends_cleanly(tmp_path: Path, ended_by: signal.Signals) -> None:
    command = [sys.executable, "-m", "flows", "serve", "gateway", f"home={tmp_path}", "serve.port=0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        assert process.stdout
        line = process.stdout.readline()
        assert line.startswith("Nightread is at http://127.0.0.1:")
        url = line.split()[3].rstrip(";")
        assert fetched(f"{url}/v1/runs").json() == {"runs": [], "total": 0}
        process.send_signal(ended_by)
        _, errors = process.communicate(timeout=120)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert "GET /v1/runs 200" in errors
    assert not list(tmp_path.iterdir())
