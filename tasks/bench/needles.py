"""Needles, the text they are hidden in, and how an answer is graded.

The idea: every fact is made of a seed and holds a random number that stands nowhere else in the text, so an
answer is right or wrong without a judge. A needle becomes a paragraph behind a sentence's end. Text
and needle are joined as tokens, so its place is known to the token and every length is exact.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from random import Random

import numpy as np

from tasks.errors import InvalidInput
from tasks.ingest.tokens import Ints, Longs, piece_count, tokenize

Encode = Callable[[str], tuple[Ints, Longs]]
"""Token ids of a text, and the character each begins in."""

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
    """Facts of one kind: a statement, questions that a number continues, and the parts of a name."""

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
    """A fact, the number that makes it checkable, and questions that the number continues."""

    name: str
    value: str
    statement: str
    questions: tuple[str, ...]


def make_needles(kind: int, count: int, random: Random, text: str) -> list[Needle]:
    """Needles of one family with different names, and values that stand nowhere in `text`."""
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


def _values(count: int, random: Random, text: str) -> list[str]:
    values: list[str] = []
    while len(values) < count:
        value = str(random.randrange(10_000, 100_000))
        if value not in values and value not in text:
            values.append(value)
    return values


_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


def correct(generated: str, value: str) -> bool:
    """Whether the first number of a generated text is `value`: the whole number, and no other before it."""
    first = _NUMBER.search(generated)
    return first is not None and first[0] == value


_FILLER = "The road was long and the day was warm. We walked on. The hills were far. Then we walked back. "


def filler(characters: int) -> str:
    """The easiest haystack: the same few sentences again and again."""
    return _FILLER * (characters // len(_FILLER) + 1)


_SENTENCE = re.compile(r"""[.!?]["')\]]*(?=\s)|\S(?=[ \t]*\n\s*\n)""")
_LINE = re.compile(r"\S(?=[ \t]*\n)")
_NEAR = 256
"""Tokens to go back for the end of a sentence, or at least of a line."""


def encoder(tokenizer: Path) -> Encode:
    """Tokenise as documents are tokenised, whatever the length."""

    def encode(text: str) -> tuple[Ints, Longs]:
        pieces = list(tokenize(lambda a, b: text[a:b], range(piece_count(len(text))), tokenizer))
        return np.concatenate([ids for ids, _, _ in pieces]), np.concatenate([s for _, s, _ in pieces])

    return encode


class Haystack:
    """A text as tokens, and the tokens before which a sentence or a line has ended."""

    def __init__(self, text: str, encode: Encode) -> None:
        self.text = text
        self.ids, starts = encode(text)
        self._ends = [
            np.searchsorted(starts, [match.end() for match in pattern.finditer(text)])
            for pattern in (_SENTENCE, _LINE)
        ]

    def boundary(self, target: int) -> int:
        """The last token up to `target` that begins a sentence; else a line; far from both, `target`."""
        for ends in self._ends:
            before = int(np.searchsorted(ends, target, side="right"))
            if before and target - ends[before - 1] <= _NEAR:
                return int(ends[before - 1])
        return target if target > _NEAR else 0


@dataclass(frozen=True)
class Placed:
    """Where a needle lies, in tokens of the context: first and last but one."""

    needle: Needle
    sentence: range
    value: range


def hide(
    haystack: Haystack, needles: Sequence[Needle], depths: Sequence[float], length: int, encode: Encode
) -> tuple[list[int], list[Placed]]:
    """A context of exactly `length` tokens with needles at `depths` of it, and where each lies.

    Raises:
        InvalidInput: if the haystack is too small.
    """
    pieces = [encode(f"\n\n{needle.statement}\n\n") for needle in needles]
    room = length - sum(len(ids) for ids, _ in pieces)
    if room > len(haystack.ids):
        raise InvalidInput(
            f"--lengths {length}: the haystack has {len(haystack.ids):,} tokens only; give more text with "
            "--haystack, or smaller lengths"
        )
    places = [haystack.boundary(round(depth * room)) for depth in depths]
    ids: list[int] = []
    placed: dict[int, Placed] = {}
    before = 0
    for number in sorted(range(len(needles)), key=places.__getitem__):
        ids += haystack.ids[before : places[number]].tolist()
        placed[number] = _placed(needles[number], pieces[number][1], len(ids))
        ids += pieces[number][0].tolist()
        before = places[number]
    ids += haystack.ids[before:room].tolist()
    return ids, [placed[number] for number in range(len(needles))]


def _placed(needle: Needle, starts: Longs, offset: int) -> Placed:
    sentence, value = 2, 2 + needle.statement.index(needle.value)

    def tokens(first: int, last: int) -> range:
        start = int(np.searchsorted(starts, first, side="right")) - 1
        return range(offset + start, offset + int(np.searchsorted(starts, last)))

    return Placed(
        needle,
        tokens(sentence, sentence + len(needle.statement)),
        tokens(value, value + len(needle.value)),
    )
