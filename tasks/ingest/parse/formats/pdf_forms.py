"""Forms of a PDF (drawings that others draw) that are drawn without end: known before a page is opened.

The idea: a form that draws itself twice, or one that draws another twice, thirty times over, is a thousand
million drawings, and no library stops in time. A form is a stream, and the dictionary of a stream stands in
the file as it is, so forms are found without a reader of PDF; what is not found here meets the caps.
"""

import mmap
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tasks.errors import BadDocument

MOST_DRAWN = 1_000_000
"""Forms that one form may draw, all that those draw counted."""
_DEEPEST = 40
"""So deep forms are drawn inside each other by the library."""
_DICTIONARY, _CONTENT = 1 << 16, 1 << 20
"""Bytes of a dictionary, and of what a form draws, that are looked at."""
_FORM = re.compile(rb"/Subtype\s*/Form\b")
_BEGUN = re.compile(rb" obj\b")
_OBJECT = re.compile(rb"(\d{1,8})\s+\d{1,5}\s+obj\b")
_DRAWN = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+Do\b")
_NAMED = re.compile(rb"/([^\s/<>\[\](){}%]+)\s+(\d{1,8})\s+\d{1,5}\s+R\b")
_XOBJECTS = re.compile(rb"/XObject\s*(?:<<(?P<names>[^<>]*)>>|(?P<number>\d{1,8})\s+\d{1,5}\s+R\b)")
_RESOURCES = re.compile(rb"/Resources\s+(\d{1,8})\s+\d{1,5}\s+R\b")


def check(path: Path) -> None:
    """Refuse a PDF whose forms draw each other more often than any page needs.

    Raises:
        BadDocument: too_large.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as source:
        forms = dict(_forms(source))
        others = _Objects(source)
        calls = {number: drawn for number, at in forms.items() if (drawn := _drawn(others, at, forms))}
    sizes = dict.fromkeys(calls, 1)
    for _ in range(_DEEPEST):
        larger = {
            number: 1 + sum(count * sizes.get(one, 1) for one, count in drawn.items())
            for number, drawn in calls.items()
        }
        if max(larger.values(), default=0) > MOST_DRAWN:
            raise BadDocument("too_large", f"drawings in it draw each other more than {MOST_DRAWN:,} times")
        if larger == sizes:
            return
        sizes = larger


def _forms(source: mmap.mmap) -> Iterator[tuple[int, tuple[int, int]]]:
    """Numbers of all forms, and where the dictionary of each begins and ends."""
    for found in _FORM.finditer(source):
        start = source.rfind(b"obj", max(0, found.start() - _DICTIONARY), found.start())
        head = _OBJECT.search(source, max(0, start - 20), start + 3) if start >= 0 else None
        end = source.find(b"stream", found.end(), found.end() + _DICTIONARY)
        if head is not None and end >= 0:
            yield int(head[1]), (start, end)


def _drawn(others: "_Objects", at: tuple[int, int], forms: dict[int, tuple[int, int]]) -> Counter[int]:
    """Which forms a form draws, and how often each."""
    source, (start, end) = others.source, at
    dictionary = source[start:end]
    names = {name: int(number) for name, number in _NAMED.findall(_xobjects(others, dictionary))}
    names = {name: number for name, number in names.items() if number in forms}
    if not names:
        return Counter()
    content = source[end : _end(source, b"endstream", end, _CONTENT)].removeprefix(b"stream").lstrip(b"\r\n")
    if b"/FlateDecode" in dictionary or b"/Fl " in dictionary:
        try:
            content = zlib.decompressobj().decompress(content, _CONTENT)
        except zlib.error:
            return Counter()
    return Counter(names[name] for name in _DRAWN.findall(content) if name in names)


def _xobjects(others: "_Objects", dictionary: bytes) -> bytes:
    """Names of the drawings that a form may draw, with the numbers of their objects."""
    resources = _RESOURCES.search(dictionary)
    if resources is not None:
        dictionary = others.get(int(resources[1]))
    found = _XOBJECTS.search(dictionary)
    if found is None:
        return b""
    return found["names"] if found["number"] is None else others.get(int(found["number"]))


class _Objects:
    """Objects as they stand in the file, found in one pass when the first is asked for."""

    def __init__(self, source: mmap.mmap) -> None:
        self.source = source
        self._starts: dict[int, int] | None = None

    def get(self, number: int) -> bytes:
        """The object of that number; nothing for one that is packed with others."""
        if self._starts is None:
            self._starts = {}
            for found in _BEGUN.finditer(self.source):
                if head := _OBJECT.search(self.source, max(0, found.start() - 15), found.end()):
                    self._starts[int(head[1])] = found.end()
        start = self._starts.get(number)
        return b"" if start is None else self.source[start : _end(self.source, b"endobj", start, _DICTIONARY)]


def _end(source: mmap.mmap, word: bytes, start: int, most: int) -> int:
    """Where a word stands behind a place, at most so far behind it."""
    found = source.find(word, start, start + most)
    return start + most if found < 0 else found
