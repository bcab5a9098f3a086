"""Sessions that are told facts of their own, and whether what comes back is theirs.

The idea: every line of a session's text names its own place and a number that no other line of any session
has. What a reader cites must be, character by character, what this session was told there: so an answer from
another one's context is seen whatever the model makes of it, also if the model is random.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from tasks.serve.door import Cited, Name

DIGITS = 8
_MODULUS, _STEP = 89_999_999, 48_271
"""Numbers are 10^7 + n * step mod modulus for n = 1, 2, 3 ...; without a common factor none comes twice."""
_HEADS = "Alder Birch Cedar Dune Elm Fen Glen Heath Iron Juniper Kelp Larch Moss North Oak Pine Reed".split()
_TAILS = (
    "bay bridge brook dale field ford gate ham haven hill mere mill port stead ton wick wood worth".split()
)
_THINGS = (
    "boat bell barrel crate engine ferry gate ladder lamp ledger meter mirror pump rope sail tower".split()
)
_KINDS = (
    "amber brass copper green grey heavy hollow iron long narrow old painted red round silver white".split()
)
_LINE = "The number of the {thing} in {place} is {number}, as {person} of {place} wrote down.\n\n"
_NUMBER = re.compile(rf"(?<!\d)\d{{{DIGITS}}}(?!\d)")


@dataclass(frozen=True)
class Fact:
    """One line of a session's text."""

    thing: str
    number: str
    line: str


@dataclass
class Session:
    """One context, and what its reader said it has read of it."""

    name: Name
    place: str
    person: str
    told: "Told"
    facts: list[Fact] = field(default_factory=list)
    text: str = ""
    tokens: int = 0

    def more(self, count: int) -> list[Fact]:
        """Facts that it was not told yet."""
        return [self._fact(len(self.facts) + index) for index in range(count)]

    def _fact(self, index: int) -> Fact:
        kinds, things = len(_KINDS), len(_THINGS)
        lap = f" {index // (kinds * things) + 1}" if index >= kinds * things else ""
        thing = f"{_KINDS[index % kinds]} {_THINGS[index // kinds % things]}{lap}"
        number = self.told.number(self.name)
        line = _LINE.format(thing=thing, place=self.place, person=self.person, number=number)
        return Fact(thing, number, line)

    def question(self, fact: Fact) -> str:
        return f"What is the number of the {fact.thing} in {self.place}?"

    def wrong(self, cited: Sequence[Cited]) -> str:
        """What is wrong with blocks that were cited from this session; "" if every character is its own."""
        for one in cited:
            if one.text != self.text[one.char_start : one.char_end]:
                of = self.told.others(self.name, one.text)
                what = f"tells what {of} was told" if of else "is not what it was told there"
                return f"{self.name.key}: characters {one.char_start:,} to {one.char_end:,}: {what}"
        return ""

    def holds(self, cited: Sequence[Cited], fact: Fact) -> bool:
        """Whether blocks hold a fact; what two blocks cut is found where both are cited."""
        spans = sorted({(one.char_start, one.char_end) for one in cited})
        start = self.text.index(fact.line) + fact.line.index(fact.number)
        at, end = start, start + DIGITS
        for first, last in spans:
            if first <= at < last:
                at = last
        return at >= end


class Told:
    """Numbers that were given out, and to which session."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.owner: dict[str, Name] = {}

    def number(self, to: Name) -> str:
        with self.lock:
            drawn = 10 ** (DIGITS - 1) + (len(self.owner) + 1) * _STEP % _MODULUS
            self.owner[str(drawn)] = to
        return str(drawn)

    def others(self, own: Name, text: str) -> str:
        """Another session whose number stands in a text; "" if none does."""
        found = (self.owner.get(number) for number in _NUMBER.findall(text))
        return next((name.key for name in found if name is not None and name != own), "")


def sessions(count: int, seed: int, tenants: Sequence[str] = ("",)) -> list[Session]:
    """Sessions that know nothing yet, of these tenants in turn."""
    chance, told = Random(seed), Told()
    places = [f"{head}{tail}" for head in _HEADS for tail in _TAILS]
    chance.shuffle(places)
    made = []
    for index in range(count):
        lap = index // len(places)
        place = places[index % len(places)] + (f" {lap + 1}" if lap else "")
        name = Name(tenants[index % len(tenants)], f"load-{index}")
        made.append(Session(name, place, f"keeper {index}", told))
    return made
