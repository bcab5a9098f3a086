"""Plain text, markup read as text, and source code: a stream of decoded lines.

UTF-8 is tried strictly first, then what a byte-order mark or charset-normalizer says of the first
megabyte; bytes that the choice cannot decode are an error, never dropped.
"""

import codecs
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from tasks.errors import BadDocument
from tasks.ingest.parse.base import SPAN_CHARS, TextSpan
from tasks.settings import ParseConfig

_SAMPLE = 1 << 20
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    """The text in spans of whole decoded pieces, newlines made \\n."""
    encoding = _encoding(path)
    line = 1
    try:
        with path.open(encoding=encoding, errors="strict", newline=None) as file:
            while piece := file.read(SPAN_CHARS):
                if "\0" in piece:
                    raise BadDocument("corrupt", f"a NUL character near line {line}: this is not a text")
                yield TextSpan(piece, "line", line)
                line += piece.count("\n")
    except UnicodeDecodeError as error:
        raise BadDocument(
            "corrupt", f"bytes that are not {encoding} after line {line}: {error.reason}"
        ) from error


def _encoding(path: Path) -> str:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    for mark, name in _MARKS.items():
        if sample.startswith(mark):
            return name
    if b"\0" in sample:
        raise BadDocument("corrupt", "NUL bytes: a binary file or a damaged text")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=len(sample) < _SAMPLE)
    except UnicodeDecodeError as error:
        return _guess(sample, error)
    return "utf-8"


def _guess(sample: bytes, error: UnicodeDecodeError) -> str:
    """The encoding of a text that is not UTF-8. A text that nearly is UTF-8 is damaged, not Latin-1."""
    best = from_bytes(sample[: 1 << 16]).best()
    valid = sum(len(char.encode()) for char in sample.decode("utf-8", errors="ignore") if ord(char) > 127)
    nearly = valid > sum(byte > 127 for byte in sample) // 2
    if best is None or nearly or best.encoding == "utf_8":
        raise BadDocument("corrupt", f"broken UTF-8 at byte {error.start}, and no other encoding fits")
    return best.encoding
