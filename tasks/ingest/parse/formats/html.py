"""HTML: the text a reader sees, one line per block; scripts, styles and tags are not text."""

from collections.abc import Iterator
from pathlib import Path

from lxml import etree

from tasks.errors import BadDocument
from tasks.ingest.parse.base import TextSpan, cut
from tasks.settings import ParseConfig

_HIDDEN = frozenset({"script", "style", "template", "noscript"})
_INLINE = frozenset(
    "a abbr b bdi bdo cite code data dfn em i kbd mark q s samp small span strong sub sup time u var "
    "font".split()
)


class _Text:
    """A parser target: it sees events, never a tree, so depth and size cost nothing."""

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.hidden = 0

    def start(self, tag: str, _attributes: dict[str, str]) -> None:
        self.hidden += tag in _HIDDEN
        if tag not in _INLINE:
            self.pieces.append("\n")

    def end(self, tag: str) -> None:
        self.hidden -= tag in _HIDDEN
        if tag not in _INLINE:
            self.pieces.append("\n")

    def data(self, text: str) -> None:
        if not self.hidden:
            self.pieces.append(text)

    def comment(self, text: str) -> None:
        pass

    def close(self) -> str:
        lines = (" ".join(line.split()) for line in "".join(self.pieces).split("\n"))
        return "\n".join(line for line in lines if line)


def parse(path: Path, config: ParseConfig) -> Iterator[TextSpan]:
    """Visible text by paragraphs: block after block, white space folded as a browser does."""
    parser = etree.HTMLParser(target=_Text(), huge_tree=True, encoding=_declared(path))
    with path.open("rb") as file:
        while piece := file.read(1 << 16):
            parser.feed(piece)
    try:
        text = parser.close()
    except etree.XMLSyntaxError as error:
        raise BadDocument("corrupt", f"not HTML: {error}") from error
    yield from cut(text, "paragraph", 1)


def _declared(path: Path) -> str | None:
    """UTF-8 where the bytes are UTF-8; else libxml2 looks for a <meta charset>."""
    try:
        with path.open(encoding="utf-8", errors="strict") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        return None
    return "utf-8"
