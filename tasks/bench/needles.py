"""Needles: facts with a random number, questions for them, and how an answer is graded.

The idea: a needle's number occurs nowhere else in the text, so an answer is right or wrong without a judge.
"""

import re
from collections.abc import Container
from dataclasses import dataclass
from itertools import product
from random import Random

_NOUNS = tuple(
    "harbour,lighthouse,orchard,library,quarry,windmill,chapel,greenhouse,museum,tannery,ferry,observatory,"
    "brewery,archive,boathouse,cellar,foundry,stable,theatre,bakery,hospital,monastery,aqueduct,vineyard,"
    "kennel,laundry,market,nursery,pavilion,printshop,railway,reservoir,sawmill,school,shipyard,smithy,"
    "tavern,tower,warehouse,workshop".split(",")
)
_ADJECTIVES = tuple("northern,old,crimson,silent,lower,crooked,golden,hidden,narrow,upper".split(","))
_CITIES = tuple(
    "Lisbon,Nairobi,Osaka,Tallinn,Quito,Bergen,Adelaide,Cusco,Dakar,Zagreb,Hanoi,Porto,Leipzig,Tromsø,"
    "Winnipeg,Bologna,Cairo,Galway,Kyoto,Riga,Seville,Tunis,Vilnius,Ghent,Havana,Izmir,Jaipur,Krakow,Lima,"
    "Minsk,Oslo,Perth,Rosario,Sofia,Turin,Utrecht,Varanasi,Wellington,Yerevan,Zurich".split(",")
)
_FIRST = tuple("Agnes,Bruno,Carla,Dmitri,Elena,Farid,Greta,Hugo".split(","))
_LAST = tuple("Aldous,Bianchi,Castell,Dvorak,Eriksen,Fontaine,Gruber,Haddad".split(","))


@dataclass(frozen=True)
class _Family:
    """A kind of fact: its statement, three wordings of its question, and the parts of a name."""

    statement: str
    wordings: tuple[str, str, str]
    parts: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> list[str]:
        return [" ".join(parts) for parts in product(*self.parts)]


FAMILIES = (
    _Family(
        "The pass key of the {name} is {value}.",
        (
            "What is the pass key of the {name}? The pass key of the {name} is",
            "Question: Which pass key belongs to the {name}?\nAnswer: The pass key of the {name} is",
            "Someone stands at the {name} and asks for its pass key. The number is",
        ),
        (_NOUNS,),
    ),
    _Family(
        "The access code for the {name} is {value}.",
        (
            "What is the access code for the {name}? The access code for the {name} is",
            "Question: Which access code opens the {name}?\nAnswer: The access code for the {name} is",
            "To enter the {name} one has to type its access code, which is",
        ),
        (_ADJECTIVES, _NOUNS),
    ),
    _Family(
        "The special magic number of {name} is {value}.",
        (
            "What is the special magic number of {name}? The special magic number of {name} is",
            "Question: Which special magic number does {name} have?\n"
            "Answer: The special magic number of {name} is",
            "The text above mentions a magic number of {name}. That number is",
        ),
        (_CITIES,),
    ),
    _Family(
        "The membership number of {name} is {value}.",
        (
            "What is the membership number of {name}? The membership number of {name} is",
            "Question: Under which membership number is {name} registered?\n"
            "Answer: The membership number of {name} is",
            "{name} has lost the card with the membership number. It was number",
        ),
        (_FIRST, _LAST),
    ),
)


@dataclass(frozen=True)
class Needle:
    """A fact, its number, and questions that the number completes."""

    name: str
    value: str
    statement: str
    questions: tuple[str, ...]


def make_needles(kind: int, count: int, random: Random, text: Container[str]) -> list[Needle]:
    """Needles of one family with different names, and numbers that do not occur in `text`.

    Args:
        text: one, or every five digits in a row that it has.
    """
    family = FAMILIES[kind % len(FAMILIES)]
    values = _values(count, random, text)
    return [
        Needle(
            name,
            value,
            family.statement.format(name=name, value=value),
            tuple(wording.format(name=name) for wording in family.wordings),
        )
        for name, value in zip(random.sample(family.names, count), values, strict=True)
    ]


def _values(count: int, random: Random, text: Container[str]) -> list[str]:
    values: list[str] = []
    while len(values) < count:
        value = str(random.randrange(10_000, 100_000))
        if value not in values and value not in text:
            values.append(value)
    return values


_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def correct(generated: str, value: str) -> bool:
    """Whether the first whole number of a generated text is `value`."""
    first = _NUMBER.search(generated)
    return first is not None and first[0] == value
