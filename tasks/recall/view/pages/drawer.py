"""Who has pages drawn: one process, watched and replaced, and the pictures it made last.

The idea: a picture is made of the source itself, which must still be what was read. Pictures are kept in
memory alone, so that what is forgotten leaves none behind.
"""

import atexit
import base64
import shutil
import tempfile
import time
from collections import OrderedDict
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

from tasks.errors import BadDocument
from tasks.ingest.ipc import Child
from tasks.ingest.storage import Found, fetch, find
from tasks.ingest.uris import S3, path_of
from tasks.recall.view.pages.messages import WIRE, Draw, Drawn, Mark, NotDrawn, Up
from tasks.runs.ledger import Row
from tasks.settings import StorageConfig

START_S, DRAW_S, POLL_S = 60.0, 20.0, 0.05
MEMORY = 1 << 30
"""Bytes of resident memory at which the process is killed."""
_SLACK = 6 << 30
"""Address space beyond that: mapped libraries are not memory."""
MOST_BYTES = 512 << 20
"""Of a source that is drawn."""
KEPT = 48 << 20
"""Bytes of pictures that are kept."""
_MAKING = Lock()
"""`cache` alone lets two threads make one each."""


@dataclass(frozen=True)
class Page:
    """A page as it is shown: its size and the marks on it, in points."""

    number: int
    pages: int
    width: float
    height: float
    marks: tuple[Mark, ...]


class Drawer:
    """Draws for one process. Safe for use by several threads, one at a time."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="nightread-pages-"))
        """The only one that the drawing process may write to."""
        self._lock = Lock()
        self._child: Child | None = None
        self._pictures: OrderedDict[tuple[str, int], bytes] = OrderedDict()

    def page(self, row: Row, number: int, storage: StorageConfig, before: str = "", words: str = "") -> Page:
        """A page of a source (schema.SOURCES), with marks where the words stand.

        Raises:
            BadDocument: if the source is not what was read any more, or it cannot be drawn.
        """
        with self._lock:
            drawn = self._drawn(row, number, storage, before, words)
            return Page(number, drawn.pages, drawn.width, drawn.height, tuple(drawn.marks))

    def picture(self, row: Row, number: int, storage: StorageConfig) -> bytes:
        """A page as a PNG.

        Raises:
            BadDocument: as `page`.
        """
        with self._lock:
            key = (row["content"], number)
            if key not in self._pictures:
                self._drawn(row, number, storage, "", "")
            self._pictures.move_to_end(key)
            return self._pictures[key]

    def close(self) -> None:
        """End the process and drop all pictures."""
        self._stop()
        self._pictures.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _drawn(self, row: Row, number: int, storage: StorageConfig, before: str, words: str) -> Drawn:
        key = (row["content"], number)
        path = self._source(row, storage)
        try:
            drawn = self._asked(Draw(str(path), number, before, words, key not in self._pictures))
        finally:
            if path.parent == self.folder:
                path.unlink(missing_ok=True)
        if drawn.picture:
            self._keep(key, base64.b64decode(drawn.picture))
        return drawn

    def _keep(self, key: tuple[str, int], picture: bytes) -> None:
        self._pictures[key] = picture
        while len(self._pictures) > 1 and sum(map(len, self._pictures.values())) > KEPT:
            self._pictures.popitem(last=False)

    def _source(self, row: Row, storage: StorageConfig) -> Path:
        """A file that holds what was read: the source where it lies, or a copy of one in a bucket."""
        uri = row["uri"]
        found = next((one for one in find(uri, storage) if one.uri == uri), None)
        if found is None or found.version != row["version"]:
            raise BadDocument("vanished", "the source is not what was read any more")
        return self._copy(found, row, storage) if uri.startswith(S3) else Path(path_of(uri))

    def _copy(self, found: Found, row: Row, storage: StorageConfig) -> Path:
        path = self.folder / "source.pdf"
        if fetch(found, path, MOST_BYTES, storage) != row["content"]:
            raise BadDocument("vanished", "the source is not what was read any more")
        return path

    def _asked(self, request: Draw) -> Drawn:
        child = self._started()
        child.send(request)
        reply = self._reply(child, DRAW_S)
        if isinstance(reply, NotDrawn):
            raise BadDocument("corrupt", reply.reason)
        assert isinstance(reply, Drawn)
        return reply

    def _started(self) -> Child:
        if self._child is not None and (self._child.exit_cause() or self._child.resident > MEMORY // 2):
            self._stop()
        if self._child is None:
            arguments = [str(MEMORY + _SLACK), str(self.folder)]
            environment = {"TMPDIR": str(self.folder), "OMP_NUM_THREADS": "1"}
            self._child = Child("tasks.recall.view.pages.child", WIRE, arguments, environment)
            self._reply(self._child, START_S)
        return self._child

    def _reply(self, child: Child, limit_s: float) -> Up | Drawn | NotDrawn:
        """The next message; the process is killed where none comes in time, or its memory grows too large."""
        deadline, starved = time.monotonic() + limit_s, child.starved_s
        while True:
            for message in child.receive(POLL_S):
                reply: Up | Drawn | NotDrawn = message
                return reply
            late = time.monotonic() > deadline + child.starved_s - starved
            if late or child.resident > MEMORY or child.exit_cause():
                self._stop()
                raise BadDocument("timeout" if late else "corrupt", "this page cannot be drawn")

    def _stop(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child = None


def drawer() -> Drawer:
    """The one of this process."""
    with _MAKING:
        return _made()


@cache
def _made() -> Drawer:
    made = Drawer()
    atexit.register(made.close)
    return made
