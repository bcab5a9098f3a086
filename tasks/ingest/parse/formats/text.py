"""Plain text, markup read as text, and source code: a stream of decoded lines.

Bytes that the encoding of the file cannot decode are an error, never dropped.
"""

from collections.abc import Iterator
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.base import SPAN_CHARS, Item, TextSpan
from tasks.ingest.parse.encoding import encoding_of
from tasks.settings import ParseConfig


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """The text in spans of whole decoded pieces, newlines made \\n."""
    decoded = encoding_of(path)
    yield decoded
    line = 1
    try:
        with path.open(encoding=decoded.encoding, errors="strict", newline=None) as file:
            while piece := file.read(SPAN_CHARS):
                if "\0" in piece:
                    raise BadDocument("corrupt", f"a NUL character near line {line}: this is not a text")
                yield TextSpan(piece, "line", line)
                line += piece.count("\n")
    except UnicodeDecodeError as error:  # it was changed between two looks
        raise BadDocument(
            "corrupt", f"bytes that are not {decoded.encoding} after line {line}: {error.reason}"
        ) from error
