"""What a sentence says, taken apart: its words, its exact values, its names, and whether it denies.

The idea: two sentences speak of the same if their words are the same once the values are taken out, and they
agree if the values are the same too. A number behind a capital ("Quay 7", "Section 4") names a thing, and is
no value of it.
"""

import re
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from functools import lru_cache

from tasks.memory.names import names
from tasks.recall.ask.values import Expected, comparable, values
from tasks.recall.terms import stems
from tasks.text.dates import dates

KINDS: tuple[Expected, ...] = ("money", "percent", "date", "duration", "number")
"""Kinds of values, the more special first."""
NEGATIONS = frozenset(
    "no not nor never none neither without cannot nicht kein keine nie ne pas jamais".split()
)

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W\d_]+)*")
_LABELLED = re.compile(
    r"(?:\b[A-Z][\w.-]*|\b(?:no|nr|number|section|article|clause|page|item|\u00a7)\.?)\s*$"
)
_VAGUE = frozenset(
    "one a an half first second third once every each per times always never rarely often usually "
    "sometimes annual annually daily weekly monthly quarterly yearly".split()
)
_DIGITS = re.compile(r"\d[\d.,']*")
_COUNTS = {
    word: str(number)
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty".split()
    )
} | {"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90", "hundred": "100"}


@dataclass(frozen=True)
class Value:
    """An exact value: its kind, its characters [start, end), and a form in which it is compared."""

    kind: Expected
    start: int
    end: int
    form: str


@dataclass(frozen=True)
class Said:
    """A sentence taken apart."""

    text: str
    words: frozenset[str]
    """Stems of its content words without its values."""
    values: tuple[Value, ...]
    names: frozenset[str]
    """In small letters."""
    negations: int

    @property
    def forms(self) -> tuple[str, ...]:
        return tuple(value.form for value in self.values)


def jaccard(one: Set[str], other: Set[str]) -> float:
    """Jaccard similarity of two sets of words: the share of all that both have."""
    return len(one & other) / max(1, len(one | other))


@lru_cache(maxsize=8192)
def said(text: str) -> Said:
    """What a sentence says."""
    found = _values(text)
    rest, at = [], 0
    for value in found:
        rest.append(text[at : value.start])
        at = value.end
    bare = " ".join([*rest, text[at:]])
    denied = Counter(word.casefold() for word in _WORD.findall(bare))
    return Said(
        text,
        frozenset(stems(bare)),
        tuple(found),
        frozenset(name.casefold() for name in names(bare)),
        sum(count for word, count in denied.items() if word in NEGATIONS or word.endswith("n't")),
    )


def _values(text: str) -> list[Value]:
    taken: list[Value] = []
    for kind in KINDS:
        for one in values(text, kind):
            written = text[one.start : one.end]
            inside = any(one.start < other.end and other.start < one.end for other in taken)
            if inside or written.casefold() in _VAGUE:
                continue
            before = text[: one.start].rstrip()
            if kind == "number" and (_LABELLED.search(before + " ") or _again(before, taken)):
                continue
            taken.append(Value(kind, one.start, one.end, _form(written, kind)))
    return sorted(taken, key=lambda one: one.start)


def _again(before: str, taken: list[Value]) -> bool:
    """Whether a number in brackets repeats the one in words before it: "thirty (30)"."""
    return before.endswith("(") and any(one.end == len(before[:-1].rstrip()) for one in taken)


def _form(written: str, kind: Expected) -> str:
    """A value without what may differ in writing: "thirty (30) days" and "30 days" are one."""
    if kind == "date" and (found := dates(written)):
        return found[0].iso
    flat = comparable(written).replace("-", " ")
    if number := _DIGITS.search(flat):
        unit = [word for word in re.findall(r"[^\W\d_]+|[$\u20ac\u00a3%]", flat) if word not in _COUNTS]
        return " ".join([number[0].rstrip(".,"), *(word.rstrip("s") for word in unit)])
    return " ".join(_COUNTS.get(word, word.rstrip("s")) for word in flat.split())
