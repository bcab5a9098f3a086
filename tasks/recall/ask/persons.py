"""Persons: of whom a turn of a dialogue speaks, told by its pronouns and the names in it.

The idea: "I adopted a dog" speaks of its speaker, "you adopted a dog" of the one who listens, and to be
called by name is not to be spoken of: "Thanks, Nora! I adopted a dog" says nothing of Nora.
"""

import re

from tasks.recall.ask.statements import Statement
from tasks.recall.terms import stem, stems
from tasks.recall.text_cache import text_cache
from tasks.text.sentences import sentences
from tasks.text.speakers import opening

_CALLED = re.compile(
    r"(?:^|[,.!?:]|\b(?i:hey|hi|hello|thanks|wow|yeah|yep|oh|congrats|sure|aw+))\s*,?\s*[A-Z]\w+(?=\s*[,.!?])"
)
_SPEAKER = re.compile(
    r"\b(?:I|I'm|I've|I'd|I'll|[Mm]e|[Mm]y|[Mm]ine|[Mm]yself|[Ww]e|[Ww]e're|[Ww]e've|[Ww]e'll|[Uu]s|[Oo]urs?"
    r"|[Ii]ch|[Mm]ir|[Mm]ich|[Mm]eine?[mnrs]?|[Ww]ir|[Uu]nser\w*|[Jj]e|[Mm]oi|[Mm]on|[Mm]es|[Nn]ous|[Yy]o"
    r"|[Mm]is?|[Nn]osotr[oa]s)\b|\bj'|\u6211|\u79c1|\u50d5"
)
_LISTENER = re.compile(
    r"\b(?:you|your|yours|you're|you've|you'd|you'll|yourself|du|dir|dich|deine?[mnrs]?|tu|toi|ton|votre|vous|t\u00fa"
    r"|usted)\b|\u4f60|\u60a8|\u3042\u306a\u305f",
    re.IGNORECASE,
)
COMMENT = -0.5
"""Of what somebody says without a word of themselves: more likely of the other one."""


@text_cache(4096)
def stated(text: str) -> str:
    """A text without the sentences of it that ask; what only asks is left as it is."""
    spans = [(a, b) for a, b in sentences(text) if not asks(text[a:b])]
    return " ".join(text[a:b] for a, b in spans) or text


@text_cache(4096)
def asked_in(text: str) -> str:
    """The sentences of a text that ask."""
    return " ".join(text[a:b] for a, b in sentences(text) if asks(text[a:b]))


def asks(sentence: str) -> bool:
    """Whether a sentence ends as a question does."""
    return sentence.rstrip("\"'\u201d)] ").endswith(("?", "\uff1f", "\u061f"))


def spoken_of(one: Statement, asked: frozenset[str]) -> float:
    """Whether a statement speaks of one of the persons of its dialogue that are asked about: 1 if they speak
    of themselves, -1 if it speaks only of somebody else, 0 if that is not to be told.

    Args:
        asked: stems of the question. What counts is the sentence that has most of them.
    """
    people = speakers_of(one)
    named = asked & people
    if not named:
        return 0.0
    said = _said(one.text, asked - people)
    own, other = _SPEAKER.search(said), _LISTENER.search(said)
    if stem(one.speaker.split()[0]) in named:
        return 1.0 if own else COMMENT if len(named) == 1 and not _SPEAKER.search(stated(one.text)) else 0.0
    return 0.0 if other or named & stems(said) else -1.0


def _said(text: str, asked: frozenset[str]) -> str:
    """The sentence of a turn that has most of some stems, or all that it states where none has any; without
    who speaks and who is called."""
    text = stated(text)
    begins = opening(text)
    text = text[begins.text_at :] if begins else text
    some = [_CALLED.sub(" ", text[a:b]) for a, b in sentences(text)]
    best = max(some, key=lambda said: len(asked & stems(said)), default="")
    return best if asked & stems(best) else " ".join(some)


def speakers_of(one: Statement) -> frozenset[str]:
    """Stems of the first names of who speaks near a turn of a dialogue; empty where nobody does."""
    return _speakers(one.head) | _speakers(one.passage) if one.speaker else frozenset()


@text_cache(4096)
def _speakers(text: str) -> frozenset[str]:
    found = (opening(line) for line in text.splitlines())
    return frozenset(stem(one.speaker.split()[0]) for one in found if one)
