"""Calibrate retrieval heads: facts inserted into a text that every Python has, and questions for them.

The idea: facts are of other kinds than those of the needle evaluation, so that it tests what was not learned.
Its default haystack begins with the same text: `--haystack` names another.
"""

import pydoc_data.topics
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from model.context import heads
from model.context.calibrate import Fact, find
from model.reader import Reader
from model.weights import HEADS

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


def calibrate(reader: Reader, tokens: int, folder: Path, progress: Callable[[int], None]) -> dict[str, Any]:
    """Find the reader's retrieval heads and write them beside the model.

    Args:
        tokens: length of the text.
        folder: where `model.weights.HEADS` is written.
    """
    ids, facts = _text(reader, tokens)
    found, quality = find(reader, ids, facts, progress)
    config = reader.config
    about = {"text": "pydoc_data.topics", "tokens": len(ids), "stride": reader.stride, **quality}
    path = folder / HEADS
    heads.save(found, config, path, about)
    return {"heads": [list(head) for head in found.heads], "file": str(path), **about}


def _text(reader: Reader, tokens: int) -> tuple[list[int], list[Fact]]:
    """Token ids, with a fact in the middle of each of `_FACTS` equal parts."""

    def encode(text: str) -> list[int]:
        ids: list[int] = reader.tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids

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
