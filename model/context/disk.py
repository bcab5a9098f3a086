"""The disk tier: rows of equal size in one file, each with a checksum that is verified on every read.

The idea: rows are only ever added behind those that were saved, and a table, replaced as a whole, says how
many there are. Whatever a crash leaves behind, the last table and the rows it names are untouched.
"""

import json
import os
import weakref
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import lock_descriptor, unlock_descriptor

from model.context.arena import grown
from model.files import locked, named_when_full, write_atomic

FORMAT = 1
MANIFEST = "context.json"
"""Names what a context has in its folder; written last."""
_TABLE = "rows.table"
_LOCK = "context.lock"
_REMEDY = "read the document again"
_ROOM = "free space, or raise host_bytes"


class TornContext(OSError):
    """Stored keys and values are not what was written; nothing was answered from them."""


class StaleContext(ValueError):
    """Another process saved the context since it was opened here."""


class Rows:
    """Rows by number, each written once. One process at a time may write, from its first row until it saves.

    Raises:
        OSError: if the folder cannot be written.
    """

    def __init__(self, folder: Path, row_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.row_bytes = folder.resolve(), row_bytes
        self.path = self.folder / "rows.bin"
        self.file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        self.close = weakref.finalize(self, os.close, self.file)
        self.crc, self.held = np.zeros(0, np.uint32), np.zeros(0, bool)
        self.table: bytes | None = None
        """First line of the table that this began with or saved last."""
        self.writing = False

    @classmethod
    def open(cls, folder: Path, row_bytes: int, table: "Table", count: int) -> "Rows":
        """The first `count` rows that a table names."""
        rows = cls(folder, row_bytes)
        if os.fstat(rows.file).st_size < count * row_bytes:
            raise TornContext(f"{rows.path}: cut short, it should hold {count} blocks: {_REMEDY}")
        rows.crc, rows.held, rows.table = table.crc[:count].copy(), np.ones(count, bool), table.line
        return rows

    def bytes(self) -> int:
        """Bytes in use."""
        return int(self.held.sum()) * self.row_bytes

    def holds(self, rows: np.ndarray) -> np.ndarray:
        """Which of some rows are here, (N,) bool."""
        known = rows < len(self.held)
        known[known] = self.held[rows[known]]
        return known

    def write(self, rows: np.ndarray, words_NW: np.ndarray) -> None:
        """Store rows. One that is here already stays, and must be the same.

        Raises:
            OSError: if the disk is full; the message says how much was wanted and where.
            ValueError: if a row here is another one, or another process writes here.
        """
        self.claim()
        self.crc = grown(self.crc, int(rows.max(initial=-1)) + 1, 0)
        self.held = grown(self.held, len(self.crc), 0)
        for row, data in zip(rows.tolist(), words_NW, strict=True):
            crc = zlib.crc32(data.data)
            if not self.held[row]:
                with named_when_full(self.path, self.row_bytes, _ROOM):
                    write_all(self.file, data.data.cast("B"), row * self.row_bytes)
                self.crc[row], self.held[row] = crc, True
            elif self.crc[row] != crc:
                raise ValueError(f"{self.folder} holds another context: give an empty folder")

    def read(self, rows: np.ndarray) -> np.ndarray:
        """Words (N, W) of rows. Safe beside `write`.

        Raises:
            TornContext: if a row does not match its checksum.
        """
        out_NW = np.empty((len(rows), self.row_bytes // 8), np.int64)
        for data, row in zip(out_NW, rows.tolist(), strict=True):
            length = os.preadv(self.file, [data.data], row * self.row_bytes)
            if length != self.row_bytes or zlib.crc32(data.data) != self.crc[row]:
                raise TornContext(f"{self.path}: block {row} is damaged: {_REMEDY}")
        return out_NW

    def forget(self, first: int) -> None:
        """Rows from `first` on were never there."""
        self.held[first:] = False

    def save(self, header: dict[str, Any], count: int, topics_NV: np.ndarray) -> None:
        """Make the first `count` rows durable, then the table that names them."""
        assert self.held[:count].all(), "a table names only what is there"
        self.claim()
        with named_when_full(self.path, self.row_bytes, _ROOM):
            os.fsync(self.file)
        self.table = Table(header, self.crc[:count], topics_NV[:count]).write(self.folder)
        self.writing = False
        unlock_descriptor(self.file)

    def claim(self) -> None:
        """Be the one that writes, from now on until `save`.

        Two processes that continue one context would write different rows to the same place.

        Raises:
            ValueError: if another process writes here, or has saved since these rows were opened.
        """
        if self.writing:
            return
        if not lock_descriptor(self.file, blocking=False):
            raise StaleContext(f"{self.folder}: another process writes here: give another folder")
        if _first_line(self.folder) != self.table:
            unlock_descriptor(self.file)
            raise stale(self.folder)
        self.writing = True


class Table:
    """What was saved: a header, the rows' checksums and topics, in one small file with its own checksum."""

    def __init__(self, header: dict[str, Any], crc: np.ndarray, topics_NV: np.ndarray) -> None:
        self.header, self.crc, self.topics_NV = header, crc, topics_NV
        self.line = b""

    @classmethod
    def read(cls, folder: Path) -> "Table":
        """Raises: ValueError: if there is none or it is of another version. TornContext: if it is damaged."""
        path = folder / _TABLE
        if not path.exists():
            raise ValueError(f"{folder} holds no saved rows: give a folder that save() wrote")
        content = memoryview(path.read_bytes())
        line, body = _cut(content)
        version, _, crc = line.partition(b" ")
        if version.isdigit() and int(version) != FORMAT:
            raise ValueError(f"{path}: format {int(version)}, this version reads {FORMAT}: {_REMEDY}")
        if crc != b"%08x" % zlib.crc32(body):
            raise TornContext(f"{path}: damaged: {_REMEDY}")
        text, arrays = _cut(body)
        header = json.loads(text)
        count = header["rows"]
        topics_NV = np.frombuffer(arrays, np.float16, offset=4 * count).reshape(count, header["topics"])
        table = cls(header, np.frombuffer(arrays, np.uint32, count), topics_NV)
        table.line = line
        return table

    def write(self, folder: Path) -> bytes:
        """Replace the table of a folder; returns its first line."""
        header = self.header | {"rows": len(self.crc), "topics": self.topics_NV.shape[1]}
        body = json.dumps(header).encode() + b"\n" + self.crc.tobytes() + self.topics_NV.tobytes()
        self.line = b"%d %08x" % (FORMAT, zlib.crc32(body))
        write_atomic(folder / _TABLE, self.line + b"\n" + body)
        return self.line


def saved(folder: Path) -> bool:
    """Whether rows were saved in a folder."""
    return (folder / _TABLE).exists()


def stale(folder: Path) -> StaleContext:
    return StaleContext(f"{folder}: was saved anew since it was opened: open it again")


def torn(path: Path) -> TornContext:
    return TornContext(f"{path}: missing or damaged: {_REMEDY}")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a context's folder: no other process or thread saves or opens it meanwhile."""
    with locked(folder / _LOCK):
        yield


def clear_unfinished(folder: Path) -> None:
    """Remove the tables of a context whose first save never ended: without a manifest nothing was saved."""
    if folder.is_dir():
        with alone(folder):
            if not (folder / MANIFEST).exists():
                for table in folder.glob(f"*/{_TABLE}"):
                    table.unlink()


def _cut(content: memoryview) -> tuple[bytes, memoryview]:
    """The first line, at most 4 kB, and what follows it."""
    line, _, _ = bytes(content[:4096]).partition(b"\n")
    return line, content[len(line) + 1 :]


def _first_line(folder: Path) -> bytes | None:
    if not saved(folder):
        return None
    with (folder / _TABLE).open("rb") as file:
        return file.readline().rstrip(b"\n")


def write_all(file: int, data: memoryview, place: int) -> None:
    """Write all of `data` at a place of a file."""
    while data:
        written = os.pwrite(file, data, place)
        data, place = data[written:], place + written
