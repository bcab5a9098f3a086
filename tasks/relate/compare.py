"""Whether two sentences say the same of the same thing, or another value of it.

The idea: precise rather than many. The words must be nearly the same, the values of the same kinds in the
same order, and exactly one of them another. Between documents of which neither is a version or a copy of the
other, both sentences must also name what they speak of: "the rent is 1,450 euros" is said of one lease here
and of another one there.
"""

import re
from difflib import SequenceMatcher

from tasks.recall.terms import stems
from tasks.relate.said import Said, jaccard, said
from tasks.text.roles import Role, role

ALIKE = 0.75
"""Jaccard similarity of the words of two sentences, values aside, from which they speak of the same."""
SURELY = 0.9
"""The same where the only difference is a name or a negation."""
LEAST_WORDS = 4
"""Content words that a sentence which is compared has, values aside."""
LEAST_LOWER = 3
"""Words of three letters and more, in small letters, that tell a sentence from a title."""
_LOWER = re.compile(r"(?<![^\W_])[a-z\u00df-\u00ff]{3,}(?![^\W_])")
_OWN = re.compile(
    r"\b(?:this|these|here(?:in|of|by|to|under|inafter|with)|the (?:present|said|aforesaid|above|following"
    r"|parties|party|agreement|contract|company|tenant|landlord|lessor|lessee|licen[sc]ee|licen[sc]or|seller|buyer"
    r"|purchaser|supplier|customer|client|contractor|distributor|franchisee|borrower|lender|employee|employer"
    r"|effective date|author|authors|meeting|board|committee|chair|council|user|project|package|software))\b"
    r"|\b(?:we|our|ours|us|i|my|me|you|your|it|its|they|their|them|he|she|his|her)\b",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"\b(?:today|tonight|yesterday|tomorrow|now|current(?:ly)?|recent(?:ly)?|(?:last|next|this|previous|past"
    r"|coming) (?:\w+ )?(?:day|night|week|month|quarter|year|spring|summer|autumn|fall|winter|morning|evening"
    r"|monday|tuesday|wednesday|thursday|friday|saturday|sunday)|ago|heute|gestern|morgen)\b",
    re.IGNORECASE,
)
_GENERIC = frozenset(
    "agreement contract lease company party parties tenant landlord licensee licensor seller buyer supplier "
    "customer section article exhibit schedule state city federal board committee january february march "
    "april may june july august september october november december monday tuesday wednesday thursday friday "
    "saturday sunday licence license software work product products services report note notes".split()
)
_CLAIMS = re.compile(
    r"\bthe [\w\s'-]{2,60}? (?:is|was|are|were|will be)\b|\b(?:is|was) the\b|[a-z](?:ed|en|lt) by\b"
    r"|\b(?:may|must|shall|can|will)\b"
)
"""What may be denied, or true of one name only, see `_FILLED`."""
_FILLED = re.compile(
    r"(?:\bthe [\w\s'-]{2,60}? (?:is|was|are|were|shall be|will be)(?: the)? \u25c6"
    r"|^\W*\u25c6 (?:is|was) the [a-z]"
    r"|\b(?:led|headed|chaired|managed|owned|written|designed|built|founded|appointed|governed|represented|signed"
    r"|approved|replaced|succeeded|supplied|operated) by (?:the laws of (?:the )?(?:state of )?)?\u25c6)",
    re.IGNORECASE,
)
"""A place in a sentence that only one name can fill."""
_ONCE = re.compile(
    r"\b(?:found|open|built|build|complet|begin|began|start|commenc|end|expir|terminat|due|born|die|publish|launch"
    r"|effective|sign|establish|deadline|deliver|clos|adopt|merg|acquir)\w*\b",
    re.IGNORECASE,
)
"""What happens once, so that two dates of it contradict each other."""


def comparable(text: str) -> bool:
    """Whether a sentence names what it speaks of and may be contradicted by one of any document."""
    if not _stands_alone(text):
        return False
    one = said(text)
    return bool(one.values or one.negations) or _CLAIMS.search(text) is not None


def _stands_alone(text: str) -> bool:
    if role(text) is not Role.STATEMENT or _OWN.search(text) or _NOW.search(text):
        return False
    one = said(text)
    if len(_LOWER.findall(text)) < LEAST_LOWER or len(one.words) < LEAST_WORDS:
        return False
    return any(_names_a_thing(name) for name in one.names)


def verdict(one: str, other: str, *, kin: bool) -> str:
    """ "contradicts", "confirms" or "" for two sentences.

    Args:
        kin: whether they stand in versions or copies of one text, so that "the rent" is the same rent.
    """
    first, second = said(one), said(other)
    if min(len(first.words), len(second.words)) < LEAST_WORDS or _alike(first, second) < ALIKE:
        return ""
    if kin and any(role(text) is not Role.STATEMENT for text in (one, other)):
        return ""
    if not kin and not (_stands_alone(one) and _stands_alone(other) and _shared(first, second)):
        return ""
    if first.names != second.names:
        return "contradicts" if _other_name(first, second) else ""
    if _kinds(first) != _kinds(second):
        return ""
    differing = [a.kind for a, b in zip(first.values, second.values, strict=True) if a.form != b.form]
    if not differing:
        return _unless_denied(first, second)
    on, then = ([v.form for v in some.values if v.kind == "date"] for some in (first, second))
    if len(differing) > 1 or first.negations != second.negations or (on != then and not _ONCE.search(one)):
        return ""
    return "contradicts"


def _alike(first: Said, second: Said) -> float:
    """How alike their words are, not counting the names that only one of them has."""
    apart = stems(" ".join(first.names ^ second.names))
    return jaccard(first.words - apart, second.words - apart)


def _unless_denied(first: Said, second: Said) -> str:
    if first.negations != second.negations:
        return "contradicts" if _alike(first, second) >= SURELY else ""
    return "confirms" if first.values and first.names else ""


def _kinds(one: Said) -> tuple[str, ...]:
    return tuple(value.kind for value in one.values)


def _names_a_thing(name: str) -> bool:
    return not set(name.split()) <= _GENERIC


def _shared(first: Said, second: Said) -> bool:
    """Whether both name the same thing."""
    return any(_names_a_thing(name) for name in first.names & second.names)


def _other_name(first: Said, second: Said) -> bool:
    """Whether the only difference is a name, where only one can stand."""
    if first.forms != second.forms or first.negations != second.negations:
        return False
    ours, theirs = first.text.split(), second.text.split()
    blocks = [
        block
        for block in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes()
        if block[0] != "equal"
    ]
    if len(blocks) != 1 or blocks[0][0] != "replace":
        return False
    _, a, b, c, d = blocks[0]
    if not all(word[:1].isupper() for word in (*ours[a:b], *theirs[c:d])):
        return False
    return _FILLED.search(" ".join([*ours[:a], "\u25c6", *ours[b:]])) is not None
