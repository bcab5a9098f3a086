"""A Prefect server for the time of one command.

The idea: a real server that lives exactly as long as its parent. Prefect's in-process server prints
tracebacks at exit and may lose the last task states; a child process does neither, and the kernel ends it
with us even when we are killed without a chance to clean up. Where the server alone is killed, another takes
its place and its database: a run waits for the one address it knows. Prefect reads its settings once, at
import: where that has happened before the block, it is made to read them again, and inside the block it never
falls back to a server of its own, which would outlive us.
"""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import ProxyHandler, build_opener

from model.files import locked
from tasks.errors import InvalidInput, NightreadError, writing
from tasks.ingest.ipc import free_port

READY_SECONDS = 120.0
"""A cold start takes about ten seconds on two idle cores; a busy machine many times that."""
STOP_SECONDS = 10.0
LOOK_SECONDS = 1.0
RESTARTS = 5
"""Of a server that has died, while one command lasts."""
_DIE_WITH_PARENT = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG, linux/prctl.h
    if os.getppid() != int(sys.argv[1]):  # it died before we asked
        sys.exit(1)
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
"""Run in the child before it becomes the server: a preexec_fn would fork a process full of threads."""


@contextmanager
def prefect_api(
    home: Path,
    meanwhile: Callable[[], None] = lambda: None,
    *,
    ready_seconds: float = READY_SECONDS,
    remedy: str = "start it, or unset the variable and one is started for this command",
) -> Iterator[str]:
    """URL of a Prefect API: the one PREFECT_API_URL names, or a server of our own under `home`/prefect.

    Args:
        meanwhile: what can be done while our own server starts.
        remedy: what helps where nothing answers at PREFECT_API_URL.

    Raises:
        InvalidInput: if PREFECT_API_URL is set and nothing answers there, or `home` cannot be written.
        NightreadError: if our own server does not come up, with the end of its log, or another command has
            been starting one for `ready_seconds`.
    """
    if url := os.environ.get("PREFECT_API_URL"):
        if not answers(url):
            raise InvalidInput(f"PREFECT_API_URL={url}: no Prefect server answers there; {remedy}")
        with _environment(_quiet()):
            yield url
        return
    folder = home.resolve() / "prefect"
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    with ExitStack() as stack:
        stack.enter_context(_environment(_settings(folder, url)))
        with _alone(folder, ready_seconds):
            server = stack.enter_context(closing(_Server(folder, port)))
            meanwhile()
            _wait(server.process, url, folder / "server.log", ready_seconds)
        server.keep()
        try:
            yield url
        finally:
            _deliver_events()


def import_read() -> None:
    """Prefect and the models take as long to import as a server to start: both at once."""
    import flows.read  # noqa: F401


def answers(url: str) -> bool:
    """Whether a Prefect API answers at `url`; a refusal (a cloud wants its key) is an answer too."""
    try:
        # without the proxies of the environment for our own machine: a proxy cannot reach it
        proxies: dict[str, str] | None = {} if "//127.0.0.1" in url or "//localhost" in url else None
        with build_opener(ProxyHandler(proxies)).open(f"{url.rstrip('/')}/health", timeout=5):
            return True
    except HTTPError as error:
        return error.code < 500
    except (URLError, OSError, ValueError):
        return False


def _settings(folder: Path, url: str) -> dict[str, str]:
    without_proxy = os.environ.get("NO_PROXY", os.environ.get("no_proxy", ""))
    local = ",".join(filter(None, [without_proxy, "127.0.0.1"]))
    return {
        "PREFECT_HOME": str(folder),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # leases on disk: in memory, a slot held by a run that died would stay taken after a restart
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "DO_NOT_TRACK": "1",
        "NO_PROXY": local,
        "no_proxy": local,
        **_quiet(),
    }


def _quiet() -> dict[str, str]:
    return {
        # to the page of a run, not to the terminal: that has its own lines
        "PREFECT_LOGGING_LEVEL": os.environ.get("PREFECT_LOGGING_LEVEL", "INFO"),
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
    }


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    reread()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        reread()


def reread() -> None:
    """Prefect's settings from the environment as it is now; nothing to do before prefect is imported."""
    if "prefect.context" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


def _deliver_events() -> None:
    """Let Prefect's threads send the events and logs they still hold while the server is there."""
    if "prefect.events.worker" in sys.modules:
        from prefect.events.worker import EventsWorker

        EventsWorker.drain_all(timeout=STOP_SECONDS, at_exit=False)  # services of every kind, logs too


@contextmanager
def _alone(folder: Path, seconds: float) -> Iterator[None]:
    """One server of a folder starts at a time: two that migrate its database at once fail."""
    with ExitStack() as held:
        with writing(folder):
            try:
                held.enter_context(locked(folder / "start.lock", timeout_s=seconds))
            except TimeoutError as error:
                raise NightreadError(
                    f"another command has been starting a Prefect server in {folder} for {seconds:g} s; "
                    f"try again when it is done"
                ) from error
        yield


def tied(arguments: list[str]) -> list[str]:
    """The command of a Python process with these arguments that ends with us, even when we are killed."""
    return [sys.executable, "-c", _DIE_WITH_PARENT, str(os.getpid()), *arguments]


class _Server:
    """A server of our own; one that dies is started again where it was, as the run waits for it there."""

    def __init__(self, folder: Path, port: int) -> None:
        self.log, self.port = folder / "server.log", port
        with writing(folder):
            self.log.write_bytes(b"")
        self.process = self._started()
        self._ending = threading.Event()
        # the thread that starts a server outlives it, or the kernel would end the server with the thread
        self._keeper = threading.Thread(target=self._keep, name="prefect-server", daemon=True)

    def keep(self) -> None:
        """From now on, start it again when it has ended."""
        self._keeper.start()

    def close(self) -> None:
        self._ending.set()
        if self._keeper.ident:
            self._keeper.join()
        _stop(self.process)

    def _keep(self) -> None:
        for _ in range(RESTARTS):
            while self.process.poll() is None:
                if self._ending.wait(LOOK_SECONDS):
                    return
            self.process = self._started()
        self._ending.wait()

    def _started(self) -> subprocess.Popen[bytes]:
        server = ["-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(self.port)]
        with self.log.open("ab") as log:
            return subprocess.Popen(
                tied(server),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is for us; the server stays until the run has said so
            )


def _stop(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], url: str, log: Path, seconds: float) -> None:
    until = time.monotonic() + seconds
    while not answers(url):
        if process.poll() is not None:
            raise NightreadError(f"the Prefect server ended with code {process.returncode}; {_tail(log)}")
        if time.monotonic() > until:
            raise NightreadError(f"the Prefect server did not answer within {seconds:g} s; {_tail(log)}")
        time.sleep(0.2)


def _tail(log: Path, lines: int = 5) -> str:
    """The last error that the log names, or its end, on one line."""
    said = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if errors := [line for line in said if re.match(r"[\w.]+(Error|Exception): ", line)]:
        return f"its log {log} names {errors[-1][:500]}"
    return f"its log {log} ends: {' | '.join(said[-lines:])[-1000:]}"
