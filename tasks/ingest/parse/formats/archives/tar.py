"""Tar archives, streamed: members in order, each a document of its own, or several."""

import errno
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted
from tasks.ingest.parse.formats.archives.names import is_junk, shown
from tasks.ingest.parse.members import Container
from tasks.settings import ParseConfig

_FORGET = 1000
"""Members whose heads are held at a time."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Members as they come; where the archive breaks off, what came before is kept."""
    container, links = Container(config), 0
    with _opened(path) as archive:
        try:
            for entry in archive:
                heads = cast(Any, archive).members
                if len(heads) > _FORGET:
                    heads.clear()  # kept for getmembers(), which nobody asks
                if entry.isreg() and not is_junk(entry.name):
                    stream = archive.extractfile(entry)
                    assert stream is not None
                    yield from container.member(shown(entry.name), stream)
                elif not (entry.isdir() or entry.isreg()):
                    links += 1
            yield from _end(path, cast(Any, archive).offset, container)
        except (tarfile.TarError, EOFError, OSError) as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):  # a size beyond reason
                raise
            yield container.refused("rest of the archive", BadDocument("corrupt", f"it breaks off: {error}"))
    if not container.parts:
        raise BadDocument("empty_text", "there are no documents in it")
    if links:
        yield Omitted("link or device", links)


def _end(path: Path, at: int, container: Container) -> Iterator[Item]:
    """What is said where no block of zeros stands at the end: tarfile takes a torn or broken head for one."""
    with path.open("rb") as file:
        file.seek(at)
        block = file.read(tarfile.BLOCKSIZE)
    if not block:
        yield Omitted("missing end of the archive")
    elif block.count(0) < tarfile.BLOCKSIZE:
        yield container.refused("rest of the archive", BadDocument("corrupt", "it breaks off"))


def _opened(path: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(path, "r:")
    except tarfile.TarError as error:
        raise BadDocument("corrupt", f"not a readable tar file: {error}") from error
