"""Characters that nobody sees: they hide words from a reader, or turn the order in which they are shown.

The idea: what was read may steer neither the eye nor the terminal. Marks that scripts need (the joiners of
Persian and Hindi, what isolates a direction) stay; what overrides an order or writes invisibly does not.
"""

import re

_CONTROLS: dict[int, int] = {code: 0x2400 + code for code in range(32) if chr(code) not in "\n\t"}
_CONTROLS |= {127: 0x2421} | dict.fromkeys(
    [*range(0x80, 0xA0), *range(0x202A, 0x202F), 0x2066, 0x2067], 0xFFFD
)
_CONTROLS |= dict.fromkeys([0x2028, 0x2029], 0x2424)
_TAGS = range(0xE0000, 0xE0080)
"""Letters that no font shows (Unicode Tags)."""
_FLAG = re.compile(r"(?<=\U0001f3f4)[\U000e0030-\U000e0039\U000e0061-\U000e007a]{2,6}\U000e007f")
"""The flag of a region, the one use that these letters have."""
_ZERO = "\u200b\u200c\u200d\u2060\u2061\u2062\u2063\u2064\ufeff\u180e\u00ad"
_TURNS = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"
_BARED = dict.fromkeys(map(ord, _ZERO + _TURNS)) | {
    code: chr(code & 0x7F) for code in range(0xE0020, 0xE007F)
}

_SPLIT = re.compile(
    r"[a-z\u0430-\u044f\u4e00-\u9fff][\u200b\u200c\u200d\u2060-\u2064\ufeff]+(?=[a-z\u0430-\u044f\u4e00-\u9fff])"
)
_MANY = re.compile(r"[\u200b\u200c\u200d\u2060-\u2064\ufeff]{8}")
_OVERRIDE = re.compile(r"[\u202d\u202e]")
_SPLITS = 3
"""Words of small letters that are cut by invisible characters, from which that is no accident."""


def printable(text: str) -> str:
    """A text whose control characters are seen, not obeyed: what was read steers no terminal and no page."""
    text = text.translate(_CONTROLS)
    return "".join(char for char in text if ord(char) not in _TAGS) if not text.isascii() else text


def hides(text: str) -> bool:
    """Whether a text has characters whose only use is to hide words or to show them in another order."""
    if text.isascii():
        return False
    if _OVERRIDE.search(text) or _MANY.search(text) or len(_SPLIT.findall(text)) >= _SPLITS:
        return True
    return any(ord(char) in _TAGS for char in _FLAG.sub("", text))


def bared(text: str) -> str:
    """The words of a text without what is invisible between them, and those that are written invisibly."""
    return text if text.isascii() else text.translate(_BARED)
