"""RTF: paragraphs, table rows, notes, comments, headers and footers; hidden and deleted text is counted.

One pass over tokens with a stack of groups (RTF specification 1.9.1). Bytes are decoded by the code page of
their font, or of the document.
"""

import codecs
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Item, Omitted, cut
from tasks.ingest.parse.formats.numerals import superscript
from tasks.settings import ParseConfig

_TOKEN = re.compile(
    r"\\(?P<word>[a-zA-Z]{1,32})(?P<number>-?\d{1,10})? ?|\\'(?P<hex>[0-9a-fA-F]{2})|\\(?P<sign>[^a-zA-Z])"
    r"|(?P<brace>[{}])|(?P<text>[^\\{}\r\n]+)"
)
_UNREAD = re.compile(r"[^\\{}]*+")
_FONT = re.compile(r"\\f(\d+)(?:\\(?!fcharset)[a-z]+-?\d* ?)*\\fcharset(\d+)")
_CHARSETS = {
    77: "mac_roman", 128: "cp932", 129: "cp949", 130: "johab", 134: "cp936", 136: "cp950", 161: "cp1253",
    162: "cp1254", 163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874",
    238: "cp1250",
}  # fmt: skip
_SKIPPED = frozenset(
    "fonttbl colortbl stylesheet info listtable listoverridetable revtbl rsidtbl generator fldinst xe tc "
    "rxe txe template pict objdata objclass objname themedata datastore latentstyles nonesttables bkmkstart "
    "bkmkend ftnsep ftnsepc ftncn aftnsep aftnsepc aftncn filetbl xmlnstbl mmathPr sp atnid atnauthor "
    "atntime atndate atnref atnparent atrfstart atrfend wgrffmtfilter passwordhash userprops docvar".split()
)
_KEPT = frozenset("annotation shpinst shptxt shppict listtext pntext footnote objemb moMath".split())
"""Groups that are read though old readers may pass over them."""
_ASIDE = {"footnote": "Note", "annotation": "Comment"}
_RUNNING = frozenset("header headerl headerr headerf footer footerl footerr footerf".split())
_LONGEST_HEADING = 100
"""Characters of a bold line that is taken for a heading."""
_COUNTED = {"pict": "image", "object": "embedded object"}
_SIGNS = {
    "par": "\n", "line": "\n", "sect": "\n\n", "page": "\n\n", "row": "\n", "nestrow": "\n", "tab": "\t",
    "cell": "\t", "nestcell": "\t", "emdash": "\u2014", "endash": "\u2013", "emspace": " ", "enspace": " ",
    "qmspace": " ", "bullet": "\u2022", "lquote": "\u2018", "rquote": "\u2019", "ldblquote": "\u201c",
    "rdblquote": "\u201d", "~": "\u00a0", "_": "-", "{": "{", "}": "}", "\\": "\\", "\n": "\n", "\r": "\n",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Group:
    """What holds inside a group of braces."""

    goes_to: str = "body"
    """Where its text goes: "body", a note, a header, or "" for nowhere."""
    unseen: str = ""
    """As what its text is counted instead of read."""
    fallback: int = 1
    """Characters behind a Unicode character that stand for it in old readers."""
    font: int = -1
    bold: bool = False
    raised: bool = False


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """A line for each paragraph or row; headers and footers stand at the end, each text once."""
    source = path.read_bytes().decode("latin-1")
    if not source.lstrip().startswith("{\\rtf"):
        raise BadDocument("corrupt", "not RTF: it does not begin with {\\rtf")
    reader = _Reader(source)
    number = 1
    for line in reader.lines():
        yield from cut(line + "\n", "paragraph", number)
        number += 1
    for kind, count in reader.omitted.items():
        yield Omitted(kind, count)


class _Reader:
    """One pass over an RTF text."""

    def __init__(self, source: str) -> None:
        self.source, self.at = source, 0
        self.group, self.stack = _Group(), list[_Group]()
        self.omitted: Counter[str] = Counter()
        self.texts: dict[str, list[str]] = {}
        self.bytes, self.skip = bytearray(), 0
        self.letters = self.bold = 0
        page = re.search(r"\\ansicpg(\d+)", source[:4096])
        self.page = _known(f"cp{page[1]}") if page else "mac_roman" if "\\mac" in source[:200] else "cp1252"
        head = source[: 1 << 20]
        self.fonts = {int(font): _CHARSETS.get(int(charset), "") for font, charset in _FONT.findall(head)}

    def lines(self) -> Iterator[str]:
        """Lines of the body, each with its notes behind it, then those of headers and footers."""
        while match := _TOKEN.search(self.source, self.at):
            self.at = match.end()
            if match["text"] and not self.group.goes_to:
                self.at = _UNREAD.match(self.source, self.at).end()  # type: ignore[union-attr]
                continue
            if match["hex"]:
                self._byte(int(match["hex"], 16))
                continue
            if match["text"] and not match["text"].isascii():
                self.bytes += self._behind(match["text"]).encode("latin-1")
                continue
            self._decode()
            if match["text"]:
                self._say(self._behind(match["text"]))
            elif match["brace"]:
                self._brace(match["brace"])
            else:
                self._control(match["word"] or match["sign"], match["number"])
            if self.group.goes_to == "body" and "\n" in self.texts.get("body", [""])[-1:]:
                yield from self._flush()
        self._decode()
        yield from self._flush()
        running = (" ".join(self._take(name).split()) for name in sorted(_RUNNING))
        yield from dict.fromkeys(said for said in running if re.search(r"[^\W\d_]{3}", said))

    def _flush(self) -> Iterator[str]:
        said = self._take("body").removesuffix("\n")
        headed = 0 < self.letters == self.bold and len(said) <= _LONGEST_HEADING and "\t" not in said
        self.letters = self.bold = 0
        yield from ([""] * headed + [line.rstrip() for line in said.split("\n")] + [""] * headed)
        for name, said in _ASIDE.items():
            if text := " ".join(self._take(name).split()):
                yield f"{said}: {text}"

    def _take(self, name: str) -> str:
        text = "".join(self.texts.pop(name, []))
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def _say(self, text: str) -> None:
        if not text or not self.group.goes_to:
            return
        text = superscript(text) if self.group.raised else text
        if self.group.unseen:
            self.omitted[self.group.unseen] += len(text.split())
        else:
            self.texts.setdefault(self.group.goes_to, []).append(text)
            if self.group.goes_to == "body":
                letters = sum(map(str.isalpha, text))
                self.letters, self.bold = self.letters + letters, self.bold + letters * self.group.bold

    def _behind(self, text: str) -> str:
        """Text without the characters that stand for the Unicode character before it."""
        skipped = min(self.skip, len(text))
        self.skip -= skipped
        return text[skipped:]

    def _byte(self, value: int) -> None:
        if self.skip:
            self.skip -= 1
        else:
            self.bytes.append(value)

    def _decode(self) -> None:
        if self.bytes:
            encoding = self.fonts.get(self.group.font) or self.page
            self._say(self.bytes.decode(encoding, "replace"))
            self.bytes.clear()

    def _brace(self, brace: str) -> None:
        self.skip = 0
        if brace == "{":
            self.stack.append(self.group)
        elif self.stack:
            closed, self.group = self.group, self.stack.pop()
            if closed.goes_to == "item" and self.group.goes_to != "item":
                mark = self._take("item").strip()
                self._say(f"{mark} " if re.search(r"\w", mark) else "- ")

    def _control(self, word: str, number: str | None) -> None:
        if word in _SIGNS:
            self._say(_SIGNS[word])
        elif word == "u" and number:
            self._say(chr(int(number) % 0x10000))
            self.skip = self.group.fallback
        elif word == "bin" and number:
            self.at += max(0, int(number))
        elif word == "uc":
            self.group = replace(self.group, fallback=int(number or 1))
        elif word == "f" and number:
            self.group = replace(self.group, font=int(number))
        elif word in ("v", "deleted"):
            kind = {"v": "hidden word", "deleted": "deleted word"}[word]
            self.group = replace(self.group, unseen="" if number == "0" else kind)
        elif word == "b":
            self.group = replace(self.group, bold=number != "0")
        elif word in ("super", "sub", "nosupersub"):
            self.group = replace(self.group, raised=word == "super" and number != "0")
        elif word == "plain":
            self.group = replace(self.group, unseen="", font=-1, bold=False, raised=False)
        elif word == "*":
            named = re.compile(r"\\([a-z]+)", re.IGNORECASE).match(self.source, self.at)
            if not named or named[1] not in _KEPT:
                self._skip_group()
        else:
            self._destination(word)

    def _destination(self, word: str) -> None:
        """A word that says where the text of its group goes."""
        if word in _COUNTED and self.group.goes_to:
            self.omitted[_COUNTED[word]] += 1
        if word in _SKIPPED:
            self._skip_group()
        elif word in ("listtext", "pntext") and self.group.goes_to:
            self.group = replace(self.group, goes_to="item")
        elif (word in _ASIDE or word in _RUNNING) and self.group.goes_to:
            self.group = replace(self.group, goes_to=word)
        elif word == "shptxt" and self.group.goes_to:
            self._say("\n")

    def _skip_group(self) -> None:
        self.group = replace(self.group, goes_to="")


def _known(encoding: str) -> str:
    """A code page that Python has; cp1252 in place of any other."""
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        return "utf-8" if encoding == "cp65001" else "cp1252"
