"""Exact values in a text: dates, amounts, numbers, names; and which of them a question asks for.

The idea: "when" is answered by a date and "how many" by a number. A sentence without one does not answer,
whatever its words are; one with another value than a second sentence of the same words contradicts it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tasks.recall.terms import STOP
from tasks.text.interrogatives import ASKS, KOREAN_DATE, MONEY, SPELT_DATE, SPELT_MONEY

Expected = Literal["date", "duration", "money", "percent", "number", "person", "yes or no", "reason", ""]

_MONTH = (
    r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?"
    r"|nov(?:ember)?|dec(?:ember)?|januar|februar|m\u00e4rz|mai|juni|juli|oktober|dezember|janvier|f\u00e9vrier"
    r"|mars|avril|juin|juillet|ao\u00fbt|octobre|novembre|d\u00e9cembre|enero|febrero|marzo|mayo|junio|julio"
    r"|septiembre|octubre|noviembre|diciembre)\.?"
)
_ORDINAL = r"(?:st|nd|rd|th|\.|er|ter)?"
_NUMBER_WORD = (
    r"(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen"
    r"|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand"
    r"|million|billion|dozen|half|ein(?:e|en|em|er)?|zwei|drei|vier|f\u00fcnf|sechs|sieben|acht|neun|zehn|elf"
    r"|zw\u00f6lf|dreissig|drei\u00dfig|deux|trois|quatre|cinq|dix|dos|tres|cuatro|cinco|diez)"
)
_DIGITS = r"\d+(?:[.,']\d+)*"
_HAN_DIGITS = r"[\u4e00\u4e8c\u4e09\u56db\u4e94\u516d\u4e03\u516b\u4e5d\u5341\u767e\u5343\u4e07\u5169\u4e24]"
_UNIT = (
    r"(?:second|minute|hour|day|week|fortnight|month|quarter|year|decade|tag|tage|tagen|woche|wochen|monat"
    r"|monate|monaten|jahr|jahre|jahren|stunden?|minuten?|jours?|semaines?|mois|ans?|heures?|d\u00edas?|semanas?"
    r"|mes(?:es)?|a\u00f1os?|horas?|minutos?)s?"
)
_RELATIVE = (
    r"(?:yesterday|today|tomorrow|tonight|last|next|this|previous|past)\s+(?:night|week(?:end)?|month|year"
    r"|spring|summer|autumn|fall|winter|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|yesterday|today|tomorrow|tonight|\b(?:mon|tues|wednes|thurs|fri|satur|sun)day\b"
    r"|(?:a few|several|two|three|\d+) (?:days|weeks|months|years) ago|gestern|heute|morgen"
)

_DATE = re.compile(
    rf"\b\d{{1,2}}{_ORDINAL}\s*(?:day\s+)?(?:of\s+)?(?:de\s+)?{_MONTH}(?:,?\s+(?:of\s+|de\s+)?\d{{4}})?\b"
    rf"|\b{_MONTH}\s+\d{{1,2}}{_ORDINAL}(?:,?\s+\d{{4}})?\b|\b{_MONTH},?\s+(?:of\s+)?\d{{4}}\b"
    r"|\b\d{4}[-/.]\d{1,2}(?:[-/.]\d{1,2})?\b|\b\d{1,2}[./-]\d{1,2}[./-]\d{2,4}\b"
    r"|\b(?:1[5-9]|20)\d\d\b(?![.,]\d)"
    rf"|{SPELT_DATE}|{KOREAN_DATE}"
    r"|\d{2,4}\s*\u5e74(?:\s*\d{1,2}\s*\u6708)?(?:\s*\d{1,2}\s*[\u65e5\u53f7])?|\d{1,2}\s*\u6708\s*\d{1,2}\s*[\u65e5\u53f7]",
    re.IGNORECASE,
)
_RELATIVE_DATE = re.compile(rf"\b(?:{_RELATIVE})\b", re.IGNORECASE)
_CLOCK = re.compile(
    r"\b\d{1,2}[:.]\d{2}\b|\b\d{1,2}\s*(?:a\.?m|p\.?m|uhr|o'clock)\b|\b(?:noon|midnight)\b", re.I
)
_DURATION = re.compile(
    rf"\b(?:{_DIGITS}|{_NUMBER_WORD}|an?)(?:[-\s]+{_NUMBER_WORD})*(?:\s*\(\s*{_DIGITS}\s*\))?[-\s]+"
    rf"(?:(?:business|calendar|working|full|consecutive|more)\s+)?{_UNIT}\b"
    rf"|(?:{_DIGITS}|{_HAN_DIGITS}+)\s*(?:\u4e2a)?(?:\u5929|\u65e5|\u6708|\u5e74|\u5c0f\u65f6|\u5206\u949f|\u661f\u671f|\u5468)"
    r"|\b(?:perpetual(?:ly)?|indefinite(?:ly)?|annual(?:ly)?|daily|weekly|monthly|quarterly|yearly|forever)\b",
    re.IGNORECASE,
)
_CURRENCY = (
    r"(?:US\$|USD|EUR|GBP|CHF|JPY|RMB|CNY|C\$|A\$|[$\u20ac\u00a3\u00a5\u20b9]"
    r"|euros?|dollars?|pounds?|francs?|cents?|yen|yuan|pesos?|crowns?|kronor|rupees?)"
)
_MONEY = re.compile(
    rf"{_CURRENCY}\s*{_DIGITS}(?:\s*(?:million|billion|thousand|m|bn|k)\b)?"
    rf"|(?:{_DIGITS}|{_NUMBER_WORD})(?:\s*\(.{{1,20}}?\))?\s*(?:million\s+|billion\s+|thousand\s+)?"
    rf"(?:US\s+|U\.S\.\s+)?{_CURRENCY}(?![a-z])|(?:{_DIGITS}|{_HAN_DIGITS}+)\s*(?:\u5143|\u7f8e\u5143|\u6b27\u5143|\u4e07\u5143|\u5186|{MONEY})|{SPELT_MONEY}",
    re.IGNORECASE,
)
_PERCENT = re.compile(
    rf"(?:{_DIGITS}|{_NUMBER_WORD})(?:\s*\(.{{1,12}}?\))?\s*(?:%|\uff05|per\s*cent\b|percent\b|prozent\b)",
    re.I,
)
_NUMBER = re.compile(rf"{_DIGITS}|\b{_NUMBER_WORD}\b|{_HAN_DIGITS}+", re.IGNORECASE)
_OFTEN = re.compile(
    r"\b(?:once|twice|every|each|per|times|always|never|rarely|often|usually|sometimes)\b", re.I
)
_NAME = re.compile(r"\b[^\W\d_a-z]\w+(?:[-'\u2019]\w+)*(?:\s+(?:of|the|and|&|de|von|van)?\s*[^\W\d_a-z]\w+)*")
_REASON = re.compile(
    r"\b(?:because|since|due to|as a result|so that|so|in order|therefore|to|for|thanks to|reason|weil|damit"
    r"|parce que|porque|'cause|cause)\b|\u56e0\u4e3a|\u56e0",
    re.IGNORECASE,
)

_PATTERNS: tuple[tuple[Expected, str], ...] = (
    (
        "duration",
        r"\bhow (?:long|often|frequently|soon|old)\b|\bhow many (?:\w+ )?(?:days?|weeks?|months?|years?"
        r"|hours?|minutes?|seconds?)\b|\bwie (?:lange|oft)\b|\bwie viele (?:tage|wochen|monate|jahre)\b"
        r"|\bcombien de temps\b|\bcu\u00e1nto tiempo\b|\u591a\u4e45|\u591a\u957f\u65f6\u95f4|\u51e0\u5929"
        r"|\b(?:what|which) (?:is the )?(?:\w+ ){0,2}(?:notice period|duration|length of time|term length)\b",
    ),
    (
        "money",
        r"\bhow much (?:money|does|did|do|is|was|are|will|must|shall|has|have)\b.*\b(?:cost|pay|paid|owe"
        r"|charge|fee|rent|price|worth|spend|spent|salary|receive)\b"
        r"|\b(?:what|which) (?:is|was|are|were) the (?:[\w-]+ ){0,3}(?:price|fee|rent|cost|salary|amount|"
        r"royalty|payment|deposit|penalty|budget|fine)s?\b|\bwas kostet\b|\bwie hoch ist die (?:miete|"
        r"geb\u00fchr|kaution)|\u591a\u5c11\u94b1|\u591a\u5c11\u5143|\u79df\u91d1\u662f\u591a\u5c11",
    ),
    (
        "percent",
        r"\b(?:what|which) (?:percentage|percent|share|proportion|fraction|rate|interest rate)\b"
        r"|\bwhat is the (?:[\w-]+ ){0,3}(?:percentage|rate)\b|\bhow many percent\b|\bwie viel prozent\b"
        r"|\u767e\u5206\u4e4b",
    ),
    (
        "date",
        r"\bwhen\b|\b(?:what|which|on what|in which|by which) (?:\w+ )?(?:date|day|year|month|time)\b"
        r"|\bwhat (?:is|was) the (?:[\w-]+ ){0,3}(?:date|deadline)\b|\b(?:since|until|from) when\b"
        r"|\bhow recently\b|\bwann\b|\ban welchem (?:tag|datum)\b|\bseit wann\b|\bquand\b|\bcu\u00e1ndo\b"
        r"|\u4ec0\u4e48\u65f6\u5019|\u4f55\u65f6|\u54ea\u4e00?\u5e74|\u54ea\u5929|\u51e0\u6708|\u3044\u3064(?!\u304b)",
    ),
    (
        "number",
        r"\bhow (?:many|much|far|large|big|tall|high|wide|deep|heavy|fast)\b|\bwhat (?:number|size|version)\b"
        r"|\bwhat is the (?:[\w-]+ ){0,3}(?:number|size|length|weight|height|speed|temperature|limit)\b"
        r"|\bwie (?:viele?|hoch|gro\u00df|schwer|weit|schnell|tief)\b|\bcombien\b|\bcu\u00e1nt[oa]s?\b"
        r"|\u591a\u5c11|\u51e0\u4e2a|\u51e0",
    ),
    (
        "reason",
        r"\bwhy\b|\bwhat (?:is|was) the reason\b|\bwarum\b|\bwieso\b|\bpourquoi\b|\u4e3a\u4ec0\u4e48",
    ),
    (
        "person",
        r"\bwho(?:m|se)?\b|\bwer\b|\bwem\b|\bwen\b|\bwessen\b|\bqui\b|\bqui\u00e9n\b|\u8c01|\u8ab0",
    ),
    (
        "yes or no",
        r"^\W*(?:is|are|was|were|do|does|did|can|could|may|must|shall|should|will|would|has|have|had"
        r"|ist|sind|darf|kann|muss|hat)\b",
    ),
)
_ASKED = tuple(
    (kind, re.compile(f"{pattern}|{ASKS[kind]}" if kind in ASKS else pattern, re.IGNORECASE))
    for kind, pattern in _PATTERNS
)
"""Kinds of questions, the more special first."""


@dataclass(frozen=True, slots=True)
class Value:
    """An exact value: what it is, its characters [start, end), and a form in which values are compared."""

    kind: Expected
    start: int
    end: int
    form: str


def expected(question: str) -> Expected:
    """What kind of value answers `question`; "" where its words do not say. The first interrogative
    tells, and the more special of two at one place: "Who is there when it rains?" asks for a person."""
    found = [
        (match.start(), at) for at, (_, pattern) in enumerate(_ASKED) if (match := pattern.search(question))
    ]
    return _ASKED[min(found)[1]][0] if found else ""


def values(text: str, kind: Expected) -> list[Value]:
    """The values of a kind in `text`, in order, none inside another."""
    return sorted(_found(text, kind), key=lambda value: value.start)


def _found(text: str, kind: Expected) -> Iterator[Value]:
    patterns: dict[Expected, tuple[re.Pattern[str], ...]] = {
        "date": (_DATE, _CLOCK, _RELATIVE_DATE),
        "duration": (_DURATION, _OFTEN, _DATE),
        "money": (_MONEY,),
        "percent": (_PERCENT,),
        "number": (_NUMBER,),
        "person": (_NAME,),
        "reason": (_REASON,),
    }
    taken: list[tuple[int, int]] = []
    for pattern in patterns.get(kind, ()):
        for match in pattern.finditer(text):
            name = kind == "person" and match[0].lower() in STOP
            if not name and all(match.end() <= start or end <= match.start() for start, end in taken):
                taken.append(match.span())
                yield Value(kind, *match.span(), comparable(match[0]))


def comparable(written: str) -> str:
    """A value without what may differ in writing: case, spaces, separators of thousands."""
    flat = " ".join(written.lower().split())
    return re.sub(r"(?<=\d)[,'](?=\d{3}\b)", "", flat)
