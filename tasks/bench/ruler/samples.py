"""Samples: a text of exact length, the questions that are asked about it, and what answers must hold.

The idea: one text hides the facts of every task that retrieves, so that each is a distractor of the others
and a text is read once for all of them. Only counting words wants a text of its own: a list of words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from tasks.bench.haystack import Encode, Haystack, insert
from tasks.bench.needles import Needle, make_needles
from tasks.errors import InvalidInput

HIDDEN = ("single", "keys", "values", "queries", "variables", "passages")
"""Tasks whose facts are hidden in natural text."""
TASKS = (*HIDDEN, "words")
KEYS, VALUES, QUERIES, HOPS, PASSAGES = 8, 4, 4, 4, 8
COMMON, COMMON_SHARE = 5, 0.06
"""Words to be named, and the share of the list that each of them is; all others are far below it."""


@dataclass(frozen=True)
class Asked:
    """A question of a task; an answer earns the share of `expected` that it holds."""

    task: str
    question: str
    expected: tuple[str, ...]
    new_tokens: int
    """Room for the answer, with some to spare."""


@dataclass(frozen=True)
class Sample:
    """A text as token ids, and what is asked about it."""

    ids: list[int]
    asked: tuple[Asked, ...]


def score(answer: str, expected: Sequence[str]) -> float:
    """Share of the expected words or numbers that an answer holds as whole ones, in any case."""
    held = [re.search(rf"(?<!\w){re.escape(one)}(?!\w)", answer, re.IGNORECASE) for one in expected]
    return sum(map(bool, held)) / len(expected)


def hidden(hay: Haystack, length: int, random: Random, encode: Encode) -> Sample:
    """Natural text with the facts of all tasks of `HIDDEN` at random places.

    Raises:
        InvalidInput: if the haystack is too small for `length`.
    """
    made = [
        _single(random, hay.text),
        _keys(random, hay.text),
        _values(random, hay.text),
        _queries(random, hay.text),
        _variables(random, hay.text),
        _passages(random),
    ]
    needles, depths = list[Needle](), list[float]()
    for facts, asked in made:
        at = [random.random() for _ in facts]
        # a variable is defined before it is used; other facts come in any order
        depths += sorted(at) if asked.task == "variables" else at
        needles += facts
    ids, _ = insert(hay, needles, depths, length, encode)
    return Sample(ids, tuple(asked for _, asked in made))


def counting(hay: Haystack, length: int, random: Random, encode: Encode) -> Sample:
    """A list of words, those of the haystack, in which some are far more frequent than the others.

    Raises:
        InvalidInput: if the haystack has too few different words.
    """
    known = sorted(set(re.findall(r"\b[a-z]{5,9}\b", hay.text[: 40 * length])))
    if len(known) < 40 * COMMON:
        raise InvalidInput(
            f"--haystack: {len(known)} different words, {40 * COMMON} are needed; give more text"
        )
    random.shuffle(known)
    common, others = known[:COMMON], known[COMMON:]
    tokens_per_word = len(encode(" ".join(known))[0]) / len(known)
    total = round(1.1 * length / tokens_per_word)  # cut to length below
    often = round(COMMON_SHARE * total)
    rest = total - COMMON * often
    words = common * often + (others * (rest // len(others) + 1))[:rest]
    random.shuffle(words)
    question = (
        f"\n\nQuestion: Which {COMMON} words are the most frequent in the list above?\n"
        f"Answer: The {COMMON} most frequent words are"
    )
    return Sample(
        encode(" ".join(words))[0][:length].tolist(), (Asked("words", question, tuple(common), 32),)
    )


Made = tuple[list[Needle], Asked]
"""Facts to hide, and what is asked about them."""


def _single(random: Random, text: str) -> Made:
    (needle,) = make_needles(0, 1, random, text)
    return [needle], Asked("single", f"\n\n{needle.questions[0]}", (needle.value,), 12)


def _keys(random: Random, text: str) -> Made:
    """One of several of a kind."""
    needles = make_needles(1, KEYS, random, text)
    return needles, Asked("keys", f"\n\n{needles[0].questions[0]}", (needles[0].value,), 12)


def _values(random: Random, text: str) -> Made:
    """One key with several values, in as many places."""
    drawn = make_needles(2, VALUES, random, text)
    name = drawn[0].name
    facts = [
        Needle(name, one.value, f"One of the special magic numbers of {name} is {one.value}.", ())
        for one in drawn
    ]
    question = (
        f"\n\nWhat are all the special magic numbers of {name} in the text above? "
        f"The {VALUES} special magic numbers of {name} are"
    )
    return facts, Asked("values", question, tuple(one.value for one in facts), 40)


def _queries(random: Random, text: str) -> Made:
    """Several keys that one question asks for."""
    facts = make_needles(3, QUERIES, random, text)
    names = ", ".join(one.name for one in facts[:-1]) + f" and {facts[-1].name}"
    question = (
        f"\n\nWhat are the membership numbers of {names}? In this order, the membership numbers of "
        f"{names} are"
    )
    return facts, Asked("queries", question, tuple(one.value for one in facts), 48)


def _variables(random: Random, text: str) -> Made:
    """A chain of variables, each assigned the one before it; all that hold the first one's number."""
    (drawn,) = make_needles(0, 1, random, text)
    letters = "ABCDEFGHJKLMNPQRSTUVWXYZ"
    names = ["".join(random.choices(letters, k=5)) for _ in range(HOPS + 1)]
    facts = [Needle(names[0], names[0], f"VAR {names[0]} = {drawn.value}", ())]
    facts += [Needle(name, name, f"VAR {name} = VAR {before}", ()) for before, name in pairwise(names)]
    question = (
        f"\n\nQuestion: Find all variables that are assigned the value {drawn.value} in the text above.\n"
        f"Answer: By the chain of assignments, {len(names)} variables are assigned the value {drawn.value}:"
    )
    return facts, Asked("variables", question, tuple(names), 48)


_WORKS = ("bridge", "library", "theatre", "railway station", "observatory", "hospital", "harbour", "museum")
_PEOPLE = ("Greta Gruber", "Hugo Haddad", "Carla Castell", "Elena Eriksen", "Farid Fontaine", "Bruno Bianchi")
_PLACES = ("Askvold", "Brenmoor", "Caldera", "Dunholt", "Estervik", "Fallowfield", "Garmouth", "Hollinger")
_STONES = ("granite", "limestone", "red brick", "sandstone", "slate", "marble")


def _passages(random: Random) -> Made:
    """A question about one of several passages that tell alike of different things."""
    works, places = random.sample(_WORKS, PASSAGES), random.sample(_PLACES, PASSAGES)
    facts = []
    for work, place in zip(works, places, strict=True):
        who, stone = random.choice(_PEOPLE), random.choice(_STONES)
        told = (
            f"The {work} of {place} stands at the edge of the old town and is built of {stone}. Its design "
            f"is by {who}, who won a contest against eleven others. Repairs were paid for by the guilds of "
            f"{place} after a flood."
        )
        facts.append(Needle(f"{work} of {place}", who, told, ()))
    asked = facts[0]
    question = f"\n\nQuestion: Who designed the {asked.name}?\nAnswer: The {asked.name} was designed by"
    return facts, Asked("passages", question, (asked.value,), 16)
