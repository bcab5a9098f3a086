"""The parts of a workbook (xlsx) beside its rows: sheets, shared strings, number formats, merged cells.

Any namespace will do, the strict form's too; shared strings lie in a file, not in memory.
"""

import mmap
import posixpath
import re
import tempfile
import zipfile
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from openpyxl.styles.numbers import BUILTIN_FORMATS
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

from tasks.errors import BadDocument
from tasks.ingest.parse.formats.numerals import superscript
from tasks.ingest.parse.formats.tables.merged import Merged
from tasks.ingest.parse.zips import attribute, children, elements, local, tree

_PIECE = 1 << 20
_MERGED = re.compile(
    rb"<(?:\w+:)?mergeCell\b[^>]*?\bref\s*=\s*[\"']([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})[\"']"
)
_MOST_MERGED = 200_000


@dataclass(frozen=True)
class Sheet:
    """A sheet of a workbook: its name, its part in the zip file, whether it is hidden."""

    name: str
    path: str
    hidden: bool


class Workbook:
    """What the sheets of a workbook refer to."""

    def __init__(self, archive: zipfile.ZipFile, strings: "Strings") -> None:
        self.archive, self.strings = archive, strings
        path = next(iter(self.related("", "officeDocument")), "xl/workbook.xml")
        root = tree(archive, path)
        about = next(children(root, "workbookPr"), None)
        old = about is not None and attribute(about, "date1904") in ("1", "true")
        self.epoch: datetime = CALENDAR_MAC_1904 if old else CALENDAR_WINDOWS_1900
        self.sheets = list(self._sheets(path, root))
        for part in self.related(path, "sharedStrings"):
            with archive.open(part) as stream:
                strings.read(stream)
        self.formats = [
            form for part in self.related(path, "styles") for form in _formats(tree(archive, part))
        ]

    def _sheets(self, path: str, root: Any) -> Iterator[Sheet]:
        targets = self._relations(path)
        for sheets in children(root, "sheets"):
            for one in children(sheets, "sheet"):
                kind, target = targets.get(attribute(one, "id"), ("", ""))
                if kind == "worksheet" and target in self.archive.NameToInfo:
                    yield Sheet(one.get("name") or "", target, one.get("state", "visible") != "visible")

    def format_of(self, style: str) -> str:
        """The number format of a cell by the index of its style."""
        number = int(style) if style.isdigit() else 0
        return self.formats[number] if number < len(self.formats) else "General"

    def related(self, path: str, kind: str) -> list[str]:
        """Parts of that kind that a part refers to, those that are there."""
        return [
            target
            for found, target in self._relations(path).values()
            if found == kind and target in self.archive.NameToInfo
        ]

    def _relations(self, path: str) -> dict[str, tuple[str, str]]:
        """(kind, part) by id of all that a part refers to."""
        folder, name = posixpath.split(path)
        rels = posixpath.join(folder, "_rels", f"{name}.rels")
        if rels not in self.archive.NameToInfo:
            return {}
        return {
            one.get("Id", ""): (
                one.get("Type", "").rpartition("/")[2],
                posixpath.normpath(posixpath.join("/", folder, one.get("Target", ""))).lstrip("/"),
            )
            for one in children(tree(self.archive, rels), "Relationship")
            if one.get("TargetMode") != "External"
        }


class Strings:
    """The shared strings of a workbook, in a file that is gone with it."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile(prefix="strings-")  # noqa: SIM115  # closed by __exit__
        self._starts = array("Q", [0])
        self._bytes: mmap.mmap | bytes = b""

    def __enter__(self) -> "Strings":
        return self

    def __exit__(self, *_: object) -> None:
        if isinstance(self._bytes, mmap.mmap):
            self._bytes.close()
        self._file.close()

    def read(self, stream: IO[bytes]) -> None:
        """Add the strings of a part."""
        for one in elements(stream, "si"):
            self._starts.append(
                self._starts[-1] + self._file.write(rich_text(one).encode("utf-8", "replace"))
            )
        self._file.flush()
        if self._starts[-1]:
            self._bytes = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)

    def get(self, number: int) -> str:
        """The string of that number."""
        if not 0 <= number < len(self._starts) - 1:
            raise BadDocument("corrupt", f"shared string {number} of {len(self._starts) - 1} in the workbook")
        return self._bytes[self._starts[number] : self._starts[number + 1]].decode()


def rich_text(element: Any) -> str:
    """Text of a string item, its runs joined, without the readings of Asian words."""
    if len(element) == 1 and local(element[0]) == "t":
        return element[0].text or ""
    return "".join(
        superscript(one.text or "") if _is_raised(one.getparent()) else one.text or ""
        for one in element.iter("{*}t")
        if not any(local(above) == "rPh" for above in one.iterancestors())
    )


def _is_raised(run: Any) -> bool:
    return any(
        attribute(mark, "val") == "superscript"
        for properties in children(run, "rPr")
        for mark in children(properties, "vertAlign")
    )


def _formats(styles: Any) -> Iterator[str]:
    """Number formats by index of a cell's style."""
    own = {
        one.get("numFmtId", ""): one.get("formatCode", "")
        for group in children(styles, "numFmts")
        for one in group
    }
    for group in children(styles, "cellXfs"):
        for one in children(group, "xf"):
            number = one.get("numFmtId", "0")
            yield own.get(number) or BUILTIN_FORMATS.get(int(number) if number.isdigit() else 0, "General")


def merged(stream: IO[bytes]) -> list[Merged]:
    """Merged ranges of a sheet: they stand behind its rows, so they are looked for in a pass of their own."""
    found: list[Merged] = []
    rest = b""
    while (piece := stream.read(_PIECE)) and len(found) < _MOST_MERGED:
        text = rest + piece
        end = 0
        for match in _MERGED.finditer(text):
            left, top, right, bottom = match.groups()
            found.append(
                Merged(int(top), column_number(left.decode()), int(bottom), column_number(right.decode()))
            )
            end = match.end()
        rest = text[max(end, len(text) - 256) :]
    return found


def column_number(letters: str) -> int:
    """Number of a column from 1: "A" is 1, "AB" is 28."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number
