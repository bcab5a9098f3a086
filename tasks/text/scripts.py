"""Words of a text in any script: where they stand apart as they are, else pairs of neighbouring characters.

The idea: Chinese, Japanese, Thai, Lao, Burmese and Khmer put no space between words, and Korean writes a word
and its particles as one. Pairs need no dictionary, so a name that no dictionary has is found as any word is.
A character is what a reader takes for one: a letter with the signs that stand at it.
"""

import re
from collections.abc import Iterator

HAN = "\u2e80-\u2fdf\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003fffd"
_KANA = "\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f"
_SOUTH_EAST = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u109f\u1780-\u17d3\u17d7\u17dc\u17dd"
)
HANGUL = "\u1100-\u11ff\ua960-\ua97f\uac00-\ud7ff"
UNSPACED = HAN + _KANA + _SOUTH_EAST
"""Characters of scripts without spaces between words."""
MARKS = (
    "\u0300-\u036f\u0483-\u0487\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670"
    "\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u0711\u0730-\u074a\u0900-\u0903\u093a-\u094f\u0951-\u0957"
    "\u0962\u0963\u0981-\u0983\u09bc-\u09d7\u09e2\u09e3\u0a01-\u0a03\u0a3c-\u0a51\u0a70\u0a71\u0a81-\u0a83"
    "\u0abc-\u0acd\u0ae2\u0ae3\u0b01-\u0b03\u0b3c-\u0b57\u0b82\u0bbe-\u0bd7\u0c00-\u0c04\u0c3c-\u0c56\u0c81-\u0c83"
    "\u0cbc-\u0cd6\u0d00-\u0d03\u0d3b-\u0d4d\u0d57\u0d62\u0d63\u0d81-\u0d83\u0dca-\u0ddf\u0f18\u0f19\u0f35\u0f37"
    "\u0f39\u0f71-\u0f84\u0f86\u0f87\u0f8d-\u0fbc\u200c\u200d"
)
"""Signs that stand at a letter of a spaced script, and the joiners between two: no end of a word."""
_SIGNS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ece\u102b-\u103e\u1056-\u1059\u105e-\u1060\u1062-\u1064"
    "\u1067-\u106d\u1071-\u1074\u1082-\u108d\u17b4-\u17d3\u17dd\u3099\u309a\uff9e\uff9f"
)
"""Signs that stand at a letter of an unspaced script."""

_CHARACTER = re.compile(rf".[{_SIGNS}]*", re.DOTALL)
_ALONE = rf"(?:(?![{UNSPACED}{HANGUL}])[^\W_])"
_RUN = re.compile(
    rf"(?P<pairs>[{UNSPACED}]+|[{HANGUL}]+)|{_ALONE}(?:{_ALONE}|[{MARKS}])*(?:['\u2019](?:(?!\d){_ALONE}){{1,3}})?"
)
_LETTERS = re.compile(f"[{_SOUTH_EAST}]")
_PAIRED = re.compile(f"[{UNSPACED}{HANGUL}]")
_HAN_CHARACTER = re.compile(f"[{HAN}]")


def runs(text: str) -> Iterator[tuple[int, str, bool]]:
    """(start, run, whether its words do not stand apart) of what stands between spaces and marks."""
    for match in _RUN.finditer(text):
        yield match.start(), match[0], match["pairs"] is not None


def pairs(run: str, size: int = 2) -> list[tuple[int, str]]:
    """(start, pair) of every two neighbouring characters of a run, or of `size`; a shorter run is one."""
    at = [match.start() for match in _CHARACTER.finditer(run)] + [len(run)]
    return [(at[n], run[at[n] : at[min(n + size, len(at) - 1)]]) for n in range(max(1, len(at) - size))]


def words(text: str) -> Iterator[str]:
    """Words of a text in order, and pairs of characters where words do not stand apart."""
    for _, run, unspaced in runs(text):
        if unspaced:
            yield from (pair for _, pair in pairs(run))
        else:
            yield run


def han(run: str) -> list[str]:
    """The characters of a run that are words by themselves: those of Chinese."""
    return _HAN_CHARACTER.findall(run)


def is_unspaced(text: str) -> bool:
    """Whether a text begins with what stands in pairs: words there are not told apart by spaces."""
    return _PAIRED.match(text) is not None


def is_alphabetic(run: str) -> bool:
    """Whether an unspaced run is written in letters, which say less than a character of Chinese or Korean."""
    return _LETTERS.match(run) is not None
