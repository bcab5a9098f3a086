"""HTML: the text a reader sees, one line per block or row of a table; what is hidden is counted, not read.

The idea: a parser target sees events and never a tree, so depth and size cost nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lxml import etree

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.encoding import PIECE, encoding_of
from tasks.ingest.parse.formats.html_css import Styles, names_of
from tasks.ingest.parse.formats.html_tables import Tables, spans
from tasks.ingest.parse.formats.numerals import numeral, superscript
from tasks.settings import ParseConfig

_BLOCKS = frozenset(
    "address article aside blockquote body br button caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html legend li main menu "
    "nav ol optgroup option p search section select summary table tbody tfoot thead title ul".split()
)
"""What begins a line of its own; every other element, known or not, stands inside a line."""
_KEPT = frozenset("pre listing xmp plaintext textarea".split())
"""Elements whose white space is text."""
_CODE = frozenset("script style link meta base rp annotation annotation-xml".split())
"""Elements whose text is none."""
_UNSEEN = {
    "template": "hidden text",
    "noscript": "text for browsers without scripts",
    "rt": "reading",
    "rtc": "reading",
    "iframe": "frame",
    "noframes": "hidden text",
    "video": "film",
    "audio": "sound",
    "object": "embedded object",
    "embed": "embedded object",
    "canvas": "drawing",
}
"""Elements whose text is not shown, and what is counted of each that has some; films in any case."""
_ALWAYS = frozenset(("frame", "film", "sound", "embedded object", "drawing"))
_BETWEEN = {"mfrac": "/", "msup": "^", "msub": "_", "munder": "_", "mover": "^", "mroot": "^1/"}
"""What a formula says between the parts of these."""
_SHOWN_INPUTS = frozenset(
    "text search tel url email number date datetime-local month week time button submit reset range".split()
)
_TAB, _SPACE, _LINE, _ITEM = "\1", "\2", "\3", "\4"
"""Tabs and spaces that stay, lines that stay though they are empty, and the end of the number of an item,
which stands before its words wherever they begin: no page holds these characters."""
_LISTS = frozenset("ol ul menu dir".split())
_NAVIGATED = 8
"""A list within so many elements of a "nav" is made of links: nobody sees numbers there."""
_LIST_FORMS = {"a": "lowerLetter", "A": "upperLetter", "i": "lowerRoman", "I": "upperRoman"}
_UNNUMBERED = re.compile(r"list-style(?:-type)?\s*:[^;]*\bnone\b", re.I)
_CONTROLS = dict.fromkeys([*range(9), 11, *range(14, 32), 0xAD]) | {0: "\ufffd"}
_LONG_CELL = 400
"""Characters of a cell in several lines that makes a layout, not a row."""


@dataclass
class _List:
    """A list that is open: how its items are numbered ("" for not at all), and with what next."""

    form: str
    next: int
    step: int


class _Text:
    """The text of the events that it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._buffers: list[list[str]] = [[]]
        self._tables = Tables()
        self._cells: list[tuple[int, int]] = []
        """Rows and columns that the cells span which are open."""
        self._depth = self._unseen_at = 0
        self._unseen_kind, self._unseen_text = "", False
        self._css: list[str] = []
        self._styles = Styles()
        self._around: list[frozenset[str]] = []
        """Names of the elements that are open, but for those inside one that is not shown."""
        self._lists: list[_List] = []
        self._formulas: list[tuple[int, str, int]] = []  # depth, separator, parts seen

    # What the parser calls.

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._unseen_at:
            return
        names = names_of(tag, attributes)
        kind = self._unseen(tag, attributes, names)
        self._around.append(names)
        if kind is not None:
            self._unseen_at, self._unseen_kind, self._unseen_text = self._depth, kind, kind in _ALWAYS
            return
        self._separate()
        if tag in _BLOCKS:
            self._say("\n")
            self._list(tag, attributes)
            if tag == "table":
                self._tables.begin()
        elif tag in _BETWEEN:
            self._formulas.append((self._depth, _BETWEEN[tag], 0))
        elif tag == "msqrt":
            self._say("√(")
        elif tag in _KEPT or tag in ("td", "th", "sup"):
            self._buffers.append([])
            if tag in ("td", "th"):
                self._cells.append(spans(attributes))
        elif tag == "tr":
            self._say("\n")
            self._tables.begin_row()
        elif tag in ("img", "input", "area"):
            self._replaced(tag, attributes)

    def end(self, tag: str) -> None:
        if self._unseen_at == self._depth:
            if self._unseen_text and self._unseen_kind:
                self.counts[self._unseen_kind] += 1
            if tag == "style":
                self._styles.add("".join(self._css))
            self._unseen_at = 0
            self._around.pop()
        elif not self._unseen_at:
            self._end(tag)
            self._around.pop()
        self._depth -= 1

    def data(self, text: str) -> None:
        if not self._unseen_at:
            self._say(text.translate(_CONTROLS))
        elif self._unseen_kind == "":
            self._css.append(text)
        elif text.strip():
            self._unseen_text = True

    def comment(self, text: str) -> None:
        pass

    def close(self) -> str:
        while len(self._buffers) > 1:  # cells that nothing has closed
            self._fold_cell()
        lines = _folded(self._buffers[0])
        return "\n".join(lines).replace(_TAB, "\t").replace(_SPACE, " ").replace(_LINE, "")

    # What they mean.

    def _say(self, text: str) -> None:
        self._buffers[-1].append(text)

    def _unseen(self, tag: str, attributes: dict[str, str], names: frozenset[str]) -> str | None:
        """What is counted of an element that is not shown, "" for nothing; None for one that is."""
        if tag in _CODE:
            self._css = []
            return ""
        if tag in _UNSEEN:
            return _UNSEEN[tag]
        hidden = attributes.get("hidden", "until-found").lower() != "until-found"
        hidden = hidden or attributes.get("aria-hidden", "").strip().lower() == "true"
        hidden = hidden or (tag == "dialog" and "open" not in attributes)
        if hidden or self._styles.hide(names, attributes.get("style", ""), self._around):
            return "hidden text"
        return None

    def _separate(self) -> None:
        """Say what stands between the parts of a formula, before its second and later ones."""
        if self._formulas and self._formulas[-1][0] == self._depth - 1:
            depth, separator, count = self._formulas[-1]
            self._say(separator if count else "")
            self._formulas[-1] = (depth, separator, count + 1)

    def _replaced(self, tag: str, attributes: dict[str, str]) -> None:
        """What stands for an image, and what is filled in in a form."""
        if tag == "input":
            kind, value = attributes.get("type", "text").lower(), attributes.get("value", "")
            if kind in ("checkbox", "radio"):
                self._say("[x] " if "checked" in attributes else "[ ] ")
            elif kind in _SHOWN_INPUTS and value:
                self._say(f" {value.translate(_CONTROLS)} ")
            return
        self.counts["image"] += tag == "img"
        if alt := attributes.get("alt", "").strip():
            self._say(f" [{alt.translate(_CONTROLS)}] ")

    def _list(self, tag: str, attributes: dict[str, str]) -> None:
        """Begin a list, or an item with the number that it has in an ordered list."""
        if tag in _LISTS:
            style = attributes.get("style", "")[:1000]
            plain = tag != "ol" or _UNNUMBERED.search(style) is not None
            plain = plain or any("nav" in names for names in self._around[-_NAVIGATED:])
            form = _LIST_FORMS.get(attributes.get("type", ""), "decimal")
            start, back = _integer(attributes.get("start", "")), "reversed" in attributes
            plain = plain or (back and start is None)  # it begins with the count of its items
            first = 1 if start is None else start
            self._lists.append(_List("" if plain else form, first, -1 if back else 1))
        elif tag == "li" and self._lists and self._lists[-1].form:
            of = self._lists[-1]
            value = _integer(attributes.get("value", ""))
            of.next = of.next if value is None else value
            self._say(f"{numeral(of.next, of.form)}. {_ITEM}")
            of.next += of.step

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._say("\n")
            if tag in _LISTS and self._lists:
                self._lists.pop()
            elif tag == "table":
                self._tables.end()
        elif tag in ("td", "th") and len(self._buffers) > 1:
            self._fold_cell()
        elif tag == "sup" and len(self._buffers) > 1:
            self._say(superscript("".join(self._buffers.pop())))
        elif tag in _KEPT and len(self._buffers) > 1:
            text = "".join(self._buffers.pop()).expandtabs(8).strip("\n")
            lines = (_LINE + line.rstrip().replace(" ", _SPACE) for line in text.split("\n"))
            self._say("\n" + "\n".join(lines) + "\n" if text else "")
        elif tag == "tr":
            self._say(_TAB.join(self._tables.end_row()) + "\n")
        elif tag == "msqrt":
            self._say(")")
        elif tag in _BETWEEN and self._formulas and self._formulas[-1][0] == self._depth:
            self._formulas.pop()

    def _fold_cell(self) -> None:
        """A cell becomes part of its row; one of many lines is text in a layout, and stays as it is."""
        lines = _folded(self._buffers.pop())
        cell, spanned = " ".join(lines), self._cells.pop() if self._cells else (1, 1)
        if (
            not self._tables.in_row
            or (len(lines) > 1 and len(cell) > _LONG_CELL)
            or _TAB in cell
            or _LINE in cell
        ):
            self._say("\n" + "\n".join(lines) + "\n")
        else:
            self._tables.cell(cell, spanned)


def _integer(text: str) -> int | None:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else None


def _folded(pieces: list[str]) -> list[str]:
    """Lines without white space that a browser does not show, those that are empty left out."""
    text = re.sub(rf"{_ITEM}\s*", "", "".join(pieces))
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return [line for line in lines if line]


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Visible text by paragraphs: block after block, white space folded as a browser does."""
    decoded = encoding_of(path)
    yield decoded
    target = _Text()
    parser = etree.HTMLParser(target=target, huge_tree=True, encoding="utf-8")
    with path.open(encoding=decoded.encoding, errors="replace") as file:
        while piece := file.read(PIECE):
            parser.feed(piece.replace("\0", "\ufffd").encode())
    try:
        text = parser.close()
    except etree.XMLSyntaxError as error:
        raise BadDocument("corrupt", f"not HTML: {error}") from error
    yield from cut(text, "paragraph", 1)
    for kind, count in target.counts.items():
        yield Omitted(kind, count)
