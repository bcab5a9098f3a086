"""A real Prefect server, started and ended for one block."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from flows.server import answers, prefect_api, reread
from tasks.errors import InvalidInput, NightreadError
from tests.flows.migrated import migrated

HOLD = """
import sys, time
from pathlib import Path
from flows.server import prefect_api
with prefect_api(Path(sys.argv[1])) as url:
    print(url, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def _no_server_of_ours(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    yield
    monkeypatch.undo()
    reread()  # or Prefect would keep these settings for the tests that follow


def _wait_until(done: Callable[[], bool], seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < until
        time.sleep(0.2)


@pytest.mark.heavy
def test_a_server_lives_for_the_block_and_leaves_no_trace(tmp_path: Path) -> None:
    from prefect import flow, settings

    @flow(persist_result=False)
    def one() -> tuple[str | None, str]:
        from prefect.runtime import flow_run

        return settings.get_current_settings().api.url, str(flow_run.id)

    ours = psutil.Process()
    children = set(ours.children())  # of other tests: a warm parser, a resource tracker
    environment = dict(os.environ)
    with prefect_api(tmp_path) as url:
        assert answers(url)
        assert os.environ["PREFECT_API_URL"] == url
        assert os.environ["PREFECT_HOME"] == str(tmp_path / "prefect")
        assert os.environ["PREFECT_LOGGING_LEVEL"] == environment.get("PREFECT_LOGGING_LEVEL", "INFO")
        assert (tmp_path / "prefect" / "prefect.db").exists()
        # a Prefect that was imported earlier talks to this server, and starts none of its own
        assert not settings.get_current_settings().server.ephemeral.enabled
        seen, run = one()
        assert seen == url
        with build_opener(ProxyHandler({})).open(f"{url}/flow_runs/{run}") as answer:
            assert answer.status == 200
        (child,) = set(ours.children()) - children
        assert child.cmdline()[1:5] == ["-m", "prefect", "server", "start"]
        child.kill()  # and another takes its place and its database
        child.wait()
        _wait_until(lambda: answers(url))
        with build_opener(ProxyHandler({})).open(f"{url}/flow_runs/{run}") as answer:
            assert answer.status == 200
    assert not answers(url)
    assert dict(os.environ) == environment
    assert settings.get_current_settings().api.url is None
    assert set(ours.children()) <= children


def _ended(home: Path, count: int) -> None:
    """So many commands begin at a time in this home and are killed: each had a server, and it is gone."""
    command = [sys.executable, "-c", HOLD, str(home)]
    with ExitStack() as stack:
        started = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(count)]
        commands = [stack.enter_context(process) for process in started]
        urls = [process.stdout.readline().strip() for process in commands if process.stdout]
        answered = [answers(url) for url in urls]
        servers = [child for process in commands for child in psutil.Process(process.pid).children()]
        for process in commands:
            process.send_signal(signal.SIGKILL)
    assert answered == [True] * count
    assert len(servers) == len(set(urls)) == count
    _, alive = psutil.wait_procs(servers, timeout=10)
    assert alive == []
    assert not any(answers(url) for url in urls)


@pytest.mark.heavy
def test_a_command_that_is_killed_takes_its_server_with_it(tmp_path: Path) -> None:
    migrated(tmp_path)
    _ended(tmp_path, 1)


@pytest.mark.slow  # both set up the database, which takes ten seconds of a processor
def test_two_commands_may_be_the_first_in_a_home(tmp_path: Path) -> None:
    assert list(tmp_path.iterdir()) == []  # nor is a database that is there already what they find
    _ended(tmp_path, 2)


def test_a_home_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for home in (tmp_path / "file", Path("/proc/nightread")):
        refused = pytest.raises(InvalidInput, match=rf"{home}/prefect cannot be written .*home=")
        with refused, prefect_api(home):
            pass


@pytest.mark.slow
def test_a_server_that_does_not_come_up_is_reported_with_its_log(tmp_path: Path) -> None:
    # a file where its database belongs
    (tmp_path / "prefect" / "prefect.db").mkdir(parents=True)
    with pytest.raises(NightreadError, match=r"server\.log"), prefect_api(tmp_path, ready_seconds=60):
        pass


class _Health(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


def test_a_named_server_is_used_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with HTTPServer(("127.0.0.1", 0), _Health) as named:
        Thread(target=named.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{named.server_port}/api"
        monkeypatch.setenv("PREFECT_API_URL", url)
        with prefect_api(tmp_path) as used:
            assert used == url
        named.shutdown()
    assert list(tmp_path.iterdir()) == []


def test_a_named_server_that_is_silent_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    started = time.monotonic()
    with pytest.raises(InvalidInput, match=r"127\.0\.0\.1:9"), prefect_api(tmp_path):
        pass
    assert time.monotonic() - started < 10
