"""Processes that are loaded: started, killed, started again where they were, and looked at.

The idea: they are what users start, by the same commands, on ports of this machine alone.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from model.hardware import resident_bytes
from tasks.errors import InvalidInput, NightreadError

READY_S = 300.0
"""A model is loaded within, on a busy machine too."""
STOP_S = 30.0
_LOOK_S = 0.05
_TAIL = 2000


class Server:
    """One process, with its output in a file of a folder.

    Args:
        answers: whether it can be used by now.
    """

    def __init__(
        self, name: str, command: Sequence[str | Path], folder: Path, answers: Callable[[], bool]
    ) -> None:
        self.name, self.command, self.answers = name, command, answers
        self.log = folder / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, without waiting until it answers."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def ready(self) -> None:
        """Wait until it answers.

        Raises:
            NightreadError: if it ends before, or takes too long; with the end of what it wrote.
        """
        until = time.monotonic() + READY_S
        while not self.answers():
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > until:
                said = self.log.read_text(errors="replace")[-_TAIL:]
                raise NightreadError(f"{self.name} {'ended' if ended else 'does not answer'}: {said}")
            time.sleep(_LOOK_S)

    def kill(self) -> None:
        """End it at once, without a chance to store anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(STOP_S)

    def restart(self) -> None:
        """Kill it, and start it again where it was."""
        self.kill()
        self.start()

    def stop(self) -> None:
        """Ask it to end, and see that it does."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self.kill()

    def bytes(self) -> int:
        """Resident memory; 0 if it does not run."""
        running = self.process is not None and self.process.poll() is None
        return resident_bytes(self.process.pid) if running and self.process else 0


def redis_server(folder: Path, port: int, **options: str) -> Server:
    """A Redis on this port that keeps nothing, unless options of its configuration say so.

    Raises:
        InvalidInput: if none is installed.
    """
    binary = shutil.which("redis-server")
    if binary is None:
        raise InvalidInput("redis-server is not installed: apt-get install redis-server")
    settings = {"save": "", "appendonly": "no", **options}
    settings |= {"port": str(port), "bind": "127.0.0.1", "dir": str(folder)}
    words = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Server("redis", [binary, *words], folder, lambda: _pongs(port, options.get("requirepass")))


def _pongs(port: int, password: str | None) -> bool:
    import redis

    with redis.Redis(port=port, password=password) as client:
        try:
            return bool(client.ping())
        except redis.exceptions.ConnectionError:
            return False
