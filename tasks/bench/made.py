"""Questions made by rule from real text: a sentence that states something becomes a question about it.

The idea: the place of the answer is known because the question was cut out of it. The wording is changed a
little (synonyms, word order, words left out), so that finding it takes more than matching words, and only
questions are kept that one sentence of all that was read answers.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from tasks.recall.ask.values import values
from tasks.recall.terms import stems
from tasks.text.sentences import Span, sentences

SHORTEST, LONGEST = 40, 600
"""Characters of a sentence that is asked about."""
MOST_CLAUSE = 320
"""Characters of a clause of it that becomes a question."""
MOST_TOKENS = 34
"""Words of a question."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question, its kind, and the characters of a document that hold its answer."""

    kind: str
    text: str
    document: str
    answer: Span
    sentence: Span
    bare: str = ""
    """The question without the name of its document."""


FORGOTTEN, FORGETS = 5, 0.15
"""Letters of a word that who asks may have forgotten, and the share of those that are left out."""

_SUBJECT = r"(?P<s>(?:The|Each|Every|Any|A|An|No)\s[^,;:()]{2,70}?|(?:[A-Z][\w.'-]+\s?){1,5}?)"
_MODAL = re.compile(rf"^{_SUBJECT}\s(?P<m>shall|will|must|may|can|should)\s(?P<v>[a-z]+)\s(?P<o>.+)$", re.S)
_PASSIVE = re.compile(
    rf"^{_SUBJECT}\s(?P<m>is|are|was|were|has been|have been)\s"
    r"(?P<v>[a-z]+(?:ed|en|wn|lt|ought|ade))\s(?P<o>.+)$",
    re.S,
)
_COPULA = re.compile(rf"^{_SUBJECT}\s(?P<m>is|are|was|were|shall be|will be)\s(?P<o>.+)$", re.S)
_VERBS = (
    "return provide support contain require use allow offer include implement define represent raise accept "
    "take specify describe give create add enable handle control remove mean grant permit need consist store "
    "run receive keep own hold pay cover govern apply measure produce replace combine track extend"
).split()
_ACTIVE = re.compile(rf"^{_SUBJECT}\s(?P<v>{'|'.join(_VERBS)})(?:e?s|ies)\s(?P<o>.+)$", re.S)
_DEFINED = re.compile(
    r"^[\"\u201c'](?P<s>[^\"\u201d']{3,40})[\"\u201d']\s"
    r"(?:shall mean|means|refers to|is defined as)\s(?P<o>.+)$",
    re.S,
)
_OBJECT = re.compile(
    r"^(?P<object>[^,;]{4,60}?)(?=\s(?:to|for|in|on|by|with|within|from|under|upon|at|into|during|after|before|if"
    r"|when|unless|without)\s)(?P<kept>.+)$",
    re.S,
)
_VAGUE = re.compile(
    r"\b(?:this|that|these|those|it|they|he|she|such|there|here|above|below|following|same|other|foregoing|one)\b",
    re.I,
)
_SYNONYMS = {
    "shall": "must", "agreement": "contract", "terminate": "end", "terminates": "ends", "commence": "begin",
    "purchase": "buy", "prior to": "before", "obtain": "get", "provide": "give", "provides": "gives",
    "require": "need", "requires": "needs", "function": "routine",
    "method": "function", "return": "give back",
    "returns": "gives back", "entire": "whole", "approximately": "about", "additional": "further",
    "assist": "help", "amount": "sum", "fee": "charge", "notify": "inform", "permit": "allow",
    "permits": "allows",
    "select": "choose", "display": "show", "modify": "change", "create": "make", "creates": "makes",
    "remove": "delete", "removes": "deletes", "contains": "holds", "contain": "hold", "begin": "start",
    "package": "library", "supports": "works with", "employees": "staff", "subsequent": "later",
    "sufficient": "enough", "written": "in writing", "promptly": "quickly", "annual": "yearly",
    "request": "ask for", "determine": "decide", "failure": "breakdown", "object": "thing", "error": "fault",
}  # fmt: skip
_DROPPED = re.compile(
    r"\b(?:also|only|solely|promptly|reasonably|generally|usually|typically|currently|otherwise|hereby|thereof"
    r"|hereunder|simply|automatically|respective|applicable|certain|any and all)\s",
    re.IGNORECASE,
)


def questions(document: str, text: str, random: Random, name: str = "") -> Iterator[Question]:
    """Questions about the sentences of a document; about what is called `name` where that is given."""
    for start, end in sentences(text):
        if SHORTEST <= end - start <= LONGEST and text[end - 1] in ".;":
            for made in _made(text[start:end], random):
                answer = start + made.answer[0], start + made.answer[1]
                asked = _reworded(made.text, random)
                bare, asked = asked, _of(asked, name, random) if name else asked
                if len(asked.split()) <= MOST_TOKENS:
                    yield replace(
                        made, text=asked, document=document, answer=answer, sentence=(start, end), bare=bare
                    )


def _made(sentence: str, random: Random) -> Iterator[Question]:
    """At most one question of each clause: the one that the most special pattern gives."""
    for clause in re.finditer(r"(?:^|[.;:]\s+|\)\s+)(?=[A-Z\"\u201c])([^;]+)", sentence):
        places = [at for at, c in enumerate(clause[1]) if not c.isspace() or not clause[1][at - 1].isspace()]
        flat = "".join(" " if clause[1][at].isspace() else clause[1][at] for at in places)
        for pattern, make in _PATTERNS if len(flat) <= MOST_CLAUSE else ():
            match = pattern.match(flat)
            made = make(match, random) if match and not _VAGUE.search(match["s"]) else None
            if made:
                first, last = (clause.start(1) + places[at] for at in (made.answer[0], made.answer[1] - 1))
                yield replace(made, answer=(first, last + 1))
                break


def _definition(match: re.Match[str], random: Random) -> Question | None:
    subject = match["s"]
    asked = random.choice(
        [f"What does {subject} mean?", f"How is the term {subject} defined?", f"What is meant by {subject}?"]
    )
    return _question("definition", asked, match.span("o"))


def _modal(match: re.Match[str], random: Random) -> Question | None:
    subject, verb = f"{match['m']} {_low(match['s'])} {match['v']}", match["v"]
    found = _about_value(match, subject)
    if not found and random.random() < 0.5 and verb != "not":
        found = _about_object(match, f"What {subject}")
    return found or _yes_or_no(match, subject)


def _passive(match: re.Match[str], random: Random) -> Question | None:
    aux, *rest = match["m"].split()
    said = " ".join([aux, _low(match["s"]), *rest, match["v"]])
    return _about_value(match, said) or _yes_or_no(match, said)


def _active(match: re.Match[str], random: Random) -> Question | None:
    said = f"does {_low(match['s'])} {match['v']}"
    return _about_value(match, said) or _about_object(match, f"What {said}")


def _copula(match: re.Match[str], random: Random) -> Question | None:
    aux, *rest = match["m"].split()
    said = " ".join([aux, _low(match["s"]), *rest])
    return _about_value(match, said) or _about_object(match, f"What {said}")


def _about_value(match: re.Match[str], said: str) -> Question | None:
    """Asks for the one date, duration, amount or share in what follows the verb."""
    rest, at = match["o"], match.start("o")
    for kind, asked in (
        ("date", "When"), ("duration", "How long"), ("money", "How much"), ("percent", "What percentage"),
    ):  # fmt: skip
        found = [one for one in values(rest, kind) if any(c.isdigit() for c in one.form) or len(one.form) > 6]  # type: ignore[arg-type]
        if len(found) != 1 or not any(c.isalnum() for c in rest[: found[0].start] + rest[found[0].end :]):
            continue
        before = re.sub(
            r"\b(?:on|in|at|by|from|since|as of|for|within|of|to|dated|least)\s*$", "", rest[: found[0].start]
        )
        left = _clause(f"{before} {rest[found[0].end :]}")
        if len(left.split()) < 3:
            continue
        return Question(kind, f"{asked} {said} {left}?", "", (at + found[0].start, at + found[0].end), (0, 0))
    return None


def _about_object(match: re.Match[str], asked: str) -> Question | None:
    """Asks for the words between the verb and the next preposition, and keeps what follows them."""
    parts = _OBJECT.match(match["o"])
    kept = _clause(parts["kept"]) if parts else ""
    if not parts or len(kept.split()) < 3:
        return _question("object", f"{asked}?", match.span("o")) if len(match["s"].split()) >= 4 else None
    at = match.start("o")
    return _question("object", f"{asked} {kept}?", (at, at + parts.end("object")))


def _yes_or_no(match: re.Match[str], said: str) -> Question | None:
    """Asks whether it is so."""
    kept = _clause(match["o"])
    if not 6 <= len(f"{said} {kept}".split()) <= MOST_TOKENS - 4:
        return None
    return _question("yes or no", f"{said[0].upper()}{said[1:]} {kept}?", match.span("o"))


def _question(kind: str, asked: str, answer: Span) -> Question:
    return Question(kind, asked, "", (answer[0], min(answer[1], answer[0] + 60)), (0, 0))


def _clause(text: str) -> str:
    """The first clause of what is left of a sentence."""
    flat = " ".join(re.sub(r"\([^)]*\)", "", text).split()).strip(" .;,")
    return re.split(r"[;:]|,\s(?:and|but|or|provided|except|which|unless)\b", flat)[0].strip(" ,")


def _low(subject: str) -> str:
    flat = " ".join(subject.split())
    return flat[0].lower() + flat[1:] if re.match(r"(?:The|Each|Every|Any|An?|No)\s", flat) else flat


def _reworded(asked: str, random: Random) -> str:
    """The question with some words replaced, those that carry little left out, and a few others."""
    first, *words = _DROPPED.sub("", asked).split()
    kept = [word for word in words if len(word) < FORGOTTEN or random.random() > FORGETS]
    asked = " ".join([first, *(kept if len(kept) > MOST_TOKENS // 5 else words)])
    for word, other in _SYNONYMS.items():
        if random.random() < 0.5:
            asked = re.sub(rf"\b{word}\b", other, asked)
    return asked[0].upper() + asked[1:].rstrip("?") + "?"


def _of(asked: str, name: str, random: Random) -> str:
    if random.random() < 0.5:
        return f"Under the {name}, {asked[0].lower()}{asked[1:]}"
    return f"{asked.rstrip('?')} under the {name}?"


_PATTERNS = (
    (_DEFINED, _definition),
    (_MODAL, _modal),
    (_PASSIVE, _passive),
    (_ACTIVE, _active),
    (_COPULA, _copula),
)


RIVAL = 0.8
"""Share of the words that a question has from its own sentence; another one with so many answers too."""


def unambiguous(asked: Iterable[Question], texts: dict[str, str]) -> list[Question]:
    """Those questions of which no other sentence of `texts` holds all content words but one in five."""
    held: dict[str, set[int]] = defaultdict(set)
    spans: list[tuple[str, Span]] = []
    for document, text in texts.items():
        for span in sentences(text):
            for one in stems(text[slice(*span)]):
                held[one].add(len(spans))
            spans.append((document, span))
    return [one for one in asked if not _rivals(one, held, spans)]


def _rivals(asked: Question, held: dict[str, set[int]], spans: Sequence[tuple[str, Span]]) -> bool:
    """Whether another sentence holds nearly as many words of the question as its own does."""
    counts: dict[int, int] = defaultdict(int)
    for one in stems(asked.bare):
        for number in held.get(one, ()):
            counts[number] += 1
    own = (asked.document, asked.sentence)
    whole = len(stems(asked.bare))
    needed = max((count for number, count in counts.items() if spans[number] == own), default=whole)
    return any(count >= RIVAL * needed for number, count in counts.items() if spans[number] != own)
