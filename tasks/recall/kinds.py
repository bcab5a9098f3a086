"""What a question asks for, told by its form: a fact, a list, a time, several facts, or a whole document.

The idea: a few rules on words that questions of each kind begin with. A kind only changes what comes first;
where no rule fits, a question asks for a single fact.
"""

import re
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of questions."""

    FACT = "single fact"
    LIST = "list"
    TEMPORAL = "temporal"
    MULTI_HOP = "multi-hop"
    DOCUMENT = "whole document"


_DOCUMENT = re.compile(
    r"\b(?:summari[sz]e|summary|overview|gist|main (?:points?|ideas?|topics?|themes?)|tl;?dr)\b"
    r"|\bwhat(?: is|'s| are| does| do)\b.{0,60}\b(?:about|deal with|cover|contain)\s*\??$"
    r"|\bwhat (?:kind|sort|type) of (?:document|text|file|paper|report|contract|book)\b"
    r"|\bwhich (?:documents?|files?|papers?|reports?|contracts?|books?)\b",
    re.IGNORECASE,
)
_TEMPORAL = re.compile(
    r"^\W*(?:when|since when|until when|how long|how old|how often)\b"
    r"|\b(?:what|which|in what|on what) (?:year|month|day|date|time|week|season)\b",
    re.IGNORECASE,
)
_LIST = re.compile(
    r"^\W*(?:list|name|enumerate)\b"
    r"|\b(?:what|which) (?:are|were|all|kinds|types|sorts)\b|\bhow many\b|\b(?:all|every|each) (?:the|of)\b",
    re.IGNORECASE,
)
_MULTI_HOP = re.compile(
    r"\b(?:both|in common|compared? (?:to|with)|than|differ\w*|same)\b|\bbefore\b.*\bafter\b", re.IGNORECASE
)


def kind_of(question: str) -> Kind:
    """The kind of a question; a single fact where no rule says otherwise."""
    rules = (
        (_DOCUMENT, Kind.DOCUMENT),
        (_TEMPORAL, Kind.TEMPORAL),
        (_MULTI_HOP, Kind.MULTI_HOP),
        (_LIST, Kind.LIST),
    )
    return next((kind for rule, kind in rules if rule.search(question)), Kind.FACT)
