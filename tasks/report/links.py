"""Where a citation leads: the source itself, opened at the cited words where that can be said in an address.

The idea: a link that leads elsewhere is worse than none. Files of this machine open at the page of a PDF, or
at the words themselves in text and HTML (a text fragment); what lies in a bucket has no address that a
browser could open without credentials, and is named only.
"""

import os
import re
from pathlib import PurePosixPath
from urllib.parse import quote

from tasks.ingest.uris import S3, SAMPLE, path_of

SCHEMES = ("http://", "https://", "file://")
"""Addresses that become links; any other is text."""
SHOWN_AS_TEXT = ("", ".txt", ".text", ".md", ".rst", ".log", ".htm", ".html", ".xhtml")
"""Endings of files in which a browser finds words."""
_WORDS = 6
"""Words that tell where a long quote begins, and as many where it ends."""
_PAGE = re.compile(r"page (\d+)")


def link(uri: str, label: str = "", place: str = "", words: str = "") -> str:
    """The address of a source at a place; "" where there is none that would open it.

    Args:
        uri: canonical (`tasks.ingest.uris`).
        label: part of a container, of which only the container has an address.
        place: such as "page 3".
        words: that stand there.
    """
    if uri.startswith((S3, SAMPLE)) or not uri.startswith(("/", *SCHEMES)):
        return ""
    path = path_of(uri) if uri.startswith("/") else uri
    address = f"file://{quote(path, errors='surrogateescape')}" if uri.startswith("/") else uri
    ending = PurePosixPath(path).suffix.lower()
    page = _PAGE.fullmatch(place)
    if ending == ".pdf" and page and not label:
        return f"{address}#page={page[1]}"
    return address + (_fragment(words) if ending in SHOWN_AS_TEXT and not label else "")


def named_link(name: str, place: str = "", words: str = "") -> str:
    """The same of a source as people find it (`tasks.memory.sources.part_name`), its part behind a `#`."""
    uri, _, label = name.partition("#")
    if label and os.path.lexists(path_of(name)):  # a file whose own name has one
        uri, label = name, ""
    return link(uri, label, place, words)


def _fragment(words: str) -> str:
    """A text fragment (WICG) that finds these words: all of a short quote, both ends of a long one."""
    lines = [line.split() for line in words.splitlines() if line.strip()]
    if not lines:
        return ""
    if len(lines) == 1 and len(lines[0]) <= 2 * _WORDS:
        return f"#:~:text={_encoded(lines[0])}"
    return f"#:~:text={_encoded(lines[0][:_WORDS])},{_encoded(lines[-1][-_WORDS:])}"


def _encoded(words: list[str]) -> str:
    # a bare dash or comma would be read as part of the fragment's own syntax
    return quote(" ".join(words), safe="").replace("-", "%2D")
