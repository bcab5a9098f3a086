"""Lines of a PDF page in reading order, from the characters that stand on it and where.

The idea: the order in which a page was written is the order in which it is read, but for pages that were
written row by row across columns, or upwards: those are put in order by their geometry. Letters that were
drawn apart become words, and words that a line end has cut become whole.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median

from tasks.ingest.parse.formats.numerals import superscript

CELL = 1.5
"""A gap of so many line heights stands between cells, not words."""
_GUTTER_ROWS, _GUTTER_CHARS, _GUTTER_FILL = 3, 12.0, 0.55
"""Columns of prose: so many rows beside each other, of so many characters, filling so much of the width."""
_MOST, _NEAR, _PLACES = 1000, 12, 40
"""Segments of a page that are compared, each with so many that stand near it; places that are tried."""
_SMALL, _RAISED_NUMBER = 0.9, re.compile(r"[+\-\u2212]?[0-9]{1,3}")
"""A raised number is smaller than so much of a line height."""
_WORD = 100
"""Characters of a line's end that its last word may have."""
_SPACED = 5
"""Single letters in a row that are a word drawn apart, not letters by themselves."""
_SAME = 0.1
"""Baselines of one line differ by less than this part of its height."""
_EVEN = 0.2
"""Gaps between the letters of a word differ by less than this part of them, if spaces made them."""
_KEPT_FIRST = frozenset(
    "well self non half cross vice quasi two three five seven twenty thirty forty fifty sixty seventy eighty "
    "ninety".split()
)
_KEPT_SECOND = frozenset(
    "based known term sized driven oriented level scale party specific related defined friendly free "
    "effective made wide quality time".split()
)
"""Words before and behind a hyphen that belongs there, where nothing else on the page tells."""
_PREFIXES = frozenset(
    "un in dis re mis under over pre co inter some any world nation country care cor life".split()
)
"""Beginnings that grow together with the words behind a hyphen."""
_JOINING = frozenset("and or und oder et ou y o e of en och og a i".split())


@dataclass
class Segment:
    """Words beside each other on a line, in coordinates in which the line runs to the right."""

    text: str
    x0: float
    x1: float
    y: float
    """Of the baseline, upwards."""
    height: float
    line: float
    """Number of the line as the page was written; segments of one were written one after the other."""
    hyphen: bool = False
    """Whether a hyphen ends it that the line end may have made."""


def rows_of(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Rows of a page in reading order, each with its segments from left to right."""
    segments = _spelled_out(_with_raised(segments))
    if _is_in_order(segments):
        rows: list[list[Segment]] = []
        for one in segments:
            if rows and (rows[-1][-1].line == one.line or _follows(rows[-1][-1], one)):
                rows[-1].append(one)
            else:
                rows.append([one])
        return rows
    return _by_place(list(segments))


def _follows(before: Segment, one: Segment) -> bool:
    """Whether a segment goes on with the line of the one before it, a space away, though written apart."""
    return abs(one.y - before.y) < _SAME * before.height and 0 <= one.x0 - before.x1 < CELL * before.height


def _with_raised(segments: Sequence[Segment]) -> Iterator[Segment]:
    """Segments, a small number that was written by itself above the end of another made a part of that."""
    last: Segment | None = None
    for one in segments:
        if last and _is_raised(one, last):
            last = replace(last, text=last.text + superscript(one.text), x1=one.x1)
            continue
        if last:
            yield last
        last = one
    if last:
        yield last


def _is_raised(one: Segment, last: Segment) -> bool:
    high, gap = one.y - last.y, one.x0 - last.x1
    small = one.height < _SMALL * last.height and _RAISED_NUMBER.fullmatch(one.text) is not None
    above = small and 0.15 * last.height < high < 0.7 * last.height
    return above and abs(gap) < 0.2 * last.height and last.text[-1:].isalnum()


def _spelled_out(segments: Iterable[Segment]) -> list[Segment]:
    """Segments, letters that were written one by one, each as a line of its own, made words again."""
    found: list[Segment] = []
    letters: list[Segment] = []
    for one in [*segments, None]:
        if one and len(one.text) == 1 and (not letters or _follows(letters[-1], one)):
            letters.append(one)
            continue
        if len(letters) >= _SPACED:
            words = closed_up([(letter.text, letter.x0, letter.x1) for letter in letters])
            found += [replace(letters[0], text=text, x0=x0, x1=x1) for text, x0, x1 in words]
        else:
            found += letters
        letters = [one] if one and len(one.text) == 1 else []
        if one and not letters:
            found.append(one)
    return found


def _is_in_order(segments: Sequence[Segment]) -> bool:
    """Whether a page was written as it is read: not across columns of prose, and not upwards."""
    up = across = 0
    for before, one in pairwise(segments):
        up += one.y > before.y + before.height / 2 and one.x0 < before.x1
        beside = abs(one.y - before.y) < before.height and (one.x0 > before.x1 or one.x1 < before.x0)
        across += beside and min(len(before.text), len(one.text)) >= _GUTTER_CHARS
    return up <= max(2, len(segments) // 8) and across < _GUTTER_ROWS


def _by_place(segments: list[Segment]) -> list[list[Segment]]:
    rows = _beside(segments)
    gutter = _gutter(rows)
    if gutter is None:
        return rows
    found: list[list[Segment]] = []
    band: list[Segment] = []
    for row in rows:
        if any(one.x0 < gutter < one.x1 for one in row):
            found += _columns(band, gutter)
            found.append(row)
            band = []
        else:
            band += row
    return found + _columns(band, gutter)


def _columns(band: list[Segment], gutter: float) -> list[list[Segment]]:
    left = [one for one in band if one.x1 <= gutter]
    right = [one for one in band if one.x1 > gutter]
    return [row for side in (left, right) if side for row in _by_place(side)]


def _beside(segments: list[Segment]) -> list[list[Segment]]:
    """Segments on the same height, the highest first, each row from left to right."""
    rows: list[list[Segment]] = []
    for one in sorted(segments, key=lambda one: -one.y):
        if rows and abs(rows[-1][0].y - one.y) < 0.4 * max(rows[-1][0].height, one.height):
            rows[-1].append(one)
        else:
            rows.append([one])
    return [sorted(row, key=lambda one: one.x0) for row in rows]


def _gutter(rows: list[list[Segment]]) -> float | None:
    """Where a page of several columns of prose is cut in two; None for one column, or a table."""
    every = [one for row in rows for one in row]
    pairs = [
        (left, right)
        for at, left in enumerate(every[:_MOST])
        for right in every[max(0, at - _NEAR) : at + _NEAR]
        if left.x1 < right.x0 and abs(left.y - right.y) < left.height
    ]
    best: float | None = None
    most = _GUTTER_ROWS - 1
    places = Counter(round((left.x1 + right.x0) / 2) for left, right in pairs)
    for at, _ in places.most_common(_PLACES):
        both = len({id(left) for left, right in pairs if left.x1 < at < right.x0})
        if both > most:
            left = [one for one in every if one.x1 < at]
            right = [one for one in every if one.x0 > at]
            if _is_prose(left) and _is_prose(right):
                best, most = at, both
    return best


def _is_prose(side: list[Segment]) -> bool:
    width = max(one.x1 for one in side) - min(one.x0 for one in side)
    fill = median((one.x1 - one.x0) for one in side) / max(width, 1e-6)
    return fill >= _GUTTER_FILL and median(len(one.text) for one in side) >= _GUTTER_CHARS


def text_of(rows: Sequence[Sequence[Segment]]) -> str:
    """The text of rows, a line each, cells between tabs; a word that a line end has cut is on the first."""
    whole = " ".join(one.text for row in rows for one in row)
    lines: list[str] = []
    pending = False
    for row in rows:
        line = "".join(_joined(row))
        if pending and lines:
            head, first = lines[-1], line.split(" ", 1)
            if (word := _mended(head, first[0], whole)) is not None:
                lines[-1] = word
                line = first[1] if len(first) > 1 else ""
        if line or not pending:
            lines.append(line)
        pending = row[-1].hyphen
    return "\n".join(lines)


def _joined(row: Sequence[Segment]) -> Iterator[str]:
    for before, one in zip([None, *row], row, strict=False):
        if before is not None:
            yield "\t" if one.x0 - before.x1 > CELL * one.height else " "
        yield one.text


def _mended(head: str, rest: str, whole: str) -> str | None:
    """A line that ends in a hyphen with the rest of its word; None where that is a word of its own."""
    found = re.search(r"([^\W\d_]+(?:-[^\W\d_]+)*)-$", head[-_WORD:])
    if not found or not rest[:1].isalnum():
        return head + rest if rest[:1].isalnum() else None
    first, second = found[1], re.split(r"[^\w'\u2019]", rest)[0]
    if second.lower() in _JOINING:
        return None
    return head + rest if _keeps_hyphen(first, second, whole) else head[:-1] + rest


def _keeps_hyphen(first: str, second: str, whole: str) -> bool:
    if re.search(rf"\b{re.escape(first + second)}\b", whole, re.I):
        return False
    if re.search(rf"\b{re.escape(first)}-{re.escape(second)}\b", whole, re.I):
        return True
    if first.isupper() and second.isupper():
        return len(first) == 1
    if "-" in first or first.isupper() or not second[:1].islower():
        return True
    if first.lower() in _KEPT_FIRST:
        return True
    return second.lower() in _KEPT_SECOND and first.lower() not in _PREFIXES


def closed_up(words: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Words of a line (text, left, right), letters that were drawn apart made words again."""
    found: list[tuple[str, float, float]] = []
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and len(words[end][0]) == 1 and words[end][0].isalpha():
            end += 1
        run = words[at:end]
        if len(run) >= _SPACED and not _is_listed([text for text, *_ in run]):
            found.append((" ".join(text for text, *_ in _words(run)), run[0][1], run[-1][2]))
            at = end
        else:
            found += words[at : max(end, at + 1)]
            at = max(end, at + 1)
    return found


def _is_listed(letters: list[str]) -> bool:
    """Whether letters stand for themselves: they follow each other in the alphabet."""
    steps = [ord(b) - ord(a) for a, b in pairwise(letters)]
    return steps.count(1) + steps.count(0) > len(steps) // 2 and steps.count(1) > 1


def _words(run: Sequence[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """Words of letters that were drawn apart: between two of them both gap and step are wide."""
    pairs = list(pairwise(run))
    gaps, steps = [b[1] - a[2] for a, b in pairs], [b[1] - a[1] for a, b in pairs]
    usual = 1.5 * max(median(gaps), 0.1), 1.35 * median(steps)
    within = [gap for gap in gaps if gap <= usual[0]]
    if max(within) - min(within) < _EVEN * median(gaps):  # letters are not on a grid: the gap alone tells
        usual = usual[0], 0.0
    found = [run[0]]
    for gap, step, (text, x0, x1) in zip(gaps, steps, run[1:], strict=True):
        if gap > usual[0] and step > usual[1]:
            found.append((text, x0, x1))
        else:
            found[-1] = (found[-1][0] + text, found[-1][1], x1)
    return found
