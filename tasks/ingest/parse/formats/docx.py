"""Word documents with python-docx: paragraphs and table cells in reading order.

A docx is a zip file: how large it becomes is read from its directory before anything is unpacked.
"""

import mmap
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.oxml.ns import qn

from tasks.errors import BadDocument
from tasks.ingest.parse.base import TextSpan, cut
from tasks.settings import ParseConfig

_OLE, _PASSWORD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "EncryptedPackage".encode("utf-16-le")
"""How a compound file begins, and the name of its stream that holds a docx with a password (MS-OFFCRYPTO)."""
_MOST_BYTES = 512 << 20
_MOST_RATIO = 200
_MARKS = {qn("w:tab"): "\t", qn("w:br"): "\n", qn("w:cr"): "\n", qn("w:noBreakHyphen"): "-"}
_ABSENT = frozenset(
    {
        *(qn(f"w:{name}") for name in ("pPr", "rPr", "del", "moveFrom")),
        # what an older Word shows in place of a text box: the same text again
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    """One line per paragraph, one per table row with cells between tabs; lines are what is numbered."""
    _check(path)
    try:
        body = docx.Document(str(path)).element.body
    except Exception as error:  # python-docx and lxml raise many types for a damaged file
        raise BadDocument("corrupt", f"not a readable docx: {type(error).__name__}: {error}") from error
    number = 1
    for line in _lines(body):
        yield from cut(line + "\n", "paragraph", number)
        number += line.count("\n") + 1


def _lines(element: Any) -> Iterator[str]:
    """Lines of a body, a table or a cell. python-docx's own walk passes over content controls."""
    for child in element:
        if child.tag == qn("w:p"):
            yield "".join(_inline(child))
        elif child.tag == qn("w:tr"):
            yield "\t".join("\n".join(_lines(cell)) for cell in _cells(child))
        elif child.tag not in _ABSENT:
            yield from _lines(child)


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == qn("w:tc"):
            yield child
        else:
            yield from _cells(child)


def _inline(element: Any) -> Iterator[str]:
    """Text of a paragraph with what revisions inserted and without what they took away."""
    for child in element:
        if child.tag == qn("w:t"):
            yield child.text or ""
        elif child.tag in _MARKS:
            yield _MARKS[child.tag]
        elif child.tag not in _ABSENT:
            if child.tag == qn("w:p"):  # a text box
                yield "\n"
            yield from _inline(child)


def _check(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        _check_container(path)
        raise BadDocument("corrupt", f"not a docx: {error}") from error
    if size > _MOST_BYTES or size > _MOST_RATIO * max(path.stat().st_size, 1 << 16):
        raise BadDocument("too_large", f"unpacks to {size:,} bytes from {path.stat().st_size:,}: a zip bomb")


def _check_container(path: Path) -> None:
    """Tell a compound file from a damaged one: Word wraps a docx with a password in it, and old documents."""
    with path.open("rb") as file:
        if file.read(len(_OLE)) != _OLE:
            return
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            if content.find(_PASSWORD) >= 0:
                raise BadDocument("encrypted", "the docx asks for a password")
    raise BadDocument("unsupported", "an older Word document (.doc); save it as .docx")
