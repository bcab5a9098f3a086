"""What a context was given to read: token ids and text, durable before anything else is.

The idea: a context's own checkpoint holds a whole window and takes half a second to write, a few words do not
wait for that. They are appended here, so a node that is killed loses nothing that it confirmed: whoever opens
the context reads the tokens behind its last checkpoint again. And the text stands here as it was given, so
what is cited are its own characters. A record that a crash cut short is none; the next one takes its place.
"""

import os
import struct
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from model.context.disk import write_all
from model.files import make_durable, named_when_full
from model.geometry import BLOCK
from tasks.errors import InvalidInput

_FILE = struct.Struct("<8s56sQ")
"""Of the file: its kind, by which model the ids are, and the transcript's own number."""
_NAMED = _FILE.size - 8
_RECORD = struct.Struct("<IIIII")
"""Of a record: tokens, blocks that begin in it, characters, bytes of text, checksum of what follows."""
_KIND = b"nightrd1"


class Transcript:
    """The transcript in a file, which is begun where it is not there.

    Args:
        weights: names the model whose tokens it holds.

    Raises:
        InvalidInput: if it holds another model's.
    """

    def __init__(self, path: Path, weights: str) -> None:
        self.path, self.tokens, self.chars = path, 0, 0
        self.text_crc = self.ids_crc = 0
        """Of all text and of all ids, see `tasks.serve.door.State`."""
        self.ends: list[tuple[int, int, int]] = [(0, 0, _FILE.size)]
        """Tokens, characters and bytes of the file up to each record's end; of none at first."""
        self.starts = array("q")
        """First character of every block."""
        made = not path.exists()  # nobody else begins it meanwhile: the folder is locked
        self.file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self.number = self._begun(weights)
            """Of this transcript: one that is begun anew under the same name has another."""
            while self._load():
                pass
            os.ftruncate(self.file, self.ends[-1][2])  # what a crash left behind is never taken for a record
            self.synced = self.tokens
            """Tokens that the disk is known to hold: those that were found, or are since a `sync`."""
        except BaseException:
            self.close()
            if made:  # else a context would be known that nothing was read into
                path.unlink()
            raise

    def append(self, ids: Sequence[int], starts: Sequence[int], text: str) -> None:
        """Add tokens and their text; durable after `sync`.

        Args:
            starts: the character of `text` that each token begins in.

        Raises:
            OSError: if the disk is full; what was there stays.
        """
        first = -self.tokens % BLOCK
        words, marks, data = array("i", ids).tobytes(), array("i", starts[first::BLOCK]), text.encode()
        body = words + marks.tobytes() + data
        head = _RECORD.pack(len(ids), len(marks), len(text), len(data), zlib.crc32(body))
        try:
            with named_when_full(self.path, len(head) + len(body)):
                write_all(self.file, memoryview(head + body), self.ends[-1][2])
        except OSError:
            os.ftruncate(self.file, self.ends[-1][2])  # no part of it is ever taken for a record
            raise
        self._add(words, marks, data, len(text))

    def sync(self) -> None:
        """Wait until all of it outlives a loss of power."""
        os.fsync(self.file)
        if len(self.ends) < 3:  # the file itself is new
            make_durable(self.path.parent)
        self.synced = self.tokens

    def ids(self, first: int, most: int) -> "array[int]":
        """Token ids from `first` on, at least one and at most so many; none where there are no more."""
        found = array("i")
        if first < self.tokens:
            number = self._record(first, 0)
            before, _, place = self.ends[number]
            count = self.ends[number + 1][0] - before
            found.frombytes(os.pread(self.file, count * found.itemsize, place + _RECORD.size))
            found = found[first - before : first - before + most]
        return found

    def span(self, block: int) -> tuple[int, int]:
        """Characters [start, end) of a block."""
        last = block + 1 >= len(self.starts)
        return self.starts[block], self.chars if last else self.starts[block + 1]

    def text(self, start: int, end: int) -> str:
        """Characters [start, end) of what was read."""
        parts = []
        while start < min(end, self.chars):
            number = self._record(start, 1)
            before, stop = self.ends[number][1], self.ends[number + 1][1]
            parts.append(self._text(number)[start - before : end - before])
            start = stop
        return "".join(parts)

    def close(self) -> None:
        """Close the file."""
        os.close(self.file)

    def _begun(self, weights: str) -> int:
        """The number in the file's header, which is written where there is none."""
        own = int.from_bytes(os.urandom(8), "little")
        header = _FILE.pack(_KIND, weights.encode(), own)
        found = os.pread(self.file, _FILE.size, 0)
        if not header.startswith(found[:_NAMED]):
            name = self.path.parent.name
            raise InvalidInput(
                f"{name}: was read by another model than {weights}: forget it, and read it again"
            )
        if len(found) < _FILE.size:
            write_all(self.file, memoryview(header), 0)
            found = header
        number: int = _FILE.unpack(found)[2]
        return number

    def _record(self, place: int, by: int) -> int:
        """The record that holds a token (by 0) or a character (by 1)."""
        return bisect_right(self.ends, place, key=lambda end: end[by]) - 1

    def _text(self, number: int) -> str:
        place = self.ends[number][2]
        tokens, blocks, _, size, _ = _RECORD.unpack(os.pread(self.file, _RECORD.size, place))
        return os.pread(self.file, size, place + _RECORD.size + 4 * (tokens + blocks)).decode()

    def _load(self) -> bool:
        """Take the next record of the file; False where there is none that is whole."""
        place = self.ends[-1][2]
        head = os.pread(self.file, _RECORD.size, place)
        if len(head) < _RECORD.size:
            return False
        tokens, blocks, chars, size, crc = _RECORD.unpack(head)
        length = 4 * (tokens + blocks) + size
        if place + len(head) + length > os.fstat(self.file).st_size:
            return False
        body = os.pread(self.file, length, place + len(head))
        if zlib.crc32(body) != crc:
            return False
        marks = array("i")
        marks.frombytes(body[4 * tokens : 4 * (tokens + blocks)])
        self._add(body[: 4 * tokens], marks, body[4 * (tokens + blocks) :], chars)
        return True

    def _add(self, words: bytes, marks: "array[int]", data: bytes, chars: int) -> None:
        """Count what a record holds: ids, marks and text."""
        self.starts.extend(self.chars + mark for mark in marks)
        self.tokens, self.chars = self.tokens + len(words) // 4, self.chars + chars
        self.ids_crc, self.text_crc = zlib.crc32(words, self.ids_crc), zlib.crc32(data, self.text_crc)
        size = _RECORD.size + len(words) + 4 * len(marks) + len(data)
        self.ends.append((self.tokens, self.chars, self.ends[-1][2] + size))
