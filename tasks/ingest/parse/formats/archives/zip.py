"""Zip archives: members in the order of the directory, each a document of its own, or several."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.base import MACHINE, Item, Omitted
from tasks.ingest.parse.formats.archives.names import is_junk, shown
from tasks.ingest.parse.members import Container, expect
from tasks.settings import ParseConfig

_ENCRYPTED = 1


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Members streamed one after the other; a bad one has its reason and harms no other."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise BadDocument("corrupt", f"not a readable zip file: {error}") from error
    container, links = Container(config), 0
    with archive:
        expect(sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            if entry.is_dir() or is_junk(entry.filename):
                continue
            if stat.S_ISLNK(entry.external_attr >> 16):
                links += 1
            elif entry.flag_bits & _ENCRYPTED:
                bad = BadDocument("encrypted", "it asks for a password")
                yield container.refused(shown(entry.filename), bad)
            else:
                yield from _member(archive, entry, container)
    if not container.parts:
        raise BadDocument("empty_text", "there are no documents in it")
    if links:
        yield Omitted("link", links)


def _member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, container: Container) -> Iterator[Item]:
    name = shown(entry.filename)
    try:
        with archive.open(entry) as stream:
            yield from container.member(name, stream)
    except NotImplementedError as error:
        yield container.refused(
            name, BadDocument("unsupported", f"it is packed in a way unknown here: {error}")
        )
    except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
        if getattr(error, "errno", None) in MACHINE:
            raise
        yield container.refused(name, BadDocument("corrupt", f"it cannot be unpacked: {error}"))
