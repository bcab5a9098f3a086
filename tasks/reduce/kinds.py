"""What a summary of each kind of document must tell, and where in the document that stands.

The idea: the start of a report says what it is about, the start of a contract only who makes it. A kind says
how much of a summary its opening takes, and names aspects; a sentence that brings an aspect no other has
brought yet is worth more. Aspects only add to what is central: words of other languages miss them harmlessly.
"""

import re
from dataclasses import dataclass
from functools import cached_property


class Aspect:
    """Something that a kind of document should be known by.

    Args:
        weight: what the first sentence that tells it gains; below 0, what each of them loses.
        words: regular expressions over two lines in lower case: the path of its section, and the sentence.
    """

    def __init__(self, weight: float, *words: str) -> None:
        self.weight, self.words = weight, words

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """All of its words."""
        return re.compile("|".join(self.words), re.MULTILINE)


@dataclass(frozen=True)
class Kind:
    """How documents of a kind are summarised."""

    opening: float = 0.5
    """Share of a summary that the document's first sentences take."""
    early: float = 0.3
    """What standing at the very start is worth beside standing at the very end."""
    follows: float = 0.5
    """What a sentence gains that follows a chosen one: a run reads better than as many apart."""
    aspects: tuple[Aspect, ...] = ()
    spread: float = 0.0
    """What a sentence gains in an eighth of the text of which nothing is chosen yet."""
    fragments: bool = False
    """Whether what does not end like a sentence says something too: turns, entries, items."""
    clauses: bool = False
    """Whether items of a list that end in a semicolon are clauses that stand by themselves."""
    letters: float = 0.6
    """Least share of letters among the characters of what can be quoted."""
    coverage: float = 0.0
    """What bringing the words that the document repeats is worth; such a kind has no central sentences."""

    def told_by(self, text: str) -> frozenset[int]:
        """Numbers of the aspects that a text tells."""
        lowered = text.lower()
        return frozenset(
            number for number, aspect in enumerate(self.aspects) if aspect.pattern.search(lowered)
        )


_PURPOSE = Aspect(
    0.4,
    r"\b(?:this|the present) (?:report|paper|study|article|document|memorandum|review|guide|survey|thesis)\b",
    r"\bdiese[rs]? (?:bericht|studie|arbeit)\b",
    r"\bcet(?:te)? (?:rapport|étude|article)\b|\bce rapport\b",
    r"\beste (?:informe|estudio)\b",
)
_LIABILITY = Aspect(0.4, r"\bliab(?:le|ility)\b", r"\bindemnif", r"\bhaft(?:ung|et)\b", r"\brespons")
_DEFINITION = Aspect(
    -0.4, r"[\"\u201d\u2019'] (?:shall )?(?:means?|refers? to|has the meaning)\b", r"\bbedeutet\b"
)
_CONTRACT = (
    _DEFINITION,
    Aspect(
        -2.0,
        r"\bconfidential treatment\b|\bomissions are (?:designated|marked|indicated)\b",
        r"\bomit(?:s|ted)\b.{0,60}\bconfidential|\bfiled separately with the\b",
    ),
    Aspect(0.6, r"\b(?:between|by and among|zwischen|entre)\b.*\b(?:inc|llc|ltd|corp|company|gmbh|s\.?a)\b"),
    Aspect(
        0.6,
        r"\b(?:shall|will|hereby|agrees? to) (?:provide|supply|deliver|sell|purchase|buy|lease)\b",
        r"\b(?:shall|will|hereby|agrees? to) (?:market|distribute|licen[cs]e|grants?|perform|develop)\b",
        r"\b(?:liefert|vermietet|gegenstand|objet du contrat|objeto del contrato)\b",
    ),
    Aspect(
        0.6,
        r"\bterm of this\b|\b(?:initial|renewal) term\b|\beffective date\b",
        r"\bshall (?:continue|commence|expire|remain in)\b",
        r"\b(?:laufzeit|beginnt am|durée|duración)\b",
    ),
    Aspect(
        0.6,
        r"\b(?:shall|will|must|agrees to) pay\b|\broyalt(?:y|ies)\b|\bpurchase price\b",
        r"\bfees?\b.*[$€£%]|[$€£] ?\d",
        r"\b(?:vergütung|miete beträgt|loyer|precio)\b",
    ),
    Aspect(0.6, r"\bterminat(?:e|es|ed|ion)\b", r"\bkündig", r"\brésili", r"\b(?:rescisión|terminación)\b"),
    _LIABILITY,
    Aspect(
        0.6, r"\bgoverned by\b|\bgoverning law\b", r"\b(?:anwendbares recht|droit applicable|ley aplicable)\b"
    ),
    Aspect(0.2, r"\bconfidential|\bexclusiv|\bnon-?compet", r"\bvertraulich|\bconfidencial"),
)
_LICENCE = (
    _DEFINITION,
    Aspect(
        0.5, r"\bpermission is\b|\bpermitted\b|\blicensed under\b", r"\bgrants?\b.*\b(?:licen[cs]e|right)"
    ),
    Aspect(
        0.5, r"\bprovided that\b|\byou must\b", r"\b(?:must|shall) (?:reproduce|retain|include|be included)\b"
    ),
    Aspect(0.4, r"\bpatents?\b"),
    Aspect(0.4, r"\bas is\b|\bwarrant(?:y|ies)\b"),
    _LIABILITY,
    Aspect(0.3, r"\bterminat"),
    Aspect(0.2, r"\btrademark"),
)
_MINUTES = (
    Aspect(-0.4, r"\bcalled to order\b|\badjourned\b|\bminutes\b.*\b(?:read|approved)\b|\bminutes of\b"),
    Aspect(0.6, r"\b(?:resolved|decided|approved|adopted|agreed|carried)\b", r"\bbeschl(?:ossen|ießt)\b"),
    Aspect(0.4, r"\bmotion\b|\bvote[ds]?\b|\bunanimous", r"\beinstimmig\b|\bunanimité\b"),
    Aspect(
        0.4, r"\baction\b|\bto do\b|\bwill\b.*\bby\b|\bdeadline\b", r"\bnext meeting\b|\bnächste sitzung\b"
    ),
    Aspect(0.2, r"\b(?:present|attend(?:ed|ees)?|anwesend|présents)\b"),
    Aspect(0.2, r"\bbudget\b|[$€£] ?\d"),
)
_DIALOGUE = (
    Aspect(-0.3, r": (?:hi|hey|hello|wow|nice|awesome|cool|thanks|thank you)\b", r"\?$"),
    Aspect(
        0.4,
        r"\b(?:i|we)(?:'m| am|'re| are)? (?:going to|planning|plan to|want to|decided|signed up)\b",
        r"\b(?:i|we)'ll\b",
    ),
    Aspect(
        0.4,
        r"\b(?:i|we)(?:'ve| have)? (?:just |recently |finally )?(?:started|began|went|got|made|won|bought)\b",
        r"\b(?:i|we)(?:'ve| have)? (?:just |recently |finally )?(?:moved|finished|joined|met|took)\b",
    ),
    Aspect(
        0.4,
        r"\b(?:my|our) (?:\w+ )?(?:job|school|family|kids?|wife|husband|son|daughter|mother|father|dog)\b",
    ),
    Aspect(0.3, r"\b(?:yesterday|tomorrow|(?:last|next) (?:week|month|year|night|weekend))\b"),
)
_ASIDE = (
    r"\A(?:[^>\n]{1,80} > )*\W*(?:\d[\d.]* )?(?:change ?log|changes|release (?:notes|history)|what's new"
    r"|history|licen[cs]e|copyright|credits?|contribut\w+|authors?|sponsors?|backers?|support us|donat\w+"
    r"|acknowledge?ments?|thanks|citation|citing|(?:running )?tests?|testing|development|getting help"
    r"|community|maintainers?|release process|building)\b.*\n"
)
"""Sections that are not what a readme is about."""
_README = (
    Aspect(-0.6, _ASIDE),
    Aspect(0.6, r"\A\W*[\w.-]+ (?:is|provides|implements|offers|lets|allows|makes|adds)\b"),
    Aspect(0.3, r"\b(?:library|framework|package|tool|module|plugin|client|implementation|toolkit)\b"),
    Aspect(0.2, r"\b(?:supports?|features?|provides?|requires?)\b"),
)
LONG_SPREAD = 0.3
"""The spread of a text that is too long for all of its sentences to be compared."""
KINDS = {
    "contract": Kind(opening=0.15, early=0.1, follows=0.1, clauses=True, aspects=_CONTRACT),
    "licence": Kind(opening=0.0, early=0.1, follows=0.1, clauses=True, aspects=_LICENCE),
    "minutes": Kind(opening=0.0, early=0.1, follows=0.1, spread=0.2, fragments=True, aspects=_MINUTES),
    "dialogue": Kind(0.0, 0.0, 0.1, _DIALOGUE, spread=0.2, fragments=True, coverage=1.0),
    "report": Kind(aspects=(_PURPOSE,)),
    "paper": Kind(
        aspects=(_PURPOSE, Aspect(0.4, r"\bwe (?:propose|present|introduce|describe|show|find)\b"))
    ),
    "book": Kind(opening=0.1, early=0.1, spread=LONG_SPREAD),
    "code": Kind(opening=0.6),
    "changelog": Kind(
        opening=0.8,
        early=0.6,
        fragments=True,
        aspects=(Aspect(0.4, r"\b(?:breaking|removed|deprecat|security|drop(?:s|ped)? support)"),),
    ),
    "mail": Kind(
        aspects=(
            Aspect(
                0.4, r"\bplease\b|\bdeadline\b|\bcould you\b|\bdecid|\bmeeting\b", r"\bbitte\b|\bmerci de\b"
            ),
        )
    ),
    "notebook": Kind(opening=0.4, follows=0.3, aspects=(_PURPOSE,)),
    "slides": Kind(opening=0.2, early=0.1, follows=0.2, spread=0.2, fragments=True, aspects=(_PURPOSE,)),
    "table": Kind(opening=0.3, early=0.1, spread=0.2, fragments=True, letters=0.4),
    "readme": Kind(opening=0.4, follows=0.3, aspects=_README),
}
TEXT = Kind(aspects=(_PURPOSE,))
"""A text of no kind that is known."""


def kind_of(name: str) -> Kind:
    """How a document of this kind (`tasks.text.outline`) is summarised."""
    return KINDS.get(name, TEXT)
