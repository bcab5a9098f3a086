"""Documents that are zip files of XML: opened within limits, their XML read without entities and network."""

import errno
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lxml import etree

from tasks.errors import BadDocument

_MOST_BYTES = 1 << 30
_MOST_RATIO, _LEAST_BYTES = 200, 16 << 20
"""A document may unpack to so many times its size, and to so many bytes in any case."""
_MOST_TREE = 128 << 20
"""Bytes of XML that are read as a tree."""
_ENCRYPTED = 1
_DAMAGE = (zipfile.BadZipFile, zlib.error, EOFError, KeyError, NotImplementedError, etree.XMLSyntaxError)
_SAFE = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "huge_tree": True,
    "remove_comments": True,
    "remove_pis": True,
}


@contextmanager
def opened(path: Path, what: str) -> Iterator[zipfile.ZipFile]:
    """The zip file that a document is; its reader never gets more bytes of a member than were declared.

    Raises:
        BadDocument: corrupt, encrypted, or too_large by the declared sizes.
    """
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise BadDocument("corrupt", f"not a readable {what}: {error}") from error
    with archive:
        if any(entry.flag_bits & _ENCRYPTED for entry in archive.infolist()):
            raise BadDocument("encrypted", f"the {what} asks for a password")
        size, packed = sum(entry.file_size for entry in archive.infolist()), path.stat().st_size
        if size > min(_MOST_BYTES, max(_LEAST_BYTES, _MOST_RATIO * packed)):
            raise BadDocument("too_large", f"unpacks to {size:,} bytes from {packed:,}")
        try:
            yield archive
        except OSError as error:
            if error.errno not in (None, errno.EINVAL):  # which a wrong offset in the zip file makes
                raise
            raise BadDocument("corrupt", f"a damaged {what}: {error}") from error
        except _DAMAGE as error:
            raise BadDocument("corrupt", f"a damaged {what}: {error}") from error


def tree(archive: zipfile.ZipFile, name: str) -> Any:
    """The root of a part of XML.

    Raises:
        BadDocument: too_large for a tree; KeyError if there is no such part.
    """
    if (size := archive.getinfo(name).file_size) > _MOST_TREE:
        raise BadDocument("too_large", f"{name} in it has {size:,} bytes, more than {_MOST_TREE:,}")
    return etree.fromstring(archive.read(name), etree.XMLParser(**_SAFE))


def elements(stream: IO[bytes], *names: str) -> Iterator[Any]:
    """Elements of these local names as they end, each gone from memory when the next one is asked for.

    An element inside another one of these names is gone when the outer one comes: name the outer ones only.
    """
    for _, element in etree.iterparse(stream, tag=[f"{{*}}{name}" for name in names], **_SAFE):
        yield element
        element.clear(keep_tail=False)
        parent = element.getparent()
        while parent is not None and element.getprevious() is not None:
            del parent[0]


def local(element: Any) -> str:
    """The name of an element without its namespace; "" for what is none."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def children(element: Any, *names: str) -> Iterator[Any]:
    """Children of these local names, in order."""
    return (child for child in element if local(child) in names)


def attribute(element: Any, name: str, default: str = "") -> str:
    """The attribute of that local name, whatever its namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return str(value)
    return default
