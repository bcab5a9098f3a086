"""Books (epub): the chapters in the order of the spine, each read as HTML."""

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, TextSpan, cut
from tasks.ingest.parse.members import embedded
from tasks.ingest.parse.zips import attribute, children, opened, tree
from tasks.settings import ParseConfig

_FONTS = re.compile(r"/embedding$|#RC$", re.IGNORECASE)
"""Ways to encrypt a font: its text can be read all the same."""


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Title and authors first, then the chapters; a place for each that holds text, numbered from 1."""
    with opened(path, "epub") as archive:
        _check(archive)
        root = tree(archive, "META-INF/container.xml")
        package = next((one.get("full-path", "") for one in root.iter("{*}rootfile")), "")
        if package not in archive.NameToInfo:
            raise BadDocument("corrupt", "no package document in the epub")
        book = tree(archive, package)
        head = _head(book)
        if head:
            yield from cut(head, "chapter", 1)
        number = 0
        for name in _spine(book, posixpath.dirname(package)):
            if name not in archive.NameToInfo:
                yield Omitted("missing chapter", where=name)
                continue
            number += 1
            said = False
            for item in embedded(f"{posixpath.splitext(name)[0]}.xhtml", _marked(archive.read(name)), config):
                if isinstance(item, TextSpan):
                    said = said or bool(item.text.strip())
                    yield from cut(item.text.replace(_BELOW, "\n"), "chapter", number)
                elif not (isinstance(item, Omitted) and item.kind == "image"):
                    yield item
            if said:
                yield TextSpan("\n\n", "chapter", number)
            else:
                number -= 1
        images = [one for one in book.iter("{*}item") if one.get("media-type", "").startswith("image/")]
        if images:
            yield Omitted("image", len(images))


_BELOW = "\ue000"
"""A character of private use that stands at the end of a heading."""
_TITLE = re.compile(rb"<title\b[^>]*>[^<]*</title\s*>", re.IGNORECASE)
_HEADING = re.compile(rb"(<h([1-6])\b[^>]*>)(.*?)(</h\2\s*>)", re.IGNORECASE | re.DOTALL)


def _marked(page: bytes) -> bytes:
    """A page whose headings are marked as in Markdown, one level below the title of the book.

    Its own title is shown nowhere: most often it says again what the book or the chapter is called.
    """
    page = _TITLE.sub(b"", page, count=1)
    return _HEADING.sub(
        lambda found: (
            b"%b%b %b&#%d;%b" % (found[1], b"#" * (int(found[2]) + 1), found[3], ord(_BELOW), found[4])
        ),
        page,
    )


def _check(archive: Any) -> None:
    """Refuse a book whose text is encrypted."""
    if "META-INF/encryption.xml" in archive.NameToInfo:
        ways = [
            one.get("Algorithm", "")
            for one in tree(archive, "META-INF/encryption.xml").iter("{*}EncryptionMethod")
        ]
        if not all(map(_FONTS.search, ways)):
            raise BadDocument("encrypted", "the book is protected (DRM)")


def _head(book: Any) -> str:
    """Title and authors as the first lines."""
    said = {
        name: list(dict.fromkeys(" ".join((one.text or "").split()) for one in book.iter(f"{{*}}{name}")))
        for name in ("title", "creator")
    }
    title = next(filter(None, said["title"]), "")
    authors = ", ".join(filter(None, said["creator"]))
    return (
        (f"# {title}\n" if title else "")
        + (f"by {authors}\n" if authors else "")
        + "\n" * bool(title or authors)
    )


def _spine(book: Any, folder: str) -> Iterator[str]:
    """Parts of the book in reading order, without its table of contents."""
    items = {
        one.get("id", ""): one
        for manifest in children(book, "manifest")
        for one in children(manifest, "item")
    }
    for spine in children(book, "spine"):
        for one in children(spine, "itemref"):
            item = items.get(one.get("idref", ""))
            if item is None or "nav" in attribute(item, "properties").split():
                continue
            if item.get("media-type", "") in (
                "application/xhtml+xml",
                "text/html",
                "application/x-dtbook+xml",
            ):
                yield posixpath.normpath(posixpath.join(folder, unquote(item.get("href", ""))))
