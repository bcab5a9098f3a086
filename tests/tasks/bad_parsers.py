"""Formats that misbehave, as plugins of the parser: one hangs, one eats memory, one crashes its process, and
one deletes what was found beside it."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.parse import TextSpan
from tasks.settings import ParseConfig

EXTENSIONS: tuple[str, ...] = (".hangs", ".eats", ".crashes", ".deletes")


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    if path.suffix == ".hangs":
        time.sleep(3600)
    if path.suffix == ".crashes":
        os._exit(7)
    if path.suffix == ".deletes":
        Path(path.read_text()).unlink(missing_ok=True)
        yield TextSpan("The neighbour of this document was taken away.", "line", 1)
        return
    hoard = []
    while True:
        hoard.append(b"x" * (64 << 20))
        yield TextSpan("x", "line", 1)
