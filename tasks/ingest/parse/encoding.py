"""Which encoding the bytes of a text are in: certain where they say so themselves, else guessed and said.

The idea: the whole file decides. UTF-8 is tried strictly on all of it; what is not UTF-8 is guessed from
those of its lines that hold more than ASCII, wherever they are, among the encodings that people have used, by
the letters and words that come out; and what is chosen decodes every byte, or the file is damaged.
"""

import codecs
import io
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

from tasks.errors import BadDocument
from tasks.ingest.parse.base import Decoded

PIECE = 1 << 20
"""Bytes read at a time."""
SAMPLE = 1 << 17
"""Bytes that a guess goes by."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_WIDE = ("utf-32-le", "utf-32-be", "utf-16-le", "utf-16-be")
_ESCAPES = ((b"\x1b$", "iso2022_jp_ext"), (b"\x1b(", "iso2022_jp_ext"), (b"\x1b$)C", "iso2022_kr"))
_ASCII = ("utf-7", "hz", "iso2022_jp_ext", "iso2022_kr")
"""Encodings that write everything in ASCII: only who says so means them."""
_GUESSED = (
    "cp1252 cp1250 cp1251 cp1253 cp1254 cp1255 cp1256 cp1257 cp1258 iso8859-2 iso8859-5 iso8859-6 "
    "iso8859-7 iso8859-15 koi8-r koi8-u cp866 cp874 gb18030 big5hkscs cp932 euc_jis_2004 cp949 "
    "mac-roman mac-cyrillic cp850 cp437 cp852"
).split()
"""Encodings of texts that say nothing of theirs; the rest is not told from these, or not met."""
_LATIN = frozenset("cp1250 cp1254 cp1257 iso8859-2 iso8859-15 mac-roman cp850 cp437 cp852 cp1258".split())
_UNSURE, _CLOSE = 0.08, 0.8
"""Below this confidence, cp1252 is taken where it comes so close to a relative: it is used most."""
_RARE, _NEAR = frozenset("cp1250 iso8859-2 mac-roman cp850 cp437 cp852".split()), 0.45
"""Relatives that a few words are taken for by chance, and how close cp1252 must come to these."""
_EASTERN, _SURE = frozenset("gb18030 big5hkscs cp932 euc_jis_2004 cp949".split()), 0.1
"""Encodings of which characters look like UTF-8 by chance, and the confidence that no damaged UTF-8 has."""
_LIE, _DOUBT = 4.0, 0.12
"""So many times likelier than what a document declares, and so sure, and the bytes are believed."""
_NAMES = {
    "iso8859-1": "cp1252", "ascii": "cp1252", "iso8859-9": "cp1254", "tis-620": "cp874",
    "iso8859-11": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
    "euc_jp": "euc_jis_2004", "iso2022_jp": "iso2022_jp_ext",
}  # fmt: skip
"""What a name means in practice: browsers too read what is called the left as the right, which holds more."""
_LABELS = {"x-sjis": "cp932", "ks_c_5601-1987": "cp949", "x-gbk": "gb18030", "x-mac-cyrillic": "mac-cyrillic"}
_ASCII_WITH_NULS = re.compile(rb"(?>\0?[\t\n\f\r -~]{3,}+)++\0?")
"""Text of single bytes with a NUL here and there, which by chance may decode as Chinese."""
_LATIN_LETTER, _OTHER_LETTER = "[A-Za-z\u00c0-\u024f]", "[\u0370-\u06ff\u0e00-\u0e7f]"
_EAST = "[\u3400-\u9fff\uac00-\ud7a3\uff61-\uff9f]"
_EAST_LETTER, _MOSTLY = re.compile("[\u3000-\u30ff\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff5e]"), 0.98
_STRANGE = re.compile(
    f"{_LATIN_LETTER}{_OTHER_LETTER}|{_OTHER_LETTER}{_LATIN_LETTER}|[a-z]{_EAST}{{1,2}}(?=[a-z])|[\x80-\x9f]"
    "|[\ue000-\uf8ff]|(?<![\u2500-\u259f])[\u2591-\u2593](?![\u2500-\u259f])"
)
_TAG = re.compile(rb"<[^<>]{1,1000}>")
"""Letters of tags say nothing of the words between them."""
_LOOKED_AT = 1 << 14
"""Bytes of a sample whose words are looked at."""
_COOKIE = re.compile(
    rb"""<\?xml[^>]{0,80}\bencoding\s*=\s*["']?([\w.:-]+)|"""
    rb"""<meta\b[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]+)|"""
    rb"""\A(?:[^\n]*\n)?[^\n]{0,20}#[^\n]{0,20}\bcoding[:=]\s*([\w.-]+)|"""
    rb"""\A@charset\s+"([\w.-]+)";""",
    re.I,
)


def encoding_of(source: Path | bytes, label: str = "") -> Decoded:
    """How a text is to be decoded; the name that is given decodes all of it without an error.

    Args:
        label: what something beside the text, such as the header of a mail, says of its encoding.

    Raises:
        BadDocument: corrupt, where no encoding fits.
    """
    with _open(source) as file:
        head = file.read(PIECE)
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Decoded(name)
    if (named := python_name(label)) in _ASCII and head.isascii() and _decodes(source, named):
        return Decoded(named)
    if wide := wide_encoding(head):
        return Decoded(wide, guessed=True)
    for escape, name in _ESCAPES:
        if escape in head and head.isascii() and _decodes(source, name):
            return Decoded(name, guessed=True)
    error = _error(source, "utf-8")
    if error is None:
        return Decoded("utf-8")
    return _chosen(source, named or declared(head), error)


def _open(source: Path | bytes) -> BinaryIO:
    return io.BytesIO(source) if isinstance(source, bytes) else source.open("rb")


def wide_encoding(head: bytes) -> str:
    """UTF-16 or UTF-32 that a beginning is in though it has no byte-order mark; "" for anything else.

    Half of the bytes of such a text may be NUL, or, in Chinese, only those beside its spaces and line ends.
    """
    head = head[:4096]
    if b"\0" not in head or len(head) < 4 or _ASCII_WITH_NULS.fullmatch(head):
        return ""
    for name in _WIDE:
        width = 4 if "32" in name else 2
        try:
            text = codecs.getincrementaldecoder(name)().decode(head[: len(head) // width * width])
        except UnicodeDecodeError:
            continue
        kinds = [unicodedata.category(char) for char in text]
        strange = sum(kind in ("Cn", "Co", "Cs") for kind in kinds)
        strange += kinds.count("Cc") - sum(text.count(char) for char in "\t\n\r\f")
        rows = {ord(char) >> 8 for char in text}  # a text is in few alphabets
        if strange * 50 <= len(text) and any(map(str.isascii, text)) and len(rows) < 0.6 * len(text) + 2:
            return name
    return ""


def is_binary(head: bytes) -> bool:
    """Whether bytes are no text in any encoding: many of them are control characters."""
    if head.startswith(tuple(mark for mark, _ in _MARKS)):
        return False
    controls = sum(head.count(byte) for byte in range(32) if byte not in b"\t\n\r\f\x1b")
    return controls > len(head) // 20 + 1 and not wide_encoding(head)


def declared(head: bytes) -> str:
    """The encoding that a page, an XML file or source code names at its beginning; "" for none."""
    found = _COOKIE.search(head[:4096])
    label = next((group for group in found.groups() if group), b"") if found else b""
    return python_name(label.decode("ascii", "replace"))


def python_name(label: str) -> str:
    """What a label such as "iso-8859-1" means in practice, as Python calls it; "" for what is no encoding."""
    label = label.strip().lower()
    try:
        found = codecs.lookup(_LABELS.get(label, label))
        "".encode(found.name)  # some codecs are of bytes, or of texts: those are no encodings
    except (LookupError, ValueError):
        return ""
    return _NAMES.get(found.name, found.name)


def decode(content: bytes, label: str = "") -> tuple[str, Decoded]:
    """A text that is short enough to be held, and how it was decoded; `label` came with it.

    Raises:
        BadDocument: corrupt, where no encoding fits.
    """
    found = encoding_of(content, label)
    return content.decode(found.encoding), found


def _chosen(source: Path | bytes, named: str, error: UnicodeDecodeError) -> Decoded:
    sample = _telling(source)
    scores = _scores(sample)
    best = next(iter(scores), "")
    if _is_damaged(sample) and not (best in _EASTERN and scores[best] >= _SURE):
        raise BadDocument("corrupt", f"broken UTF-8 at byte {error.start:,}: {error.reason}")
    believed = named == best or scores.get(best, 0.0) < max(_DOUBT, _LIE * scores.get(named, 0.0))
    if named and not named.startswith("utf") and believed and _decodes(source, named):
        return Decoded(named)
    for name in scores:
        if _decodes(source, name):
            return Decoded(name, guessed=True)
    if wide := _wide_letters(source):
        return Decoded(wide, guessed=True)
    raise BadDocument("corrupt", f"broken UTF-8 at byte {error.start:,}, and no other encoding fits")


def _wide_letters(source: Path | bytes) -> str:
    """UTF-16 without a mark, of an East Asian text without a space or a line end; "" for anything else."""
    with _open(source) as file:
        head = file.read(4096)
    for name in ("utf-16-le", "utf-16-be"):
        text = head.decode(name, "ignore")
        if len(_EAST_LETTER.findall(text)) >= _MOSTLY * len(text) and _decodes(source, name):
            return name
    return ""


def _decodes(source: Path | bytes, name: str) -> bool:
    return _error(source, name) is None


def _error(source: Path | bytes, name: str) -> UnicodeDecodeError | None:
    decoder, at = codecs.getincrementaldecoder(name)(), 0
    try:
        with _open(source) as file:
            while piece := file.read(PIECE):
                decoder.decode(piece)
                at += len(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        return UnicodeDecodeError(error.encoding, b"", at + error.start, at + error.end, error.reason)
    return None


def _telling(source: Path | bytes) -> bytes:
    """Lines of a file that hold more than ASCII, as many as a guess needs."""
    found, size = [], 0
    for line in _lines(source):
        if not line.isascii():
            line = plain if not (plain := _TAG.sub(b" ", line)).isascii() else line
            found.append(line)
            size += len(line)
            if size >= SAMPLE:
                break
    return b"".join(found)


def _lines(source: Path | bytes) -> Iterator[bytes]:
    """Lines, long ones in pieces: a line end is one in every encoding that is guessed."""
    with _open(source) as file:
        while line := file.readline(SAMPLE):
            yield line


def _is_damaged(sample: bytes) -> bool:
    """Whether bytes are nearly UTF-8: that is a damaged text, not one in another encoding."""
    valid = sum(len(char.encode()) for char in sample.decode("utf-8", errors="ignore") if ord(char) > 127)
    return valid > sum(byte > 127 for byte in sample) // 2


def _scores(sample: bytes) -> dict[str, float]:
    """Encodings that may be meant, the likeliest first, with the confidence in each."""
    found = _detector()(sample, ignore_threshold=True, include_encodings=_GUESSED, compat_names=False)
    scores = {
        one["encoding"]: one["confidence"] * _plausible(sample[:_LOOKED_AT], one["encoding"])
        for one in found
        if one["encoding"]
    }
    scores = dict(sorted(scores.items(), key=lambda one: -one[1]))
    best = next(iter(scores), "cp1252")
    near = scores.get("cp1252", 0.0) >= (_NEAR if best in _RARE else _CLOSE) * scores.get(best, 0.0)
    high = [byte for byte in sample if byte > 127]
    alone = len(high) <= 2 and len(set(high)) == 1  # "5 °C" tells nothing apart
    if alone or (best in _LATIN and scores.get(best, 0.0) < _UNSURE and near):
        scores = {"cp1252": scores.get("cp1252", 0.0)} | scores
    return scores


def _plausible(sample: bytes, name: str) -> float:
    """1, or less where words come out in two alphabets, or with control characters in them."""
    text = sample.decode(name, errors="ignore")
    strange = len(_STRANGE.findall(text))
    letters = sum(not char.isascii() and char.isalpha() for char in text)
    return 1.0 if strange * 6 <= letters else 0.1


@cache
def _detector() -> Any:
    from chardet import detect_all  # here: its models are of no use to a text in UTF-8

    return detect_all
