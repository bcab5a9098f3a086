"""Word documents: everything a reader sees, in reading order; what is hidden or deleted is counted, not read.

Notes and comments follow the paragraph they belong to, each at a place of its own; headers and footers, which
stand on every page, come once, at the end. A docx is a zip file: how large it becomes is read from its
directory before anything is unpacked.
"""

import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docx
from docx.oxml.ns import qn
from lxml import etree

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut, told
from tasks.ingest.parse.formats.docx_math import linear
from tasks.ingest.parse.formats.docx_numbering import Numbering, is_on
from tasks.ingest.parse.formats.numerals import superscript
from tasks.ingest.parse.members import embedded
from tasks.settings import ParseConfig

_MOST_BYTES = 512 << 20
_MOST_RATIO = 200
_MARKS = {
    qn("w:tab"): "\t",
    qn("w:ptab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
_BACKED = frozenset(qn(f"w:{name}") for name in ("tc", "txbxContent", "hdr", "ftr", "sdtContent"))
"""What white words stand in that may have a colour."""
_REPEATED, _WIDEST = 1000, 1000
"""Characters of a cell that is read again in other rows, and columns that one spans."""
_MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}oMath"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
"""What an older Word shows in place of a text box: the same text again."""
_ABSENT = frozenset({*(qn(f"w:{name}") for name in ("pPr", "rPr", "tblPr", "trPr", "tcPr")), _FALLBACK})
_GONE = {
    qn("w:del"): "deleted text",
    qn("w:moveFrom"): "",  # it is read where it was moved to
    qn("w:rt"): "reading",
}
_GRAPHIC = "{http://schemas.openxmlformats.org/drawingml/2006/main}graphicData"
_PICTURES = {"chart": "chart", "diagram": "diagram", "picture": "image"}
_NOTES = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote"}
_COMPUTED = re.compile(r"\s*(?:AUTONUM|LISTNUM)", re.I)
"""Fields whose result no document holds."""
_COMMENT = qn("w:commentReference")
_SYMBOLS = {
    0xF0FE: "☑", 0xF0FD: "☒", 0xF0A8: "☐", 0xF06F: "☐", 0xF0FC: "✓", 0xF0FB: "✗", 0xF0B7: "•", 0xF0A7: "▪",
}  # fmt: skip
"""Signs of the fonts Symbol and Wingdings that people tick and list with."""


class _Document:
    """A document that is walked through: its parts, and what of it is not read."""

    def __init__(self, package: Any) -> None:
        self.part = package.part
        self.body = package.element.body
        self.counts: Counter[str] = Counter()
        styles = self._tree("styles")
        self.hidden_styles = _hidden_styles(styles)
        self.numbering = Numbering(self._tree("numbering"), styles)
        self.notes = {
            kind: {one.get(qn("w:id")): one for one in self._parts_of(f"{kind}s", f"w:{kind}")}
            for kind in ("footnote", "endnote", "comment")
        }
        self._above: list[dict[int, str]] = []
        """By column of every table that is open, the text of a cell that reaches into the rows below it."""
        self.due: list[tuple[str, str]] = []
        """Notes that the last paragraph refers to: kind and id."""

    def _tree(self, name: str) -> Any:
        """Root of the related part of this kind; None where there is none."""
        return next(self.trees(name), None)

    def trees(self, *names: str) -> Iterator[Any]:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=True)
        for relation in self.part.rels.values():
            if not relation.is_external and relation.reltype.rpartition("/")[2] in names:
                yield etree.fromstring(relation.target_part.blob, parser)

    def _parts_of(self, name: str, tag: str) -> list[Any]:
        root = self._tree(name)
        return [] if root is None else root.findall(qn(tag))

    # Lines of a body, a table, a cell or a note.

    def lines(self, element: Any) -> Iterator[str]:
        """python-docx's own walk passes over content controls."""
        for child in element:
            if child.tag == qn("w:p"):
                yield self._paragraph(child)
            elif child.tag == qn("w:tr"):
                if is_on(child.find(f"{qn('w:trPr')}/{qn('w:hidden')}")):
                    self.counts["hidden text"] += 1
                else:
                    yield "\t".join(self._row(child))
            elif child.tag == qn("w:tbl"):
                self._above.append({})
                yield from self.lines(child)
                self._above.pop()
            elif not self._is_gone(child):
                yield from self.lines(child)

    def _row(self, row: Any) -> list[str]:
        """Cells of a row, each in its column: one that spans rows is read in every row it reaches into."""
        above = self._above[-1] if self._above else {}
        texts: list[str] = []
        column = 0
        for cell in _cells(row):
            texts += [""] * (column - len(texts))
            properties = cell.find(qn("w:tcPr"))
            merge = None if properties is None else properties.find(qn("w:vMerge"))
            text = "\n".join(self.lines(cell)).strip("\n")
            if merge is None:
                above.pop(column, None)
            elif merge.get(qn("w:val")) == "restart":
                above[column] = text if len(text) <= _REPEATED else ""
            else:
                text = text if text.strip() else above.get(column, "")
            texts.append(text)
            span = None if properties is None else properties.find(qn("w:gridSpan"))
            wide = "1" if span is None else span.get(qn("w:val"), "1")
            column += min(max(1, int(wide)), _WIDEST) if wide.isdecimal() and len(wide) < 6 else 1
        return texts

    def _paragraph(self, element: Any) -> str:
        """A paragraph with its number, which an empty one shows too, as cells of a table do."""
        said = "".join(self._inline(element))
        if not said.strip() and self._is_unmarked(element):
            return said
        number = self.numbering.label(element)
        if not said.strip():
            return number.strip() if any(map(str.isalnum, number)) else said
        return number + said

    def _is_unmarked(self, paragraph: Any) -> bool:
        """Whether the end of a paragraph is hidden or deleted: an empty one is then not there."""
        properties = paragraph.find(qn("w:pPr"))
        if properties is None:
            return False
        marks = (
            properties.find(f"{qn('w:rPr')}/{qn(f'w:{name}')}") for name in ("vanish", "del", "moveFrom")
        )
        style = properties.find(qn("w:pStyle"))
        hidden = style is not None and style.get(qn("w:val")) in self.hidden_styles
        return hidden or any(map(is_on, marks))

    def _is_gone(self, element: Any) -> bool:
        """Whether an element is not read; if it holds text, that is counted."""
        if element.tag in _GONE:
            if (kind := _GONE[element.tag]) and "".join(element.itertext()).strip():
                self.counts[kind] += 1
            return True
        return element.tag in _ABSENT or not isinstance(element.tag, str)

    def _inline(self, element: Any) -> Iterator[str]:
        """Text of a paragraph with what revisions inserted and without what they took away."""
        for child in element:
            if child.tag == qn("w:t"):
                yield child.text or ""
            elif child.tag in _MARKS:
                yield _MARKS[child.tag]
            elif child.tag == qn("w:sym"):
                yield self._symbol(child)
            elif child.tag == _MATH:
                yield linear(child)
            elif child.tag in _NOTES:
                self.due.append((_NOTES[child.tag], child.get(qn("w:id"))))
            elif child.tag == _COMMENT:
                self.due.append(("comment", child.get(qn("w:id"))))
            elif child.tag == qn("w:r") and self._is_hidden(child):
                self.counts["hidden text"] += bool("".join(child.itertext()).strip())
            elif child.tag == qn("w:r") and _is_raised(child):
                yield superscript("".join(self._inline(child)))
            elif child.tag == qn("w:fldChar"):
                yield _filled_in(child)
            elif child.tag == qn("w:p"):  # in a text box
                yield f"\n{self._paragraph(child)}"
            elif not self._is_gone(child):
                self._count(child)
                yield from self._inline(child)
                if child.tag == qn("w:txbxContent"):
                    yield "\n"

    def _count(self, element: Any) -> None:
        """Note what a run shows that is no text."""
        if element.tag == _GRAPHIC:
            kind = element.get("uri", "").rpartition("/")[2]
            if kind in _PICTURES:
                self.counts[_PICTURES[kind]] += 1
        elif element.tag == qn("w:instrText") and _COMPUTED.match(element.text or ""):
            self.counts["number that Word computes"] += 1
        elif element.tag == qn("w:object"):
            self.counts["embedded object"] += 1
        elif element.tag == qn("w:pict") and any("imagedata" in str(one.tag) for one in element.iter()):
            self.counts["image"] += 1

    def _symbol(self, element: Any) -> str:
        """A sign of a font of signs; those that no text has are counted."""
        try:
            code = int(element.get(qn("w:char"), "0"), 16)
        except ValueError:
            code = 0
        if code in _SYMBOLS or 0x20 < code < 0xD800:
            return _SYMBOLS.get(code) or chr(code)
        self.counts["symbol"] += 1
        return ""

    def _is_hidden(self, run: Any) -> bool:
        properties = run.find(qn("w:rPr"))
        if properties is not None:
            if _is_white(properties):
                return True
            mark = properties.find(qn("w:vanish"))
            if mark is not None:
                return is_on(mark)
            style = properties.find(qn("w:rStyle"))
            if style is not None and style.get(qn("w:val")) in self.hidden_styles:
                return True
        above = next(run.iterancestors(qn("w:p")), None) if self.hidden_styles else None
        style = None if above is None else above.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        return style is not None and style.get(qn("w:val")) in self.hidden_styles

    # What stands beside the body.

    def notes_due(self) -> Iterator[tuple[str, int, str]]:
        """Kind, number and text of the notes of the last paragraph."""
        due, self.due = self.due, []
        for kind, name in due:
            note = self.notes[kind].pop(name, None)
            if note is not None:
                yield self._note(kind, note)

    def notes_left(self) -> Iterator[tuple[str, int, str]]:
        """Notes that nothing in the body refers to."""
        for kind, some in self.notes.items():
            for note in some.values():
                if note.get(qn("w:type")) in (None, "normal"):
                    yield self._note(kind, note)

    def _note(self, kind: str, note: Any) -> tuple[str, int, str]:
        text = "\n".join(line for line in self.lines(note) if line.strip()).strip()
        name = note.get(qn("w:id"))
        number = int(name) if name.lstrip("-").isdigit() else 0
        if kind == "comment":
            author = " ".join(note.get(qn("w:author"), "").split())
            return kind, number + 1, f"[{author}: {text}]" if author and text else text
        return kind, max(number, 1), text


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """One line per paragraph, one per table row with cells between tabs; lines are what is numbered."""
    _check(path)
    try:
        document = _Document(docx.Document(str(path)))
    except Exception as error:  # python-docx and lxml raise many types for a damaged file
        raise BadDocument("corrupt", f"not a readable docx: {told(error)}") from error
    number = 1
    for line in document.lines(document.body):
        yield from cut(line + "\n", "paragraph", number)
        number += line.count("\n") + 1
        for kind, at, text in document.notes_due():
            yield from cut(text + "\n" if text else "", kind, at)
    for kind, at, text in document.notes_left():
        yield from cut(text + "\n" if text else "", kind, at)
    for kind in ("header", "footer"):
        texts = ("\n".join(filter(str.strip, document.lines(root))) for root in document.trees(kind))
        for at, text in enumerate(dict.fromkeys(filter(None, texts)), 1):
            yield from cut(text + "\n", kind, at)
    yield from _drawn(document)
    for chunk in document.part.rels.values():
        if chunk.reltype.endswith("/aFChunk") and not chunk.is_external:
            yield from embedded(str(chunk.target_part.partname), chunk.target_part.blob, config)
    for kind, count in document.counts.items():
        yield Omitted(kind, count)


def _drawn(document: _Document) -> Iterator[Item]:
    """Words in diagrams, which are drawings made of text."""
    for at, root in enumerate(document.trees("diagramData"), 1):
        words = (one.text for one in root.iter("{http://schemas.openxmlformats.org/drawingml/2006/main}t"))
        if text := "\n".join(word for word in words if word):
            yield from cut(text + "\n", "diagram", at)
            document.counts["diagram"] -= 1
    document.counts = +document.counts


def _cells(row: Any) -> Iterator[Any]:
    for child in row:
        if child.tag == qn("w:tc"):
            yield child
        elif child.tag not in _ABSENT:
            yield from _cells(child)


def _filled_in(field: Any) -> str:
    """What a box or a list of a form shows, which no text of the document says: its tick, or its choice."""
    box = field.find(f"{qn('w:ffData')}/{qn('w:checkBox')}")
    if box is not None:
        mark = box.find(qn("w:checked"))
        return "☒" if is_on(box.find(qn("w:default")) if mark is None else mark) else "☐"
    choices = field.find(f"{qn('w:ffData')}/{qn('w:ddList')}")
    if choices is None:
        return ""
    names = [one.get(qn("w:val"), "") for one in choices.findall(qn("w:listEntry"))]
    marks = (choices.find(qn(f"w:{name}")) for name in ("result", "default"))
    chosen = next((mark.get(qn("w:val"), "") for mark in marks if mark is not None), "0")
    return names[int(chosen)] if chosen.isdecimal() and int(chosen) < len(names) else ""


def _is_raised(run: Any) -> bool:
    mark = run.find(f"{qn('w:rPr')}/{qn('w:vertAlign')}")
    return mark is not None and mark.get(qn("w:val")) == "superscript"


def _is_white(properties: Any) -> bool:
    """Whether words are white on white paper: where anything else may lie behind them, they are read."""
    colour = properties.find(qn("w:color"))
    if colour is None or colour.get(qn("w:val"), "").upper() != "FFFFFF" or colour.get(qn("w:themeColor")):
        return False
    if any(properties.find(qn(f"w:{name}")) is not None for name in ("shd", "highlight", "rStyle")):
        return False
    for above in properties.iterancestors():
        about = above.find(qn("w:pPr"))
        if about is not None and any(about.find(qn(f"w:{name}")) is not None for name in ("shd", "pStyle")):
            return False
        if above.tag in _BACKED or above.find(qn("w:background")) is not None:
            return False
    return True


def _hidden_styles(styles: Any) -> set[str]:
    """Names of styles whose text is hidden, by themselves or by the style they are based on."""
    found: set[str] = set()
    if styles is None:
        return found
    every = {one.get(qn("w:styleId")): one for one in styles.findall(qn("w:style"))}
    for name in every:
        above, seen = name, set[str]()
        while above in every and above not in seen:
            seen.add(above)
            mark = every[above].find(f"{qn('w:rPr')}/{qn('w:vanish')}")
            if mark is not None:
                found |= {name} if is_on(mark) else set()
                break
            based = every[above].find(qn("w:basedOn"))
            above = "" if based is None else based.get(qn("w:val"), "")
    return found


def _check(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
            locked = any(entry.flag_bits & 1 for entry in archive.infolist())
    except zipfile.BadZipFile as error:
        raise BadDocument("corrupt", f"not a docx: {error}") from error
    if locked:
        raise BadDocument("encrypted", "the docx asks for a password")
    if size > _MOST_BYTES or size > _MOST_RATIO * max(path.stat().st_size, 1 << 16):
        raise BadDocument("too_large", f"unpacks to {size:,} bytes from {path.stat().st_size:,}: a zip bomb")
