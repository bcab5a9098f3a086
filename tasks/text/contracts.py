"""What a contract is called, from its first page, by whatever stands around its name."""

import re

from tasks.text.casing import cased
from tasks.text.headings import LONGEST, is_titled, plain
from tasks.text.parties import parties

_FIRST_PAGE = 6000
_NAMES = (
    r"(?:agreement|contract|lease|amendment|deed|memorandum of understanding|addendum|guaranty|guarantee)"
)
_NAME = re.compile(
    rf"\b{_NAMES}s?\b|\w*(?:vertrag|vereinbarung)\b|\b(?:contrat|contrato|convention|convenio|acuerdo)\b"
    r"|合同|协议|契約|अनुबंध|समझौता|عقد|اتفاقية",
    re.IGNORECASE,
)
_THIS = re.compile(
    r"\bthis\s+(?P<name>(?:[A-Za-z#][\w&/,'’#.-]*\s+){1,10}?(?:agreement|contract|lease"
    r"|amendment(?: no\.? ?\d+)?|deed))\b",
    re.IGNORECASE,
)
_CAPITALS = re.compile(
    r"(?<![\w.])(?P<name>(?:[A-Z][A-Z0-9&/,'’#.-]*\s+|and\s+|AND\s+){0,10}?(?:AGREEMENT|CONTRACT|LEASE"
    r"|AMENDMENT|DEED)S?)\b(?!\s+(?:TO|OF|NO|AND|FOR)\b|\s*#)"
)
_EXHIBIT = re.compile(
    r"^\W*(?:\d{1,3}\s+)?(?:exhibit|ex-|annex|schedule)\s*[\w.()-]{1,12}[\s:.-]+"
    r"|^\W*(?:execution (?:version|copy)|confidential|final|draft|form of|source:?)\b[\s:,-]*",
    re.IGNORECASE,
)
_NOTICE = re.compile(
    r"confidential (?:treatment|portions|information)|\bportions\b|omitted|redacted|pursuant to|securities"
    r"|excluded|table of contents|"
    r"please read|see section|read this|\bthe\s+agreement\b|\bthis agreement\b|\bindex to\b",
    re.IGNORECASE,
)
_ENDS_TITLE = re.compile(
    r"\s+(?:by and (?:between|among)|between|among|dated|effective|made|this|is)\b|\s*[(“\"]|\s-{3,}|\s_{3,}",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"\s*(?:#|&|,? (?:to|of|for|no|number|and|agreement|contract)\b)", re.IGNORECASE)
_LEADS_UP = re.compile(
    r"(?:\b(?:to|of|for|and)|amendment and \w+|amendment (?:no\.?|#) ?\w+)$", re.IGNORECASE
)
_LEADING_DATE = re.compile(r"^(?:this\s+|(?:[A-Z][a-z]+ \d\d?, |\d\d? [A-Z][a-z]+ )?\d{4}\s+)", re.IGNORECASE)


def contract_title(head: str) -> str:
    """Such as "Supply Agreement between Orrin Ltd. and Valdur GmbH"; "" where the text names no contract."""
    page = head[:_FIRST_PAGE]
    name = _segment(page) or _in_capitals(page) or _this(page)
    if not name:
        return ""
    if name.lower() in ("agreement", "this agreement", "contract", "amendment") and (
        longer := _in_capitals(page) or _this(page)
    ):
        name = longer
    name = cased(_LEADING_DATE.sub("", name), head)
    whole = f"{name} {parties(page)}"
    if len(whole) > LONGEST:
        whole = f"{name} {parties(page, most=1)}"
    return plain(whole if len(whole) <= LONGEST else name)


def _segment(page: str) -> str:
    """The first short line, or stretch between wide gaps, that names a contract, and what leads up to it."""
    begun = ""
    for segment in re.split(r"\n|\s{3,}|(?i:\bexhibit [\d.]+\b)", page):
        text = " ".join([begun, *segment.split()]).strip()
        if not segment.strip():
            continue
        while (shorter := _EXHIBIT.sub("", text)) != text:
            text = shorter
        text = re.split(_ENDS_TITLE, text)[0].strip(" .,:;-–_")
        begun = text if _LEADS_UP.search(text) and len(text) < 80 and _NAME.search(text) else ""
        if begun or not 4 < len(text) <= 140 or _NOTICE.search(text):
            continue
        if named := _named(text):
            return named
    return ""


def _named(text: str) -> str:
    """What of a line names a contract, as a title is written; "" for none."""
    ends = [match.end() for match in _NAME.finditer(text) if not _GOES_ON.match(text, match.end())]
    text = text[: ends[0]] if ends else ""
    short = bool(text) and text[0].isupper() and len(text.split()) <= 6
    return text if text.isupper() or is_titled(text) or not text.isascii() or short else ""


def _in_capitals(page: str) -> str:
    for match in _CAPITALS.finditer(page):
        words = match["name"].split()
        while words and (
            words[0] in ("THIS", "THE", "AND", "and", "EXHIBIT", "FORM", "OF", "TO", "A")
            or not re.search("[A-Z]{2}", words[0])
        ):
            words = words[1:]
        if len(words) > 1 and not _NOTICE.search(" ".join(words)):
            return " ".join(words)
    return ""


def _this(page: str) -> str:
    for match in _THIS.finditer(page):
        if is_titled(match["name"]) or match["name"].isupper():
            return " ".join(match["name"].split())
    return ""
