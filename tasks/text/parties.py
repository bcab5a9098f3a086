"""What a contract is called and between whom it is made, from its first page."""

import re

from tasks.text.headings import ABBREVIATED, LONGEST, is_titled, plain

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
_BETWEEN = re.compile(
    r"\b(?:by and )?(?P<word>between|among|zwischen|entre)\b(?:\s+and among)?\W{0,4}"
    r"(?:the following parties:?)?",
    re.IGNORECASE,
)
_AND = {"zwischen": "und", "entre": "y"}
_PARTY = (
    r"(?P<{0}>[^\W_][^|;:()“”\"\[\]]{{1,80}}?)(?=\s*(?:[(“\"|;:\[]|,\s+(?:an?|the|with|having|located|whose"
    r"|its|organi[sz]ed|dba|d/b/a|formerly|together"
    r"|including|hereinafter|on|as|incorporated in|acting|not|each|for|and|collectively|of)\b|,?\s(?:and"
    r"|whose|having|located|hereinafter|with an?|with (?:its|principal)|dba|d/b/a"
    r"|of \d|an? [A-Z]|an? (?:corp|comp|limited|public|private|indiv|non))\b|\.\s+(?-i:[A-Z][a-z]+\s[a-z])"
    r"|\sPage\s\d|,$|$))"
)
_FIRST = re.compile(r"\W*(?:\(?[a1i]\)\s*)?" + _PARTY.format("first"), re.IGNORECASE)
_SECOND = re.compile(
    r"(?:[)\"”,;|]|\bcorporation|\bcompany|\bpartnership|\d)\W{0,4}\b(?:and|und|et|y)\b(?!/)\W*(?:between\s+"
    r"|\(?[b2]\)\s*)?" + _PARTY.format("second"),
    re.IGNORECASE,
)
_SECOND_PLAIN = re.compile(r"\s+(?:and|und|et|y)\s+" + _PARTY.format("second"), re.IGNORECASE)
_SUFFIX = r"(?:inc|llc|l\.l\.c|ltd|l\.?p|corp|co|plc|gmbh|ag|s\.|b\.v|n\.a|limited|corporation|company|jr)\b"
_CHINESE = re.compile(r"[甲乙]方[^：:\n]{0,10}[：:]\s*([^\s，,（(]{2,40})")
_NO_PARTY = re.compile(
    r"_{2,}|\b(?:the|parties|party|agreement|effective|date|following|among|between|this|whereas|its)\b"
    r"|^\W*$|^\d+$",
    re.IGNORECASE,
)


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
    whole = f"{name} {_parties(page)}"
    return plain(whole if len(whole) <= LONGEST else name)


def _segment(page: str) -> str:
    """The first short line, or stretch between wide gaps, that names a contract."""
    for segment in re.split(r"\n|\s{3,}|(?i:\bexhibit [\d.]+\b)", page):
        text = " ".join(segment.split())
        while (shorter := _EXHIBIT.sub("", text)) != text:
            text = shorter
        text = re.split(_ENDS_TITLE, text)[0].strip(" .,:;-–_")
        if not 4 < len(text) <= 140 or _NOTICE.search(text):
            continue
        if not (
            ends := [match.end() for match in _NAME.finditer(text) if not _GOES_ON.match(text, match.end())]
        ):
            continue
        text = text[: ends[0]]
        if (
            text.isupper()
            or is_titled(text)
            or not text.isascii()
            or (text[0].isupper() and len(text.split()) <= 6)
        ):
            return text
    return ""


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


def _parties(page: str) -> str:
    """ "between Orrin Ltd. and Valdur GmbH", in the text's language; "" where the parties are left blank."""
    if len(chinese := list(dict.fromkeys(_CHINESE.findall(page)))) > 1:
        return "（" + "、".join(chinese[:2]) + "）"
    text = re.sub(r"[ \t]+", " ", re.sub(r"\s*\n\s*\n\s*|\s{4,}", " | ", page)).replace("\n", " ")
    for match in _BETWEEN.finditer(text):
        rest = text[match.end() : match.end() + 900]
        if first := _FIRST.match(rest):
            tail = rest[first.end() :]
            second = _SECOND_PLAIN.match(tail) or _SECOND.search(tail)
            names = [_name(first["first"]), _name(second["second"]) if second else ""]
            if all(names) and names[0] != names[1]:
                word = match["word"].lower()
                return f" {_AND.get(word, 'and')} ".join(
                    [f"{word if word in _AND else 'between'} {names[0]}", names[1]]
                )
    return ""


def _name(text: str) -> str:
    name = " ".join(text.split()).strip(" ,.;:-|")
    name = re.split(r",? (?:an?|having|with) |, (?!" + _SUFFIX + ")", name, flags=re.IGNORECASE)[0]
    if _NO_PARTY.search(name) or not re.search(r"[^\W\d_]{2}", name) or not re.search(r"[^\W\d_]", name[0]):
        return ""
    capital = sum(not word[0].islower() for word in name.split())
    name = re.sub(r"\s+dated$", "", name, flags=re.IGNORECASE)
    name += "." if ABBREVIATED.search(name + ".") else ""
    return name if capital >= 0.5 * len(name.split()) and len(name) > 2 else ""


_LEADING_DATE = re.compile(r"^(?:this\s+|(?:[A-Z][a-z]+ \d\d?, |\d\d? [A-Z][a-z]+ )?\d{4}\s+)", re.IGNORECASE)
_FORMS = {"GMBH": "GmbH", "INC": "Inc"} | {
    form: form for form in ("LLC", "LLP", "PLC", "USA", "AG", "II", "III")
}
_KEPT_SMALL = frozenset("AND OR OF TO FOR THE IN ON BY A AN WITH AS AT FROM".split())


def cased(name: str, text: str) -> str:
    """A name in capitals as people write it: a word keeps its capitals only where the text knows no other"
    " form."""
    if not name.isupper() and sum(word.isupper() and len(word) > 3 for word in name.split()) < 2:
        return name
    return re.sub(r"[^\W\d_]{2,}(?:['’]S\b)?", lambda word: _word(word[0], text, word.start() == 0), name)


def _word(word: str, text: str, first: bool) -> str:
    if not word.isupper():
        return word
    if word in _FORMS:
        return _FORMS[word]
    if word in _KEPT_SMALL:
        return word.capitalize() if first else word.lower()
    other = re.search(rf"(?<!\w)(?:{re.escape(word.capitalize())}|{re.escape(word.lower())})(?!\w)", text)
    beside_small = re.search(
        rf"[a-z]\W{{1,3}}{re.escape(word)}(?!\w)|(?<!\w){re.escape(word)}\W{{1,3}}[a-z]", text
    )
    return word.capitalize() if other or not beside_small or len(word) > 4 else word
