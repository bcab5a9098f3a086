"""Texts and presentations of OpenDocument (odt, odp): paragraphs, lists, tables and notes in reading order.

What was deleted with changes tracked, and what is hidden, is left out and counted.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.formats.numerals import superscript
from tasks.ingest.parse.zips import attribute, children, local, opened, tree
from tasks.settings import ParseConfig

_SKIPPED = {
    "tracked-changes": "",
    "hidden-text": "hidden text",
    "hidden-paragraph": "hidden text",
    "table-of-content": "table of contents",
    "image": "image",
    "object": "embedded object",
    "object-ole": "embedded object",
    "plugin": "sound or film",
    "event-listeners": "",
    "forms": "",
    "ruby-text": "",
    "desc": "",
    "title": "",
}
"""Elements that hold no text of the document, and what leaving them out is counted as."""
_LEFT_OUT = ((r"Pictures/", "image"), (r"Basic/.*\.xml|Scripts/", "macro"))


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """A line for each paragraph; of a presentation a place for each slide."""
    with opened(path, "OpenDocument file") as archive:
        body = next(tree(archive, "content.xml").iter("{*}body"))
        reader = _Reader(_raised(body))
        pages = list(body.iter("{*}page"))
        if any(True for _ in children(body, "presentation")):
            yield from _slides(pages, _hidden_pages(body), reader)
        else:
            number = 1
            for line in (*reader.lines(body), *_running(archive, reader)):
                yield from cut(line + "\n", "paragraph", number)
                number += line.count("\n") + 1
        yield from (Omitted(kind, count) for kind, count in reader.omitted.items() if kind != "image")
        yield from left_out(archive)


def left_out(archive: zipfile.ZipFile) -> Iterator[Omitted]:
    """Pictures and macros of an OpenDocument file."""
    for form, kind in _LEFT_OUT:
        if count := sum(
            re.match(form, one.filename) is not None and not one.is_dir() for one in archive.infolist()
        ):
            yield Omitted(kind, count)


def paragraph(element: Any, raised: Collection[str] = ()) -> str:
    """Text of a paragraph with its spaces, without notes and comments; `raised`: styles of raised words."""
    return _Reader(raised).inline(element)


class _Reader:
    """Lines of a document, and what is left out of it."""

    def __init__(self, raised: Collection[str] = ()) -> None:
        self.raised = raised
        """Styles of words that stand above their line."""
        self.omitted: Counter[str] = Counter()
        self._behind: list[str] = []
        """Notes and comments of the paragraph that is being read."""

    def lines(self, element: Any) -> Iterator[str]:
        """Lines of everything inside an element."""
        for child in element:
            name = local(child)
            if name == "h":
                yield from ("", self.inline(child), "")
            elif name == "p":
                yield self.inline(child)
            elif name == "list-item":
                first, *rest = [*self.lines(child)] or [""]
                yield f"- {first}" if not first.startswith("- ") else f"  {first}"
                yield from (f"  {line}" for line in rest)
            elif name == "table-row":
                cells = (" ".join(self.lines(cell)) for cell in children(child, "table-cell"))
                yield "\t".join(cells)
            elif not self._skips(child):
                yield from self.lines(child)
            if name in ("h", "p"):
                behind, self._behind = self._behind, []
                yield from behind

    def _skips(self, element: Any) -> bool:
        name = local(element)
        if name == "tracked-changes":
            self.omitted["deleted text"] += sum(1 for _ in element.iter("{*}deletion"))
        kind = _SKIPPED.get(name)
        if name == "section" and attribute(element, "display") == "none":
            kind = "hidden text"
        if kind:
            self.omitted[kind] += 1
        return kind is not None

    def inline(self, element: Any) -> str:
        """Text of a paragraph; its notes and comments are kept for the lines behind it."""
        pieces = [element.text or ""]
        for child in element:
            name = local(child)
            if name == "s":
                count = attribute(child, "c", "1")
                pieces.append(" " * min(int(count) if count.isdigit() else 1, 1000))
            elif name in ("tab", "line-break"):
                pieces.append("\t" if name == "tab" else "\n")
            elif name in ("note", "annotation"):
                self._put_behind(self._aside(child))
            elif name == "text-box":
                self._put_behind(self.lines(child))
            elif name and not self._skips(child):
                said = self.inline(child)
                pieces.append(superscript(said) if attribute(child, "style-name") in self.raised else said)
            pieces.append(child.tail or "")
        return "".join(pieces)

    def _put_behind(self, lines: Iterable[str]) -> None:
        before, self._behind = self._behind, []
        self._behind = [*before, *lines, *self._behind]

    def _aside(self, element: Any) -> Iterator[str]:
        """A note or a comment as a line of its own."""
        if local(element) == "annotation":
            who = next((one.text or "" for one in children(element, "creator")), "")
            said = " ".join(self.inline(one) for one in element.iter("{*}p"))
            yield f"Comment by {who}: {said}" if who else f"Comment: {said}"
            return
        mark = next((one.text or "" for one in children(element, "note-citation")), "")
        bodies = children(element, "note-body")
        said = " ".join(line for body in bodies for line in self.lines(body))
        yield f"Note {mark}: {said}"


def _running(archive: zipfile.ZipFile, reader: _Reader) -> Iterator[str]:
    """Headers and footers of pages, each text once."""
    if "styles.xml" not in archive.NameToInfo:
        return
    seen = set[str]()
    for one in tree(archive, "styles.xml").iter("{*}header", "{*}footer"):
        said = " ".join(" ".join(reader.lines(one)).split())
        if re.search(r"[^\W\d_]{3}", said) and said not in seen:
            seen.add(said)
            yield said


def _raised(body: Any) -> set[str]:
    return {
        attribute(style, "name")
        for style in body.getroottree().getroot().iter("{*}style")
        for about in children(style, "text-properties")
        if attribute(about, "text-position").startswith("super")
    }


def _hidden_pages(body: Any) -> set[str]:
    """Styles of slides that are not shown."""
    root = body.getroottree().getroot()
    return {
        attribute(style, "name")
        for style in root.iter("{*}style")
        for about in children(style, "drawing-page-properties")
        if attribute(about, "visibility") == "hidden"
    }


def _slides(pages: list[Any], hidden: set[str], reader: _Reader) -> Iterator[Item]:
    for number, page in enumerate(pages, 1):
        if attribute(page, "style-name") in hidden:
            yield Omitted("hidden slide", where=f"slide {number}")
            continue
        frames = [child for child in page if local(child) != "notes"]
        titles = [one for one in frames if attribute(one, "class") == "title"]
        title = " ".join(" ".join(" ".join(reader.lines(one)) for one in titles).split())
        lines = [f"{'##' if number > 1 else '#'} {title}", ""] if title else []
        for frame in frames:
            if frame not in titles:
                lines += [*(line for line in reader.lines(frame) if line.strip()), ""]
        for notes in children(page, "notes"):
            if said := " ".join(" ".join(reader.lines(notes)).split()):
                lines += [f"Notes: {said}", ""]
        yield from cut("\n".join(lines) + "\n", "slide", number)
