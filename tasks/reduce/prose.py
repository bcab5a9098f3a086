"""The prose of a document: its paragraphs with code, comments and headings blanked out, so that offsets stay.

The idea: what is no prose is known by what surrounds it (a fence, an indented block behind "::", the place
of a heading), which a single sentence does not show. Blank characters end a sentence, and nobody quotes them.
"""

import re
from collections.abc import Iterable, Iterator

from tasks.text.outline import Outline
from tasks.text.passages import Placed, paragraphs

_FRONT = re.compile(r"---[ \t]*+\n(?:[ \t#-]++.*+\n|[\w-]++:.*+\n)*?---[ \t]*+(?:\n|$)")
_FENCE = re.compile(r"\s*(?:```|~~~)")
_COMMAND = re.compile(
    r"\s*(?:>>> |\.\.\. |\$ |% pip |In \[\d+\]:|pip3? install |npm install |conda install )"
)
_DIRECTIVE = re.compile(r"\s*\.\. [\w|_-]")
_UNDERLINE = re.compile(r"\s*([-=~^\"'`#*+.])\1{2,}\s*$")
_OPENS_BLOCK = re.compile(r"::\s*$")
_COMMENT = re.compile(r"<!--|-->")
_LINE_COMMENT = re.compile(r"\s*(?:#(?!!|include|define)|//+)\s?")
_QUOTE = re.compile(r"\"\"\"|'''|/\*+|\*/")
HEADING_SLACK = 12
"""Characters that a heading's line may hold beside its text: numbers, marks."""


def prose(pieces: Iterable[Placed], outline: Outline) -> Iterator[Placed]:
    """Paragraphs (char_start, text) of a document given as consecutive pieces; only prose is not blank."""
    headings = iter(outline.headings)
    following = next(headings, None)
    state = _Code() if outline.kind == "code" else _State()
    for at, paragraph in paragraphs(pieces):
        if at == 0 and (front := _FRONT.match(paragraph)):  # what Markdown tells programs
            paragraph = _blank(front[0]) + paragraph[front.end() :]
        lines, start = [], at
        for line in paragraph.splitlines(keepends=True):
            while following is not None and following.start < start:
                following = next(headings, None)
            heading = following is not None and following.start < start + len(line)
            titled = (
                heading and following is not None and len(line.strip()) <= len(following.text) + HEADING_SLACK
            )
            lines.append(_blank(line) if titled else state.kept(line))
            start += len(line)
        yield at, "".join(lines)


class _State:
    """What the next line stands in: a fence, a comment, an indented block."""

    def __init__(self) -> None:
        self.fenced = self.commented = self.block = False

    def kept(self, line: str) -> str:
        """The line with everything blank that is no prose."""
        if _FENCE.match(line):
            self.fenced = not self.fenced
            return _blank(line)
        if self.fenced or _COMMAND.match(line) or _UNDERLINE.match(line):
            return _blank(line)
        line = self._uncommented(line)
        if self.block and line.strip() and not line[0].isspace():
            self.block = False
        if self.block:
            return _blank(line)
        self.block = bool(_DIRECTIVE.match(line) or _OPENS_BLOCK.search(line))
        return _blank(line) if _DIRECTIVE.match(line) else line

    def _uncommented(self, line: str) -> str:
        kept, at = "", 0
        for mark in _COMMENT.finditer(line):
            kept += _blank(line[at : mark.start()]) if self.commented else line[at : mark.start()]
            self.commented = mark[0] == "<!--"
            kept, at = kept + _blank(mark[0]), mark.end()
        return kept + (_blank(line[at:]) if self.commented else line[at:])


class _Code(_State):
    """Of source code only docstrings and comments are prose."""

    def __init__(self) -> None:
        super().__init__()
        self.quote = ""

    def kept(self, line: str) -> str:
        """The line with everything blank but the words of a docstring or a comment."""
        if not self.quote and (comment := _LINE_COMMENT.match(line)):
            return _blank(comment[0]) + line[comment.end() :]
        kept, at = "", 0
        for mark in _QUOTE.finditer(line):
            if not self.quote or mark[0] == self.quote or (mark[0] == "*/" and self.quote.startswith("/*")):
                kept += line[at : mark.start()] if self.quote else _blank(line[at : mark.start()])
                kept, at = kept + _blank(mark[0]), mark.end()
                self.quote = "" if self.quote else mark[0]
        return kept + (line[at:] if self.quote else _blank(line[at:]))


def _blank(text: str) -> str:
    """White space of the same length, with the same line ends."""
    return re.sub(r"[^\n\r]", " ", text)
