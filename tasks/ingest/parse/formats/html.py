"""HTML: the text a reader sees, one line per block or row of a table; what is hidden is counted, not read.

The idea: a parser target sees events and never a tree, so depth and size cost nothing.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.encoding import PIECE, encoding_of
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
_HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|"
    r"(?:font-size|opacity)\s*:\s*0(?:\.0+)?\w*\s*(?:[;!}]|$)",
    re.I,
)
_STYLE = 2000
"""Characters of the style of an element that are looked at."""
_NESTED = 20
"""Rules inside each other, more than which no style sheet has."""
_SIMPLE = re.compile(r"[.#]?[\w-]+(?:[.#][\w-]+)*")
_NAME = re.compile(r"[.#]?[\w-]+")
_SHOWN_INPUTS = frozenset(
    "text search tel url email number date datetime-local month week time button submit reset range".split()
)
_TAB, _SPACE, _LINE = "\1", "\2", "\3"
"""Tabs and spaces that stay, and lines that stay though they are empty: no page holds these characters."""
_CONTROLS = dict.fromkeys([*range(9), 11, *range(14, 32), 0xAD]) | {0: "\ufffd"}
_LONG_CELL = 400
"""Characters of a cell in several lines that makes a layout, not a row."""


class _Text:
    """The text of the events that it is told."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self._buffers: list[list[str]] = [[]]
        self._rows: list[list[str]] = []
        self._depth = self._unseen_at = 0
        self._unseen_kind, self._unseen_text = "", False
        self._css: list[str] = []
        self._hiding: dict[str, list[frozenset[str]]] = {}
        """By one of the names of each rule, all the names that an element must have."""
        self._formulas: list[tuple[int, str, int]] = []  # depth, separator, parts seen

    # What the parser calls.

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._unseen_at:
            return
        kind = self._unseen(tag, attributes)
        if kind is not None:
            self._unseen_at, self._unseen_kind, self._unseen_text = self._depth, kind, kind in _ALWAYS
            return
        self._separate()
        if tag in _BLOCKS:
            self._say("\n")
        elif tag in _BETWEEN:
            self._formulas.append((self._depth, _BETWEEN[tag], 0))
        elif tag in _KEPT or tag in ("td", "th"):
            self._buffers.append([])
        elif tag == "tr":
            self._say("\n")
            self._rows.append([])
        elif tag in ("img", "input", "area"):
            self._replaced(tag, attributes)

    def end(self, tag: str) -> None:
        if self._unseen_at == self._depth:
            if self._unseen_text and self._unseen_kind:
                self.counts[self._unseen_kind] += 1
            if tag == "style":
                for names in _hiding("".join(self._css)):
                    self._hiding.setdefault(max(names), []).append(names)
            self._unseen_at = 0
        elif not self._unseen_at:
            self._end(tag)
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

    def _unseen(self, tag: str, attributes: dict[str, str]) -> str | None:
        """What is counted of an element that is not shown, "" for nothing; None for one that is."""
        if tag in _CODE:
            self._css = []
            return ""
        if tag in _UNSEEN:
            return _UNSEEN[tag]
        style, classes = attributes.get("style", ""), attributes.get("class", "").split()
        selectors = {
            name.lower() for name in (tag, f"#{attributes.get('id', '')}", *(f".{one}" for one in classes))
        }
        if tag == "dialog" and "open" not in attributes:
            return "hidden text"
        hidden = attributes.get("hidden", "until-found").lower() != "until-found"
        hidden = hidden or attributes.get("aria-hidden", "").strip().lower() == "true"
        if (
            hidden
            or (style and _HIDING.search(style[:_STYLE]))
            or any(names <= selectors for one in selectors for names in self._hiding.get(one, ()))
        ):
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

    def _end(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._say("\n")
        elif tag in ("td", "th") and len(self._buffers) > 1:
            self._fold_cell()
        elif tag in _KEPT and len(self._buffers) > 1:
            text = "".join(self._buffers.pop()).expandtabs(8).strip("\n")
            lines = (_LINE + line.rstrip().replace(" ", _SPACE) for line in text.split("\n"))
            self._say("\n" + "\n".join(lines) + "\n" if text else "")
        elif tag == "tr" and self._rows:
            self._say(_TAB.join(self._rows.pop()).rstrip(_TAB) + "\n")
        elif tag in _BETWEEN and self._formulas and self._formulas[-1][0] == self._depth:
            self._formulas.pop()

    def _fold_cell(self) -> None:
        """A cell becomes part of its row; one of many lines is text in a layout, and stays as it is."""
        lines = _folded(self._buffers.pop())
        cell = " ".join(lines)
        if not self._rows or (len(lines) > 1 and len(cell) > _LONG_CELL) or _TAB in cell or _LINE in cell:
            self._say("\n" + "\n".join(lines) + "\n")
        else:
            self._rows[-1].append(cell)


def _folded(pieces: list[str]) -> list[str]:
    """Lines without white space that a browser does not show, those that are empty left out."""
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return [line for line in lines if line]


def _hiding(css: str) -> set[frozenset[str]]:
    """Classes, ids and elements that a style sheet hides on a screen where they meet, such as "p.note"."""
    found, open_rules = set[frozenset[str]](), list[str]()
    text = ""
    for piece in re.split(r"([{}])", _uncommented(css)):
        if len(open_rules) > _NESTED:
            break
        if piece == "{":
            open_rules.append(text.rpartition(";")[2].strip().lower())
        elif piece == "}" and open_rules:
            selectors = open_rules.pop()
            printed = any(rule.startswith("@media") and "print" in rule for rule in open_rules)
            if not printed and len(text) < _STYLE and _HIDING.search(text):
                names = (name.strip() for name in selectors.split(","))
                found |= {frozenset(_NAME.findall(name)) for name in names if _SIMPLE.fullmatch(name)}
        text = piece if piece not in "{}" else ""
    return found - {frozenset({"html"}), frozenset({"body"})}


def _uncommented(css: str) -> str:
    first, *rest = css.split("/*")
    return first + "".join(piece.partition("*/")[2] for piece in rest)


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
