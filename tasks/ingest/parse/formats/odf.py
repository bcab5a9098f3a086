"""Texts and presentations of OpenDocument (odt, odp): paragraphs, lists, tables and notes in reading order.

What was deleted with changes tracked, and what is hidden, is left out and counted.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import dropwhile
from pathlib import Path
from typing import Any

from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.formats.numerals import superscript
from tasks.ingest.parse.formats.odf_numbering import Lists
from tasks.ingest.parse.formats.tables.merged import Merged, Merger
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
    "ruby-text": "reading",
    "desc": "",
    "title": "",
}
"""Elements that hold no text of the document, and what leaving them out is counted as."""
_MOST_SPANNED = 1000
"""Rows or columns of a table that a cell may span."""
_LEFT_OUT = ((r"Pictures/", "image"), (r"Basic/.*\.xml|Scripts/", "macro"))


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """A line for each paragraph; of a presentation a place for each slide."""
    with opened(path, "OpenDocument file") as archive:
        roots = [tree(archive, "content.xml")]
        roots += [tree(archive, "styles.xml")] if "styles.xml" in archive.NameToInfo else []
        body = next(roots[0].iter("{*}body"))
        reader = _Reader(_raised(roots), _hidden(roots), Lists(roots))
        pages = list(body.iter("{*}page"))
        if any(True for _ in children(body, "presentation")):
            yield from _slides(pages, _hidden_pages(body), reader)
        else:
            number = 1
            for line in (*reader.lines(body), *_running(roots[1:], reader)):
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

    def __init__(
        self, raised: Collection[str] = (), hidden: Collection[str] = (), lists: Lists | None = None
    ) -> None:
        self.raised, self.hidden = raised, hidden
        """Styles of words that stand above their line, and of those that are not shown."""
        self.lists = lists or Lists(())
        self.omitted: Counter[str] = Counter()
        self._behind: list[str] = []
        """Notes and comments of the paragraph that is being read."""

    def lines(self, element: Any) -> Iterator[str]:
        """Lines of everything inside an element."""
        for child in element:
            name = local(child)
            if name in ("h", "p") and self._is_hidden(child):
                continue
            if name == "h":
                yield from ("", self.lists.heading(child) + self.inline(child), "")
            elif name == "p":
                yield self.inline(child)
            elif name == "list":
                self.lists.begin(child)
                yield from self.lines(child)
                self.lists.end()
            elif name == "list-item":
                number = self.lists.item(child)
                first, *rest = [*dropwhile(lambda line: not line.strip(), self.lines(child))] or [""]
                yield f"{number or '  '}{first}"
                yield from (f"  {line}" for line in rest)
            elif name == "table":
                yield from self._rows(child)
            elif not self._skips(child):
                yield from self.lines(child)
            if name in ("h", "p"):
                behind, self._behind = self._behind, []
                yield from behind

    def _rows(self, table: Any) -> Iterator[str]:
        """Rows of a table; a cell that spans rows is read in every row that it reaches into."""
        merger = Merger()
        for number, row in enumerate(_rows_in(table), 1):
            cells, begin, column = dict[int, str](), list[Merged](), 1
            for cell in children(row, "table-cell", "covered-table-cell"):
                if local(cell) == "table-cell":
                    cells[column] = " ".join(self.lines(cell))
                    down = _count(attribute(cell, "number-rows-spanned"))
                    wide = _count(attribute(cell, "number-columns-spanned"))
                    if down > 1 or wide > 1:
                        begin.append(Merged(number, column, number + down - 1, column + wide - 1))
                column += _count(attribute(cell, "number-columns-repeated"))
            yield "\t".join(merger.row(number, cells, begin).cells)

    def _is_hidden(self, element: Any) -> bool:
        if attribute(element, "style-name") not in self.hidden:
            return False
        self.omitted["hidden text"] += bool("".join(element.itertext()).strip())
        return True

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
            elif name and not self._skips(child) and not self._is_hidden(child):
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


def _rows_in(table: Any) -> Iterator[Any]:
    for child in table:
        if local(child) == "table-row":
            yield child
        elif local(child) in ("table-rows", "table-header-rows", "table-row-group"):
            yield from _rows_in(child)


def _count(text: str) -> int:
    """How often a cell stands there, or how far it spans."""
    return min(max(1, int(text)), _MOST_SPANNED) if text.isdecimal() and len(text) < 10 else 1


def _running(styles: Iterable[Any], reader: _Reader) -> Iterator[str]:
    """Headers and footers of pages, each text once."""
    seen = set[str]()
    for one in (one for root in styles for one in root.iter("{*}header", "{*}footer")):
        said = " ".join(" ".join(reader.lines(one)).split())
        if re.search(r"[^\W\d_]{3}", said) and said not in seen:
            seen.add(said)
            yield said


def _raised(roots: Iterable[Any]) -> set[str]:
    position = re.compile("super|[1-9]")
    return {name for name, about in _styles(roots) if position.match(attribute(about, "text-position"))}


def _hidden(roots: Iterable[Any]) -> set[str]:
    return {name for name, about in _styles(roots) if attribute(about, "display") == "none"}


def _styles(roots: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    """Name and properties of styles of words and paragraphs."""
    for style in (one for root in roots for one in root.iter("{*}style")):
        yield from ((attribute(style, "name"), about) for about in children(style, "text-properties"))


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
