"""One file that is compressed (gz, bz2, xz, zstd): read as what is inside."""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, cast

import pyarrow as pa

from tasks.errors import BadDocument
from tasks.ingest.parse.base import MACHINE, Item
from tasks.ingest.parse.members import parse_member, scratch, unpack
from tasks.settings import ParseConfig

_TARS = {".tgz": ".tar", ".tbz2": ".tar", ".txz": ".tar", ".tzst": ".tar"}


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """What the file inside says: it is the document, not a member of one."""
    name = path.stem + _TARS.get(path.suffix.lower(), "")
    with scratch(name) as inside:
        try:
            with _opened(path) as stream:
                unpack(stream, inside)
        except (EOFError, zlib.error, lzma.LZMAError, pa.ArrowException, OSError) as error:
            if getattr(error, "errno", None) in MACHINE:
                raise
            raise BadDocument("corrupt", f"it cannot be unpacked: {error}") from error
        yield from parse_member(name, inside, config)


def _opened(path: Path) -> AbstractContextManager[IO[bytes]]:
    """A stream of the bytes inside, by how the file begins."""
    with path.open("rb") as file:
        head = file.read(4)
    if head.startswith(b"\x1f\x8b"):
        return cast(AbstractContextManager[IO[bytes]], gzip.open(path))
    if head.startswith(b"BZh"):
        return bz2.open(path)
    if head.startswith(b"\xfd7zX"):
        return lzma.open(path)
    return cast(AbstractContextManager[IO[bytes]], pa.input_stream(str(path), compression="zstd"))
