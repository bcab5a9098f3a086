"""PDF, page by page, with pypdfium2: what is printed, filled in and noted; pages of pictures are named.

The idea: the rotation of a page says how it is shown, not how its text runs, so it is taken off, and lines
are put in order by the direction of their own letters.
"""

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as raw

from tasks.errors import BadDocument
from tasks.ingest.parse import ocr
from tasks.ingest.parse.base import Decoded, Item, Omitted, cut
from tasks.ingest.parse.formats.numerals import superscript
from tasks.ingest.parse.formats.pdf_forms import check
from tasks.ingest.parse.formats.pdf_layout import CELL, Segment, closed_up, rows_of, text_of
from tasks.ingest.parse.formats.pdf_notes import Noted, insert, noted
from tasks.ingest.parse.formats.pdf_unseen import Unseen
from tasks.settings import ParseConfig
from tasks.text.counted import counted

_HYPHENS = (2, 0xFFFE)
"""How the library calls a hyphen at the end of a line."""
_LIGATURES = dict(zip(range(0xFB00, 0xFB07), ("ff", "fi", "fl", "ffi", "ffl", "st", "st"), strict=True))
_RAISED = 0.5
"""Words raised or lowered by so many line heights belong to their line, as the number of a note does."""
_LOW, _SMALL, _LONGEST_RAISED = 0.15, 0.9, 60
"""A raised number stands higher by so many line heights, and is smaller than so much of one; characters of a
word in which it is looked for."""
_BESIDE = 0.6
"""Line heights at most between a word and the number of a note behind it."""
_FIRST, _NUMBERS, _SIGNS = re.compile(r"[0-9]{1,3}(?![0-9])"), re.compile(r"(?<=[0-9])(?![0-9])"), "+-\u2212"
_EDGE = 20.0
"""Points beside a page from which a line may begin and still reach into it."""
_COVERED, _FEW = 0.6, 100
"""A picture over so much of a page is a scan of it, where there are fewer characters of text."""


@dataclass
class _Pages:
    """What is seen of a document while its pages go by."""

    found: bool = False
    without: list[int] = field(default_factory=list)
    """Numbers of pages that show something and have no text."""
    scanned: list[int] = field(default_factory=list)
    """Numbers of pages that are pictures with few words of text over them."""
    beyond: set[int] = field(default_factory=set)
    """Those of them that were not looked at for words because of parse.ocr_pages."""
    broken: list[int] = field(default_factory=list)
    """Numbers of pages that cannot be read."""
    looked: int = 0
    """Pages whose pictures were looked at for words."""
    recognised: list[int] = field(default_factory=list)
    """Numbers of pages whose words were read from their picture."""
    counts: Counter[str] = field(default_factory=Counter)


def parse(path: Path, config: ParseConfig) -> Iterator[Item]:
    """Text of every page. An empty user password is tried by the library itself."""
    check(path)
    try:
        document = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise BadDocument("encrypted", "the PDF asks for a password") from error
        raise BadDocument("corrupt", f"not a readable PDF: {error}") from error
    seen, untried = _Pages(), _untried(config)
    with document:
        document.init_forms()
        form = document.formenv.raw if document.formenv else None
        for number in range(1, len(document) + 1):
            try:
                page = document[number - 1]
            except pdfium.PdfiumError:
                seen.broken.append(number)
                continue
            turned = page.get_rotation()
            text = _page_text(page, form, seen)
            if _look(page, text, number, seen) and not untried:
                page.set_rotation(turned)
                text = _recognised(page, text, number, seen, config)
            if text:
                seen.found = seen.found or bool(text.strip())
                yield from cut(text + "\n\n", "page", number)
            page.close()
        if seen.broken and not seen.found:
            raise BadDocument("corrupt", f"{spans(seen.broken)} of the PDF cannot be read")
        if not seen.found and (seen.without or seen.scanned):
            raise BadDocument("scanned_no_ocr", _unread(len(document), untried, bool(seen.beyond)))
        attached = [document.get_attachment(at).get_name() for at in range(document.count_attachments())]
        is_xfa = raw.FPDF_GetFormType(document) in (raw.FORMTYPE_XFA_FULL, raw.FORMTYPE_XFA_FOREGROUND)
    yield from _left_out(seen, attached, is_xfa, untried)


def _recognised(page: Any, text: str, number: int, seen: _Pages, config: ParseConfig) -> str:
    """The text of a page, the words on its picture behind it: if there are any, it is left out no more."""
    if seen.looked >= config.ocr_pages:
        seen.beyond.add(number)
        return text
    seen.looked += 1
    if not (words := ocr.words_on(page, config)):
        return text
    for numbers in (seen.without, seen.scanned):
        if number in numbers:
            numbers.remove(number)
    seen.recognised.append(number)
    return f"{text}\n{words}" if text.strip() else words


def _unread(pages: int, untried: str, beyond: bool) -> str:
    """Why the words of a scan are not read."""
    remedy = "; parse.ocr_pages lets no more be read" if beyond else ""
    if untried:
        remedy = f"; {untried}: they are read where it is installed and parse.ocr is auto"
    return f"{counted(pages, 'page')} of images without text{remedy}"


def _untried(config: ParseConfig) -> str:
    """Why pictures of pages were not looked at for words; "" where they were."""
    if config.ocr == "never":
        return "tesseract is not asked"
    return "" if ocr.can_read(config) else ocr.NOT_HERE


def _left_out(seen: _Pages, attached: list[str], is_xfa: bool, untried: str) -> Iterator[Item]:
    if seen.recognised:
        yield Decoded(f"OCR of {spans(seen.recognised)}")
    for kind, numbers in (("page without text", seen.without), ("scanned page", seen.scanned)):
        tried = [number for number in numbers if number not in seen.beyond]
        beyond = [number for number in numbers if number in seen.beyond]
        if tried:
            said = f"{kind} not read: {untried}" if untried == ocr.NOT_HERE else kind
            yield Omitted(said, len(tried), where=spans(tried))
        if beyond:
            yield Omitted(f"{kind} not read: more than parse.ocr_pages", len(beyond), where=spans(beyond))
    if seen.broken:
        yield Omitted("page that cannot be read", len(seen.broken), where=spans(seen.broken))
    for kind, count in seen.counts.items():
        yield Omitted(kind, count)
    for name in attached:
        yield Omitted("attached file", where=name)
    if is_xfa:
        yield Omitted("form in XFA")


def spans(numbers: list[int]) -> str:
    """Such as "page 3" or "pages 2-5, 9"."""
    found: list[list[int]] = []
    for number in numbers:
        if found and found[-1][-1] == number - 1:
            found[-1].append(number)
        else:
            found.append([number])
    told = [str(some[0]) if len(some) == 1 else f"{some[0]}-{some[-1]}" for some in found]
    return f"page{'s' if len(numbers) > 1 else ''} {', '.join(told)}"


def _look(page: Any, text: str, number: int, seen: _Pages) -> bool:
    """Note what a page shows beside its text; whether its words may be in its picture."""
    width, height = page.get_size()
    shown = covered = 0.0
    for item in page.get_objects(max_depth=4):
        if item.type == raw.FPDF_PAGEOBJ_IMAGE:
            seen.counts["image"] += 1
            left, bottom, right, top = item.get_bounds()
            covered = max(covered, (right - left) * (top - bottom) / max(width * height, 1.0))
        shown += item.type != raw.FPDF_PAGEOBJ_TEXT
    if shown and not text.strip():
        seen.without.append(number)
        seen.counts["image"] -= 1  # the page itself is what is counted
    elif covered >= _COVERED and len(text.strip()) < _FEW:
        seen.scanned.append(number)
        seen.counts["image"] -= 1
    seen.counts = +seen.counts
    return number in (*seen.without[-1:], *seen.scanned[-1:])


def _page_text(page: Any, form: Any, seen: _Pages) -> str:
    notes = noted(page, form, seen.counts)
    if page.get_rotation():
        page.set_rotation(0)
    groups: dict[int, list[Segment]] = {}
    textpage = page.get_textpage()
    for angle, segment in _segments(textpage, page.get_cropbox(), Unseen(page, textpage), seen):
        groups.setdefault(angle, []).append(segment)
    textpage.close()
    main = max(groups, key=lambda angle: sum(len(one.text) for one in groups[angle]), default=0)
    rows = insert(rows_of(groups.pop(main, [])), [note.turned(main) for note in notes if note.stands])
    texts = [text_of(rows), *(text_of(rows_of(some)) for some in groups.values())]
    texts += [f"[{note.text}]" for note in notes if not note.stands]
    return "\n".join(text for text in texts if text)


def _segments(
    textpage: Any, shown: tuple[float, float, float, float], unseen: Unseen, seen: _Pages
) -> Iterator[tuple[int, Segment]]:
    """Runs of words with the angle they stand at, in degrees, in the order in which they were written."""
    codes = [raw.FPDFText_GetUnicode(textpage, at) for at in range(textpage.count_chars())]
    start = number = 0
    for at, code in enumerate([*codes, 10]):
        if code in (10, 13) or code in _HYPHENS:
            end = at + (code in _HYPHENS)
            if any(one > 32 for one in codes[start:end]) or code in _HYPHENS:
                if _is_outside(textpage, start, shown):
                    seen.counts["line beside the page"] += 1
                else:
                    line, hyphen = range(start, at), code in _HYPHENS
                    yield from _line(textpage, codes, line, number, hyphen, unseen, seen)
                number += 1
            start = at + 1


def _is_outside(textpage: Any, at: int, shown: tuple[float, float, float, float]) -> bool:
    """Whether a character stands where no reader sees it: not on the part of the page that is shown."""
    x, y = ctypes.c_double(), ctypes.c_double()
    if not raw.FPDFText_GetCharOrigin(textpage, at, x, y):
        return False
    left, bottom, right, top = shown
    within = left - _EDGE <= x.value <= right + _EDGE and bottom - _EDGE <= y.value <= top + _EDGE
    return not within and right > left and top > bottom


def _line(
    textpage: Any,
    codes: list[int],
    line: range,
    number: int,
    hyphen: bool,
    unseen: Unseen,
    seen: _Pages,
) -> Iterator[tuple[int, Segment]]:
    """Segments of a line, as the library tells lines: one may hold two that stand beside each other."""
    boxes = _Boxes(textpage)
    first = next((at for at in line if codes[at] > 32), line.start)
    turned = round(math.degrees(raw.FPDFText_GetCharAngle(textpage, first)))
    height = boxes.height(first, turned)
    runs: list[tuple[float, list[tuple[str, float, float]]]] = []
    start, hidden = line.start, False
    for at in range(line.start, line.stop + 1):
        if at < line.stop and not chr(codes[at]).isspace():
            continue
        if at > start and unseen.hides(start):
            hidden = True
        elif at > start:
            base, left = boxes.baseline(start, turned), boxes.left(start, turned)
            text = _spelled(codes[start:at], seen)
            if any(map(str.isdigit, text)):
                near = bool(runs) and left - runs[-1][1][-1][2] < _BESIDE * height
                text = boxes.raised(text, start, turned, runs[-1][0] if near else base, height)
            word = (text, left, boxes.right(at - 1, turned))
            if runs and abs(base - runs[-1][0]) < _RAISED * height and left > runs[-1][1][-1][1] - height:
                runs[-1][1].append(word)
            else:
                runs.append((base, [word]))
        start = at + 1
    seen.counts["hidden text"] += hidden
    found = [
        _segment(some, base, height, number + at / 1000)
        for at, (base, words) in enumerate(runs)
        for some in _cells(closed_up(words), height)
    ]
    if hyphen and found:
        found[-1].text, found[-1].hyphen = f"{found[-1].text}-", True
    for one in found:
        yield turned, one


def _cells(words: list[tuple[str, float, float]], height: float) -> Iterator[list[tuple[str, float, float]]]:
    """Words that stand near each other."""
    start = 0
    for at in range(1, len(words) + 1):
        if at == len(words) or words[at][1] - words[at - 1][2] > CELL * height:
            yield words[start:at]
            start = at


def _segment(run: list[tuple[str, float, float]], base: float, height: float, number: float) -> Segment:
    return Segment(" ".join(text for text, *_ in run), run[0][1], run[-1][2], base, height, number)


def _spelled(codes: list[int], seen: _Pages) -> str:
    """A word; glyphs that the file gives no meaning stay as U+FFFD and are counted."""
    unknown = sum(code == 0 or 0xE000 <= code <= 0xF8FF for code in codes)
    if unknown:
        seen.counts["character without a meaning"] += unknown
        codes = [0xFFFD if code == 0 else code for code in codes]
    text = "".join(map(chr, codes)).translate(_LIGATURES)
    return text.replace("\xad", "") if not text.endswith("\xad") else text


class _Boxes:
    """Where characters stand, in coordinates in which their line runs to the right."""

    def __init__(self, textpage: Any) -> None:
        self.textpage = textpage
        self._rect = raw.FS_RECTF()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()

    def _turned(self, x: float, y: float, angle: int) -> tuple[float, float]:
        return Noted.turn(x, y, angle)

    def _corners(self, at: int, angle: int) -> list[tuple[float, float]]:
        raw.FPDFText_GetLooseCharBox(self.textpage, at, self._rect)
        box = self._rect
        return [self._turned(x, y, angle) for x in (box.left, box.right) for y in (box.bottom, box.top)]

    def left(self, at: int, angle: int) -> float:
        return min(x for x, _ in self._corners(at, angle))

    def right(self, at: int, angle: int) -> float:
        return max(x for x, _ in self._corners(at, angle))

    def height(self, at: int, angle: int) -> float:
        ys = [y for _, y in self._corners(at, angle)]
        return max(max(ys) - min(ys), 1.0)

    def raised(self, text: str, start: int, angle: int, line: float, height: float) -> str:
        """A word with its raised numbers as raised characters.

        Args:
            start: the first character of the word.
            line: the baseline of the words right before it, or its own.
            height: of these.
        """
        if len(text) > _LONGEST_RAISED:
            return text
        own = self.baseline(start, angle)
        high = self.height(start, angle)
        if _LOW * height < own - line and high < _SMALL * height:
            number = _FIRST.match(text)
            return superscript(number[0]) + text[number.end() :] if number else text
        found = ""
        for piece in _NUMBERS.split(text):
            at = end = len(piece)
            while (
                piece[-1:].isdigit() and at and self._is_raised(start + len(found) + at - 1, angle, own, high)
            ):
                at -= 1
            if (
                at < end
                and piece[at - 1] in _SIGNS
                and self._is_raised(start + len(found) + at - 1, angle, own, high)
            ):
                at -= 1
            found += piece[:at] + superscript(piece[at:])
        return found

    def _is_raised(self, at: int, angle: int, line: float, height: float) -> bool:
        """Whether a character stands above a line, and is smaller than what stands on it."""
        return self.baseline(at, angle) - line > _LOW * height and self.height(at, angle) < _SMALL * height

    def baseline(self, at: int, angle: int) -> float:
        raw.FPDFText_GetCharOrigin(self.textpage, at, self._x, self._y)
        return self._turned(self._x.value, self._y.value, angle)[1]
