"""Text in the cells of a terminal: a character of Chinese or Japanese takes two, a sign at a letter none.

The idea: what is narrow throughout is left to `textwrap`; a wide text may break between any two of its
characters, but not in front of a mark that closes.
"""

import re
import textwrap
from unicodedata import category, east_asian_width

_PIECE = re.compile(
    r"\S[\u3001\u3002\uff0c\uff1b\uff1a\uff1f\uff01\u300d\u300f\uff09\u300b\u201d\u2019,.;:?!)]*", re.DOTALL
)
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
_ISOLATE, _END = "\u2068", "\u2069"


def cells(text: str) -> int:
    """Cells that a line takes."""
    if text.isascii():
        return len(text)
    return sum((east_asian_width(char) in "WF") + (category(char) not in ("Mn", "Me", "Cf")) for char in text)


def padded(text: str, width: int) -> str:
    """The text with blanks behind it, up to so many cells."""
    return text + " " * (width - cells(text))


def cut(text: str, room: int) -> str:
    """At most so many cells of a line, with an ellipsis where it goes on."""
    if cells(text) <= room:
        return text
    end = len(text)
    while cells(text[:end]) > room - 3:
        end -= 1
    return f"{text[:end]}..."


def wrapped(text: str, width: int, indent: str) -> list[str]:
    """Lines of at most so many cells, each behind the indent."""
    if cells(text) == len(text):
        return textwrap.wrap(
            text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
        )
    lines, line = list[str](), ""
    for blank, piece in _pieces(text):
        if line and cells(indent + line + blank + piece) > width:
            lines.append(indent + line)
            line = piece
        else:
            line += (blank if line else "") + piece
    return [*lines, indent + line] if line else lines


def _pieces(text: str) -> list[tuple[str, str]]:
    """(blank before it, piece) of what is not broken: a word, a wide character with the marks behind it."""
    found = list[tuple[str, str]]()
    for word in text.split():
        blank = " " if found else ""
        at = 0
        while at < len(word):
            wide = east_asian_width(word[at]) in "WF"
            match = _PIECE.match(word, at) if wide else None
            end = match.end() if match else at + 1
            while not wide and end < len(word) and east_asian_width(word[end]) not in "WF":
                end += 1
            found.append((blank, word[at:end]))
            blank, at = "", end
    return found


def isolated(text: str) -> str:
    """A text that is written from right to left, so that what stands beside it in a line keeps its place."""
    return f"{_ISOLATE}{text}{_END}" if RIGHT_TO_LEFT.search(text) else text
