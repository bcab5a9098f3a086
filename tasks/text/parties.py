"""Between whom a contract is made, from its first page."""

import re
from collections.abc import Iterator

from tasks.text.headings import ABBREVIATED

_BETWEEN = re.compile(
    r"\b(?:by and )?(?P<word>between|among|zwischen|entre)\b(?:\s+and among)?\W{0,4}"
    r"(?:the following parties:?|on the one hand\W*)?",
    re.IGNORECASE,
)
_PARTIES_CHARS = 900
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
    r"_{2,}|\b(?:parties|party|agreement|effective|date|following|among|between|this|whereas|its|entity)\b|^\W*$|^\d+$"
    r"|^(?:corporation|company|customer|buyer|seller|supplier|landlord|tenant|franchisee|agent|us|you|them)$",
    re.IGNORECASE,
)


def parties(page: str, most: int = 2) -> str:
    """ "between Orrin Ltd. and Valdur GmbH", in the text's language; "" where nobody is named.

    Args:
        most: name so many; one is named as "of Orrin Ltd.", as where the other is left blank.
    """
    if len(chinese := list(dict.fromkeys(_CHINESE.findall(page)))) > 1:
        return "（" + "、".join(chinese[:2]) + "）"
    text = re.sub(r"[ \t]+", " ", re.sub(r"\s*\n\s*\n\s*|\s{4,}", " | ", page)).replace("\n", " ")
    single = ""
    for match in _BETWEEN.finditer(text):
        word = match["word"].lower()
        named = _pair(text[match.end() : match.end() + _PARTIES_CHARS])
        if len(named) == 2 and most == 2:
            return f"{word if word in _AND else 'between'} {named[0]} {_AND.get(word, 'and')} {named[1]}"
        if named and not single and word not in _AND and re.search(rf"\b{_SUFFIX}", named[0], re.IGNORECASE):
            single = f"of {named[0]}"
    return single


def _pair(rest: str) -> list[str]:
    """The names of the first parties, two at most, in what follows the word "between"."""
    first = _FIRST.match(rest)
    name = _name(first["first"]) if first else ""
    if not first or not name:
        return []
    others = (_name(second) for second in _seconds(rest[first.end() :]))
    return [name, *[other for other in others if other and other != name][:1]]


def _seconds(tail: str) -> Iterator[str]:
    if plainly := _SECOND_PLAIN.match(tail):
        yield plainly["second"]
    for match in _SECOND.finditer(tail):
        yield match["second"]


def _name(text: str) -> str:
    name = re.sub(
        r"^(?:the|on the other hand\W*)\s+", "", " ".join(text.split()).strip(" ,.;:-|"), flags=re.IGNORECASE
    )
    name = re.split(r",? (?:an?|having|with) |, (?!" + _SUFFIX + ")", name, flags=re.IGNORECASE)[0]
    name = re.split(r"\s(?:dated|together|effective|pursuant)\b", name, flags=re.IGNORECASE)[0]
    if _NO_PARTY.search(name) or not re.search(r"[^\W\d_]{2}", name) or len(name) < 3:
        return ""
    if not name[0].isupper() and name[0].isascii() and not re.search(rf"\b{_SUFFIX}", name, re.IGNORECASE):
        return ""
    capital = sum(not word[0].islower() for word in name.split())
    name += "." if ABBREVIATED.search(name + ".") and f"{name}." in " ".join(text.split()) else ""
    return name if capital >= 0.5 * len(name.split()) else ""
