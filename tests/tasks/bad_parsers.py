"""Formats that misbehave, as plugins of the parser: one hangs, one eats memory, one crashes its process, one
waits where it can be killed, one works for half a second, and one deletes what was found beside it, calls out
and writes elsewhere."""

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.parse import TextSpan
from tasks.settings import ParseConfig

EXTENSIONS: tuple[str, ...] = (".hangs", ".eats", ".crashes", ".deletes", ".waits", ".works")


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    if path.suffix == ".hangs":
        time.sleep(3600)
    if path.suffix == ".crashes":
        os._exit(7)
    if path.suffix == ".waits":
        time.sleep(1.0)
        yield TextSpan(path.read_text(), "line", 1)
        return
    if path.suffix == ".works":
        until = time.process_time() + 0.4
        while time.process_time() < until:
            pass
        yield TextSpan("done", "line", 1)
        return
    if path.suffix == ".deletes":
        beside = Path(path.read_text())
        for bad in (beside.unlink, socket.socket, lambda: beside.with_name("written").write_text("x")):
            try:
                bad()
            except PermissionError as error:
                yield TextSpan(f"{type(error).__name__}\n", "line", 1)
        return
    hoard = []
    while True:
        hoard.append(b"x" * (64 << 20))
        yield TextSpan("x", "line", 1)
