"""Facts hidden in a text, and questions that ask for them: what heads are calibrated with.

The idea: the text is prose that comes with Python, so every machine has it, and the facts are of kinds that
no evaluation here asks for.
"""

import pydoc_data.topics
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

_SEED = 3
_FACTS = 24
_KINDS = (
    (
        "{who} was born in {where} in {year}.",
        "In which year was {who} born? {who} was born in",
        "Where was {who} born? The birthplace of {who} is",
    ),
    (
        "The train to {where} leaves from platform {year}.",
        "From which platform does the train to {where} leave? It leaves from platform",
    ),
    (
        "{who} painted {year} portraits while living in {where}.",
        "How many portraits did {who} paint? {who} painted",
    ),
    (
        "The bridge at {where}, built by {who}, is {year} metres long.",
        "How long is the bridge at {where}? It is",
        "Who built the bridge at {where}? It was built by",
    ),
)
_WHO = (
    *("Edda Lindqvist", "Tomas Reyes", "Mirela Horvat", "Oskar Brandt", "Yuki Tanabe", "Lamin Ceesay"),
    *("Ines Carvalho", "Pavel Novak", "Aoife Brennan", "Marco Bellini", "Hana Suzuki", "Kwame Owusu"),
    *("Ida Sorensen", "Luc Moreau", "Zeynep Kaya", "Henrik Vang", "Mei Lin", "Diego Fuentes"),
    *("Katya Orlova", "Samir Haddad", "Nora Quinn", "Andrei Popescu", "Leila Rahimi", "Jonas Weber"),
)
_WHERE = (
    *("Gdynia", "Kumasi", "Trondheim", "Sapporo", "Ljubljana", "Cork", "Braga", "Ostrava", "Limerick"),
    *("Ravenna", "Nagoya", "Tamale", "Odense", "Nantes", "Bursa", "Aalborg", "Suzhou", "Valparaiso"),
    *("Kazan", "Aleppo", "Sligo", "Brasov", "Shiraz", "Kassel"),
)


@dataclass(frozen=True)
class Fact:
    """A fact hidden in a text, and questions that ask for it."""

    start: int
    """First of its tokens in the text."""
    stop: int
    questions: list[list[int]]


def facts_in_prose(encode: Callable[[str], list[int]], tokens: int) -> tuple[list[int], list[Fact]]:
    """Token ids, about as many, with a fact in the middle of each of `_FACTS` equal parts."""
    random, facts, ids = Random(_SEED), list[Fact](), list[int]()
    prose = encode("\n\n".join(pydoc_data.topics.topics.values())[: tokens * 6])[:tokens]
    part = len(prose) // _FACTS
    for number in range(_FACTS):
        statement, *questions = _KINDS[number % len(_KINDS)]
        names = {
            "who": _WHO[number % len(_WHO)],
            "where": _WHERE[number % len(_WHERE)],
            "year": random.randrange(1200, 9999),
        }
        fact = encode("\n\n" + statement.format(**names) + "\n\n")
        begin, middle = part * number, part * number + part // 2
        ids += prose[begin:middle]
        asked = [encode("\n\n" + question.format(**names)) for question in questions]
        facts.append(Fact(len(ids), len(ids) + len(fact), asked))
        ids += fact + prose[middle : begin + part]
    return ids, facts
