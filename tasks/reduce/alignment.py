"""Whether a clause is a shortened sentence: its words stand in one source sentence, in order, bound alike.

There is no parser here. A clause is embedded into a source sentence word by word (a backtracking search), and
each step is refused that shortening could not have made: a name without its own preposition, a number without
its unit, a second clause entered behind its subject, a negation or a condition left behind.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tasks.reduce.language import Language

MOST_STEPS = 4000
"""Steps of one search; what takes more (many equal words) is not supported."""
MOST_MODIFIERS = 2
"""Words before the first matched one that may be left out: "old grey" of "the old grey museum"."""

_PIECE = re.compile(
    r"(?P<number>[$\u20ac\u00a3\u00a5]?\d+(?:[.,:/-]?\d+)*)(?P<percent>\s?%)?"
    r"|(?P<word>[^\W\d_]+(?:['\u2019][^\W\d_]+)?(?:\.[^\W\d_])*)"
    r"|(?P<break>[,;:()\[\]\u2014\u2013\"\u201c\u201d\n\u3001\uff0c\uff1b\uff1a\u3002]|\s-\s)"
)
_MARKER = re.compile(
    r"^\s*+(?:(?:[-*\u2022#>]+|\(?(?:\d{1,3}|[a-zA-Z]|[ivx]{1,4})[.)]|\d+(?:\.\d+)+\.?)\s+)+"
)
_SPEAKER = re.compile(r"^([A-Z][\w'-]*(?: [A-Z][\w'-]*){0,2}):\s+(?=\S)")
_NUMBERS = dict(
    zip("two three four five six seven eight nine ten eleven twelve".split(), range(2, 13), strict=True)
)


@dataclass(frozen=True)
class Token:
    """A word that must be accounted for; function words are what lies between two of them."""

    form: str
    """Stem, number, or class of a polar word."""
    raw: str
    kind: str
    """word, name, number, polar, condition or pronoun."""
    clause: int
    marks: frozenset[str]
    """Classes of the marks among the function words before it."""
    run: tuple[str, ...]
    """All function words between it and the token or clause boundary before it."""

    @property
    def binds(self) -> bool:
        return self.kind in ("polar", "condition")


class _Tokens:
    """Collects the tokens of one sentence."""

    def __init__(self, speech: Language) -> None:
        self.speech = speech
        self.found: list[Token] = []
        self.clause = 0
        self.run: list[str] = []
        self.seen = False  # whether a word came before: a capital letter says nothing in the first one

    def boundary(self) -> None:
        if self.found and self.found[-1].clause == self.clause:
            self.clause += 1
        self.run = [word for word in self.run if word in self.speech.coordinators]

    def add(self, form: str, raw: str, kind: str) -> None:
        marks = frozenset(self.speech.marks[word] for word in self.run if word in self.speech.marks)
        marks |= {"and"} if "and" in self.run else set()
        self.found.append(Token(form, raw, kind, self.clause, marks, tuple(self.run)))
        self.run, self.seen = [], True

    def number(self, text: str, percent: bool) -> None:
        self.add(text.replace(",", ""), text, "number")
        if percent:
            self.add("percent", "percent", "word")

    def word(self, text: str) -> None:
        low, speech = text.lower(), self.speech
        stem = speech.stem(low)
        if low in speech.coordinators:
            self.boundary()
        polar = text != "May" or not self.seen  # the month
        if low in speech.conditions:
            self.add(low, low, "condition")
        elif polar and (low in speech.polar or stem in speech.polar):
            self.add(speech.polar.get(low) or speech.polar[stem], low, "polar")
        elif low in speech.pronouns:
            self.add(low, low, "pronoun")
        elif low in speech.function or low in speech.marks or low in speech.coordinators:
            self.run.append(low)
        elif speech.name == "english" and low in _NUMBERS:
            self.add(str(_NUMBERS[low]), low, "number")
        else:
            past = "+ed" if speech.name == "english" and low.endswith("ed") and stem != low else ""
            name = self.seen and text[:1].isupper()
            self.add(stem + past, low, "name" if name else "word")
        self.seen = True


def _spelt(text: str, speech: Language) -> str:
    """The text with contractions written out, so that a negation is a word of its own."""
    if speech.name == "english":
        text = text.replace("\u2019", "'")
        for short, whole in (("can't", "can not"), ("cannot", "can not"), ("won't", "will not")):
            text = re.sub(rf"\b{short}\b", whole, text, flags=re.IGNORECASE)
        text = re.sub(r"n't\b", " not", text)
        text = re.sub(r"'(m|re|ve|d|ll|s)\b", lambda m: " will" if m[1] == "ll" else " ", text)
    elif speech.spaced:
        text = re.sub(r"['\u2019]", " ", text)
    return text


def spoken(text: str) -> str:
    """A turn of a dialogue as its speaker's own statement: "Anna: I moved" is "Anna moved"."""
    found = _SPEAKER.match(text)
    return re.sub(r"\bI\b", found[1], text[found.end() :]) if found else text


@lru_cache(maxsize=4096)
def tokens(text: str, speech: Language) -> tuple[Token, ...]:
    """Tokens of a sentence, without the marker of a list or the name of who speaks before it."""
    collected = _Tokens(speech)
    for match in _PIECE.finditer(_spelt(spoken(_MARKER.sub("", text)), speech)):
        if number := match["number"]:
            collected.number(number, bool(match["percent"]))
        elif word := match["word"]:
            for part in [word] if speech.spaced or word.isascii() else word:
                collected.word(part)
        else:
            collected.boundary()
    return tuple(collected.found)


class Embedding:
    """The search for the tokens of a clause inside those of a source sentence."""

    def __init__(self, clause: Sequence[Token], source: Sequence[Token], speech: Language) -> None:
        self.clause, self.source, self.speech = clause, source, speech
        self.steps = 0

    def exists(self) -> bool:
        """Whether all tokens of the clause stand in the source as shortening would leave them."""
        if not self.clause or any(self._lost_conditions()):
            return False
        if not self.speech.conditions and len(self.clause) < len(self.source):
            return False
        return any(self._from(1, at) for at in self._places(0, -1) if self._may_begin(at))

    def _lost_conditions(self) -> Iterator[Token]:
        kept = [token.form for token in self.clause if token.kind == "condition"]
        for token in self.source:
            if token.kind == "condition":
                if token.form in kept:
                    kept.remove(token.form)
                else:
                    yield token

    def _places(self, index: int, after: int) -> Iterator[int]:
        wanted = self.clause[index]
        for at in range(after + 1, len(self.source)):
            if self._same(wanted, self.source[at]):
                yield at

    def _same(self, ours: Token, theirs: Token) -> bool:
        if ours.form != theirs.form or ours.binds != theirs.binds:
            return False
        if ours.kind == "name" and ours.raw != theirs.raw:
            return False
        if {"past", "present"} <= ours.marks ^ theirs.marks:  # one each, not the same
            return False
        loose = {"past", "present", "and"} | (set() if ours.kind == "number" else {"bound"})
        return ours.marks - loose == theirs.marks - loose and self._joined_alike(ours, theirs)

    def _joined_alike(self, ours: Token, theirs: Token) -> bool:
        """A list joined by "or" is not one joined by "and"."""
        joins = "and" in ours.marks and "and" not in theirs.marks
        return not joins or not any("either" in token.marks for token in self.source)

    def _may_begin(self, at: int) -> bool:
        """Whether what is left out before the first matched token is an opening phrase, or modifiers."""
        lost = self.source[:at]
        if any(token.binds or token.kind == "pronoun" for token in lost):
            return False
        inside = [token for token in lost if token.clause == self.source[at].clause]
        if inside and (len(inside) > MOST_MODIFIERS or self.source[at].run or not self.speech.lenient):
            return False
        if any(token.kind == "number" for token in inside):
            return False
        return len(inside) == len(lost) or self._opens(at)

    def _opens(self, at: int) -> bool:
        """Whether the clause that this place begins may stand without what is before it."""
        first, here = self.source[0], self.source[at]
        if not {*here.run} & self.speech.coordinators and {*first.run, first.raw} & self.speech.openings:
            return True
        runs = [{*token.run} & self.speech.coordinators for token in self.source[: at + 1]]
        own_subject = here.kind == "name" or bool({*here.run} & self.speech.articles)
        return own_subject and bool(runs[-1]) and all(run <= self.speech.equal for run in runs)

    def _from(self, index: int, at: int) -> bool:
        self.steps += 1
        if self.steps > MOST_STEPS:
            return False
        if index == len(self.clause):
            return self._may_end(at)
        return any(
            self._from(index + 1, there)
            for there in self._places(index, at)
            if self._may_follow(index, at, there)
        )

    def _may_follow(self, index: int, at: int, there: int) -> bool:
        """Whether shortening may put the tokens at these two places of the source beside each other."""
        source, lost = self.source, self.source[at + 1 : there]
        same = source[at].clause == source[there].clause
        used = {source[at].clause, source[there].clause}
        if any(token.binds and token.clause in used for token in lost):
            return False
        if lost and (self._has_unit(at) or self._cuts(at, same)):
            return False
        if not same and any(token.clause == source[there].clause for token in lost):
            return False  # a clause entered behind its subject
        if self.clause[index].kind == "number" and any(token.kind == "number" for token in lost):
            return False
        if same and lost and not self.speech.lenient:
            return False
        return not (same and any(token.kind == "name" and not token.run for token in lost))

    def _cuts(self, at: int, same: bool) -> bool:
        """Whether leaving the source behind this place tears a name apart, or a noun from its adjective."""
        here, after = self.source[at], self.source[at + 1 : at + 2]
        beside = bool(after) and after[0].clause == here.clause and not after[0].run
        return beside and (not same or here.kind == after[0].kind == "name")

    def _has_unit(self, at: int) -> bool:
        """Whether the number at this place is followed by what it counts."""
        after = self.source[at + 1 : at + 2]
        return (
            self.source[at].kind == "number"
            and bool(after)
            and after[0].clause == self.source[at].clause
            and not after[0].run
        )

    def _may_end(self, at: int) -> bool:
        lost = [token for token in self.source[at + 1 :] if token.clause == self.source[at].clause]
        if lost and not self.speech.lenient:
            return False
        return not (self._has_unit(at) or self._cuts(at, True)) and not any(token.binds for token in lost)


def shortens(clause: Sequence[Token], source: Sequence[Token], speech: Language) -> bool:
    """Whether the clause is the source sentence with words left out, and nothing else changed."""
    return Embedding(clause, source, speech).exists()
