"""Headings of a text, from its lines: Markdown, underlined, numbered, in capitals, "Article 4", run-in, code.

Levels only order: a heading lies inside the last one before it with a lower level.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

LONGEST = 120
_LINE_CHARS = 1 << 16
"""A line is cut here: memory is bounded by it."""

_NUMBER = r"\d{1,3}(?:\.\d{1,3}){0,4}"
_KEYWORD = re.compile(
    r"\s*+(?P<word>part|book|title|chapter|article|section|schedule|exhibit|annex|appendix|clause"
    r"|attachment|teil|kapitel"
    r"|abschnitt|artikel|anlage|livre|chapitre|annexe|capítulo|artículo|título|anexo|глава|статья|раздел"
    r"|अध्याय|अनुच्छेद|धारा"
    r"|الفصل|المادة|الباب|§)"
    rf"\s{{0,3}}(?P<number>{_NUMBER}|[IVXLC]+|[A-Z]|[०-९٠-٩]+)(?![\w])(?P<rest>.{{0,200}})",
    re.IGNORECASE,
)
_LEVELS = {"part": 1, "book": 1, "teil": 1, "livre": 1, "title": 1, "título": 1, "الباب": 1} | dict.fromkeys(
    "section clause abschnitt artikel статья § अनुच्छेद धारा المادة artículo".split(), 3
)
_CJK = re.compile(
    r"\s*+(?:第[一二三四五六七八九十百零〇\d]{1,6}(?P<unit>[编編部卷章节節条條款])|[一二三四五六七八九十]{1,3}、)[^。！？\n]{0,40}$"
)
_CJK_LEVELS = (
    dict.fromkeys("编編部卷", 1)
    | dict.fromkeys("章", 2)
    | dict.fromkeys("节節", 3)
    | dict.fromkeys("条條款", 4)
)
_NUMBERED = re.compile(
    rf"\s*+(?P<number>{_NUMBER}|[IVX]{{1,5}}(?=\.))(?P<dot>\.?|\))\s+(?P<title>[^\W\d_\"'“(].{{0,200}})"
)
_RUN_IN = re.compile(r"(?P<title>[^\W\d_][^.:;!?]{1,70})[.:](?=\s)")
_INLINE = re.compile(
    r"(?:(?<=[.;:”\"] )|(?<=\s\s))(?:(?:article|section) )?+"
    r"(?P<number>\d{1,2}(?:\.\d{1,2}){0,3})\.?\s{1,3}(?P<title>[A-Z][A-Za-z,&/'’-]{0,20}"
    r"(?: [A-Za-z,&/'’-]{1,20}){0,9})[.:](?=\s)",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r" {0,3}(?P<marks>#{1,6})\s+(?P<title>\S.{0,200})")
_HTML = re.compile(r"\s*+<h(?P<level>[1-6])\b[^>]{0,200}>(?P<title>.{1,300}?)(?:</h|$)", re.IGNORECASE)
_TEX_LEVELS = ("part", "chapter", "section", "subsection", "subsubsection", "paragraph")
_TEX = re.compile(rf"\s*+\\(?P<what>{'|'.join(_TEX_LEVELS)})\*?\{{(?P<title>[^{{}}]{{1,200}})\}}")
_UNDERLINE = re.compile(r"\s*+([=\-~^\"'`*+#.:_])\1{2,}\s*$")
_CODE = re.compile(
    r"(?P<indent>[ \t]*+)(?:(?:export|default|public|private|protected|static|abstract|async|final"
    r"|pub)\s+){0,4}"
    r"(?P<what>def|class|func|function|fn|struct|interface|impl|enum|trait|module"
    r"|namespace)\s+(?P<name>[\w$]{1,80})"
)
_CONTENTS = re.compile(r"[.·_ ]{4,}\s*\d+\s*$|(?:\. ){3,}|\s\d{1,3}\s*$")
_STAMPED = re.compile(
    r"(?:execution (?:version|copy)|confidential|final|draft|(?:table of )?contents|signatures?"
    r"|page \d+)\W*$",
    re.IGNORECASE,
)
_FIELD = re.compile(r"[^\W\d_][\w .-]{1,24}:\s+\S")
_PREAMBLE = re.compile(
    r"(?:recitals?|witnesseth|background|preamble|whereas|now,? therefore)\W*$", re.IGNORECASE
)
_COMPANY = re.compile(
    r"\b(?:inc|llc|l\.l\.c|ltd|corp|corporation|limited|l\.p|gmbh|n\.a|plc|company)\b\.?$|^(?:by|name"
    r"|title)\b:?",
    re.IGNORECASE,
)
_SMALL = frozenset(
    "a an and as at by for from in into is of on or the to with per via vs de la le les des du et y und der"
    " die das van von".split()
)
ABBREVIATED = re.compile(r"\b(?:Inc|Ltd|Corp|Co|Jr|L\.P|N\.A|S\.A|B\.V|L\.L\.C|p\.A)\.$", re.IGNORECASE)
_MARKUP = re.compile(
    r"(?<!\w)[*_]{1,3}(?=[^\s*_])|(?<=[^\s*_])[*_]{1,3}(?!\w)|`{1,3}|<[^>]{1,200}>|\{#[^}]*\}|\s#+\s*$"
    r"|!?\[(?=[^\]]*\]\()|\]\([^)]*\)"
)


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, the character it starts at, and its level: the lower, the more it holds."""

    start: int
    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line (or, of a longer one, at most _LINE_CHARS) and the character it starts at."""

    start: int
    text: str


def lines(pieces: Iterable[tuple[int, str]]) -> Iterator[Line]:
    """The lines of a streamed text, wherever it is cut into pieces."""
    held, at = "", 0
    for _, piece in pieces:
        held += piece
        begin = 0
        while (end := held.find("\n", begin)) >= 0 or len(held) - begin >= 2 * _LINE_CHARS:
            stop = min(end, begin + _LINE_CHARS) if end >= 0 else begin + _LINE_CHARS
            yield Line(at, held[begin:stop])
            skip = 1 if stop == end else 0
            at += stop - begin + skip
            begin = stop + skip
        held = held[begin:]
    while len(held) > _LINE_CHARS:
        yield Line(at, held[:_LINE_CHARS])
        held, at = held[_LINE_CHARS:], at + _LINE_CHARS
    yield Line(at, held)


def headings(text: Iterable[Line], kind: str) -> Iterator[Heading]:
    """The headings among consecutive lines of a document of that kind, in order."""
    if kind == "code":
        yield from _code_headings(text)
    elif kind == "table":  # whose parts, such as sheets, are marked
        for line in text:
            if match := _MARKDOWN.match(line.text[:400]):
                yield Heading(line.start, len(match["marks"]), plain(match["title"]))
    elif kind not in ("dialogue", "mail"):
        yield from _prose_headings(text, kind)


RUNNING = 8
"""So often the same line is a running head, not a heading."""


def tidied(found: Sequence[Heading], kind: str) -> list[Heading]:
    """Headings without running heads, and without the names and labels between the clauses of a contract."""
    if kind in ("code", "readme", "changelog"):
        return list(found)
    counts = Counter(heading.text for heading in found)
    kept = [heading for heading in found if counts[heading.text] < RUNNING]
    if kind != "contract":
        return kept
    numbered = [heading for heading in kept if is_numbered(heading.text)]
    if len(numbered) < 5:
        return kept
    return [heading for heading in kept if heading.start <= numbered[0].start or is_numbered(heading.text)]


def is_numbered(text: str) -> bool:
    """Whether a heading is one of a series: "Chapter 2", "4.2 Rent"."""
    return text[0].isdigit() or _KEYWORD.match(text) is not None or _CJK.match(text) is not None


def _code_headings(text: Iterable[Line]) -> Iterator[Heading]:
    for line in text:
        if match := _CODE.match(line.text[:400]):
            indent = len(match["indent"].expandtabs(4))
            yield Heading(line.start + len(match["indent"]), 1 + indent, f"{match['what']} {match['name']}")


def _prose_headings(text: Iterable[Line], kind: str) -> Iterator[Heading]:
    """A bare "Article 4" takes the title that stands below it."""
    bare: Heading | None = None
    for heading in _single_headings(text, kind):
        numbered = heading.text[0].isdigit() or _KEYWORD.match(heading.text)
        if bare and not numbered and heading.start - bare.start < 2 * LONGEST:
            heading, bare = Heading(bare.start, bare.level, f"{bare.text} {heading.text}"[:LONGEST]), None
        if bare:
            yield bare
        match = _KEYWORD.match(heading.text)
        bare = heading if match and not match["rest"] else None
        if not bare:
            yield heading
    if bare:
        yield bare


def _single_headings(text: Iterable[Line], kind: str) -> Iterator[Heading]:
    before, marks = Line(0, ""), list[str]()
    fenced = in_matter = False
    line: Line | None = None
    for after in _with_end(text):
        if line is not None:
            matter = line.text == "---" and (line.start == 0 or in_matter)  # YAML before the text
            if line.text.lstrip().startswith(("```", "~~~")) or matter:
                fenced, in_matter = not fenced, matter and line.start == 0
            elif not fenced and line.text.strip():
                yield from _of_line(before.text, line, after.text, kind, marks)
            before = line
        line = after


def _with_end(text: Iterable[Line]) -> Iterator[Line]:
    yield from text
    yield Line(0, "")


def _of_line(before: str, line: Line, after: str, kind: str, marks: list[str]) -> Iterator[Heading]:
    level, title = _heading(before, line.text[:400], after, kind, marks)
    if title:
        yield Heading(line.start + len(line.text) - len(line.text.lstrip()), level, title)
    if kind == "contract" and len(line.text) > LONGEST:
        for match in _INLINE.finditer(line.text):
            if is_titled(match["title"]) and match.start() > 0:
                number = match["number"]
                yield Heading(
                    line.start + match.start(), 4 + number.count("."), f"{number} {plain(match['title'])}"
                )


def _heading(before: str, line: str, after: str, kind: str, marks: list[str]) -> tuple[int, str]:
    """Level and text of the heading that a line is or begins with, (0, "") if it is none."""
    if (match := _MARKDOWN.match(line)) and not (marks and len(match["marks"]) == 1):  # there a comment
        return len(match["marks"]), plain(match["title"])
    if match := _TEX.match(line):
        return _TEX_LEVELS.index(match["what"]), plain(match["title"])
    if match := _HTML.match(line):
        return int(match["level"]), plain(match["title"])
    text = line.strip()
    if underlined := _underlined(before, line, after):
        if underlined not in marks:
            marks.append(underlined)
        return 1 + marks.index(underlined), plain(text)
    if kind in ("readme", "changelog", "licence") and not text.isupper():
        return _release(text, kind)
    return _plain_heading(before, line, after)


def _underlined(before: str, line: str, after: str) -> str:
    """The mark that a line is underlined with, twice if it stands above it too; "" for none."""
    text = line.strip()
    mark = _UNDERLINE.match(after[: 2 * LONGEST]) if len(text) <= LONGEST else None
    if mark is None or len(after.strip()) < 0.6 * len(text) or _UNDERLINE.match(line):
        return ""
    if not re.search(r"[^\W_]", text):
        return ""
    return mark[1] * (2 if _UNDERLINE.match(before[: 2 * LONGEST]) else 1)


_VERSION = re.compile(
    r"\W{0,4}(?:(?:version|release|v) ?)?\[?\d+\.\d+[\w.]*\]?(?:\W{1,5}[\w., -]{0,30})?\W*$", re.IGNORECASE
)


def _release(text: str, kind: str) -> tuple[int, str]:
    return (2, plain(text)) if kind == "changelog" and _VERSION.match(text) else (0, "")


def _plain_heading(before: str, line: str, after: str) -> tuple[int, str]:
    """Of a text without markup."""
    text = line.strip()
    if match := _KEYWORD.match(line):
        return _keyword(match)
    if match := _CJK.match(line):
        return _CJK_LEVELS.get(match["unit"] or "", 3), plain(text)
    if _CONTENTS.search(text) and len(text) < LONGEST:
        return 0, ""
    if match := _NUMBERED.match(line):
        return _numbered(match, before, after)
    if len(text) > 90 or (before.strip() and after.strip()) or not re.search(r"[^\W\d_]{3}", text):
        return 0, ""
    if (
        _STAMPED.match(text)
        or _FIELD.match(text)
        or _COMPANY.search(text)
        or text[-1] in ".,;"
        or text[0] in "\"'“([|>-•*"
    ):
        return 0, ""
    tabs = len(line) - len(line.lstrip("\t"))
    if text.isupper() and len(text.split()) <= 12:
        return (4 if _PREAMBLE.match(text) else 2), plain(text)
    alone = not before.strip() and not after.strip()
    if (tabs or alone) and len(text) > 3 and (text[-1] == "?" or is_titled(text)):
        return 3 + tabs, plain(text)
    return 0, ""


def _keyword(match: re.Match[str]) -> tuple[int, str]:
    """ "Article 4" with the title on its line; a sentence that begins so is none."""
    rest = match["rest"].strip(" \t.:–—-")
    if match["word"].lower() == "exhibit" and "." in match["number"]:  # its number in a filing
        return 0, ""
    if rest.startswith(("of ", "and ", "or ", "to ")):  # "Section 420 of the Act provides ..."
        return 0, ""
    if run_in := _RUN_IN.match(rest + " "):
        rest = run_in["title"]
    if rest and (len(rest) > 90 or not is_titled(rest) or _CONTENTS.search(match["rest"])):
        return 0, ""
    return _LEVELS.get(match["word"].lower(), 2), plain(f"{match['word']} {match['number']} {rest}")


def _numbered(match: re.Match[str], before: str, after: str) -> tuple[int, str]:
    """ "4.2 Rent", alone on a line or run in ("4.2 Rent. The tenant pays ...")."""
    number, title = match["number"], match["title"].strip()
    if run_in := _RUN_IN.match(title):
        title = run_in["title"]
        if re.search(r"\s{3,}|\s\d", title):  # a line of a table of contents
            return 0, ""
    elif len(title) > 90 or (before.strip() and after.strip() and "." not in number):
        return 0, ""
    if not is_titled(title) or match["dot"] == ")" or not (number[0].isdigit() or title.isupper()):
        return 0, ""
    return 4 + number.count("."), plain(f"{number} {title}")


def is_titled(text: str, share: float = 0.7) -> bool:
    """Whether the words of a title are written as such: this share in capitals but for the small words."""
    words = [word for word in re.findall(r"[^\W\d_][\w'’-]*", text) if word.lower() not in _SMALL]
    if not words or len(words) > 14:
        return False
    return not words[0][0].islower() and sum(not word[0].islower() for word in words) >= share * len(words)


def plain(title: str) -> str:
    """A title without markup and with single spaces, of at most LONGEST characters."""
    text = " ".join(_MARKUP.sub("", title).split()).strip(" :;,–—-|=").removeprefix("* ")
    text = text if ABBREVIATED.search(text) else text.strip(" .。।")
    return shortened(text)


def shortened(text: str) -> str:
    """At most LONGEST characters of a line, whole words, with an ellipsis where it goes on."""
    return text if len(text) <= LONGEST else text[: LONGEST - 2].rsplit(" ", 1)[0].rstrip(" ,;:") + " …"
