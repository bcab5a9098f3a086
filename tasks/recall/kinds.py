"""What a question asks for, told by its form: a single fact, or what a whole document says.

The idea: a few rules on words that such questions hold. Times that a question names are resolved elsewhere
(`tasks.text.periods`), and lists and questions of several hops are served best as single facts are: neither
more candidates nor spreading them over documents found more of their evidence.
"""

import re
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of questions that are served differently."""

    FACT = "single fact"
    DOCUMENT = "whole document"


_DOCUMENT = re.compile(
    r"\b(?:summari[sz]e|summary|overview|gist|main (?:points?|ideas?|topics?|themes?)|tl;?dr)\b"
    r"|\bwhat(?: is|'s| are| does| do)\b.{0,120}\b(?:about|deal with|cover|contain)\s*\??$"
    r"|\bwhat (?:kind|sort|type) of (?:document|text|file|paper|report|contract|book)\b"
    r"|\bwhich (?:documents?|files?|papers?|reports?|contracts?|books?)\b",
    re.IGNORECASE,
)


def kind_of(question: str) -> Kind:
    """The kind of a question; a single fact where no rule says otherwise."""
    return Kind.DOCUMENT if _DOCUMENT.search(question) else Kind.FACT
