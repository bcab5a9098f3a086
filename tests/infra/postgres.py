"""A PostgreSQL of a test's own, from the system's binaries and as their user: it refuses to run as root."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tasks.ingest.ipc import free_port

USER = "postgres"


class Postgres:
    """A database cluster in a folder, on a port of this machine."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.user = USER if os.geteuid() == 0 else None
        self._run("initdb", "--auth", "trust", "--username", "prefect", "--no-sync")

    @property
    def url(self) -> str:
        return f"postgresql+asyncpg://prefect@127.0.0.1:{self.port}/postgres"

    def start(self) -> None:
        options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--log", str(self.folder / "log"), "--options", options)

    def stop(self, mode: str = "fast") -> None:
        self._run("pg_ctl", "stop", "--wait", "--mode", mode)

    def _run(self, program: str, *arguments: str) -> None:
        command = [_binary(program), "--pgdata", str(self.folder), *arguments]
        done = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            user=self.user,
            group=self.user,
        )
        assert done.returncode == 0, done.stderr


def _binary(program: str) -> str:
    """A program of PostgreSQL: Debian keeps them beside the PATH."""
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    return str(kept[-1]) if kept else shutil.which(program) or program


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A running database in a folder of its own (pytest's are for root alone), stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="nightread-postgres-") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, USER, USER)
        database = Postgres(Path(folder))
        database.start()
        try:
            yield database
        finally:
            database.stop("immediate")
