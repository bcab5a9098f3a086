"""Zip archives: members in the order of the directory, each a document of its own, or several."""

import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.base import MACHINE, Item, Omitted
from tasks.ingest.parse.encoding import encoding_of
from tasks.ingest.parse.formats.archives.names import is_junk, shown
from tasks.ingest.parse.members import Container, expect
from tasks.settings import ParseConfig

_ENCRYPTED, _UNICODE = 1, 0x800
_NAMES = frozenset("utf-8 gb18030 big5hkscs cp932 cp949 euc_jis_2004 cp866".split())
"""Encodings of names, beside the cp437 that the format knows, which a few letters tell apart from it."""
_LOOKED_AT = 2000
"""Names by which their encoding is told."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Members streamed one after the other; a bad one has its reason and harms no other."""
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, NotImplementedError) as error:
        raise BadDocument("corrupt", f"not a readable zip file: {error}") from error
    container, links = Container(config), 0
    with archive:
        encoding = _encoding(archive.infolist()[:_LOOKED_AT])
        expect(sum(entry.file_size for entry in archive.infolist()))
        for entry in archive.infolist():
            if entry.is_dir() or is_junk(entry.filename):
                continue
            if stat.S_ISLNK(entry.external_attr >> 16):
                links += 1
            elif entry.flag_bits & _ENCRYPTED:
                bad = BadDocument("encrypted", "it asks for a password")
                yield container.refused(_name(entry, encoding), bad)
            else:
                yield from _member(archive, entry, _name(entry, encoding), container)
    if not container.parts:
        raise BadDocument("empty_text", "there are no documents in it")
    if links:
        yield Omitted("link", links)


def _encoding(entries: list[zipfile.ZipInfo]) -> str:
    """What names are in that do not say so: in many places, what the computer was set to that wrote them."""
    names = (entry.filename for entry in entries if not entry.flag_bits & _UNICODE)
    content = "\n".join(name for name in names if not name.isascii()).encode("cp437", "ignore")
    try:
        found = encoding_of(content).encoding
    except BadDocument:
        return "cp437"
    return found if found in _NAMES else "cp437"


def _name(entry: zipfile.ZipInfo, encoding: str) -> str:
    if entry.flag_bits & _UNICODE or entry.filename.isascii():
        return shown(entry.filename)
    return shown(entry.filename.encode("cp437", "replace").decode(encoding, "replace"))


def _member(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, name: str, container: Container
) -> Iterator[Item]:
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
