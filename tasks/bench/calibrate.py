"""Calibrate heads: those that find facts inserted into a long text, and those that re-rank short passages.

The idea: facts are of other kinds than those of the needle evaluation, so that it tests what was not learned.
Its default haystack begins with the same text: `--haystack` names another. Questions about passages are
written by the model itself (see `tasks.bench.questions`), never taken from evaluation data.
"""

import pydoc_data.topics
from pathlib import Path
from random import Random
from typing import Any

from model.context import heads
from model.context.calibrate import Fact, find
from model.context.heads import Calibrated, Heads
from model.reader import Reader
from model.rerank.choose import choose, quality
from model.weights import HEADS
from tasks.bench.progress import Progress
from tasks.bench.questions import GROUP, trials

_SEED = 3
_FACTS = 24
_QUESTIONS = 100
"""Passages that are asked about."""
_LEAST_TRIALS = 10
"""Questions without which no heads are chosen."""
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


def calibrate(
    reader: Reader, tokens: int, folder: Path, progress: Progress, asked: int = _QUESTIONS
) -> dict[str, Any]:
    """Find the reader's retrieval heads and those that re-rank, and write them beside the model.

    Args:
        tokens: length of the text.
        folder: where `model.weights.HEADS` is written.
        asked: passages that questions are written about, for re-ranking.
    """
    ids, facts = _text(reader, tokens)
    read = 0

    def count(more: int) -> None:
        nonlocal read
        read += more
        progress("reading", read, len(ids))

    found, how_well = find(reader, ids, facts, count)
    about = {"text": "pydoc_data.topics", "tokens": len(ids), "stride": reader.stride, **how_well}
    reranking = _reranking(reader, asked, progress)
    path = folder / HEADS
    heads.save(found, reader.config, path, about, reranking)
    told = {"heads": [list(head) for head in found.heads], "file": str(path), **about}
    if reranking is None:
        return {**told, heads.RERANK: None}
    pairs = [list(head) for head in reranking.heads.heads]
    return {**told, heads.RERANK: {"heads": pairs, **reranking.found}}


def _reranking(reader: Reader, asked: int, progress: Progress) -> Calibrated | None:
    """Heads that tell which passage a question was made from; None if the model writes too few questions."""
    tried = trials(reader, asked, progress)
    if len(tried) < _LEAST_TRIALS:
        return None
    chosen = choose(tried)
    well, config = quality(tried, chosen), reader.config
    pairs = tuple(divmod(head, config.num_attention_heads) for head in chosen)
    about = {
        "text": "installed text and made-up conversations",
        "questions": len(tried),
        "passages": GROUP,
        "rank_first": round(well.first, 3),
        "reciprocal_rank": round(well.reciprocal, 3),
    }
    return Calibrated(Heads(pairs, config.num_attention_heads // config.num_key_value_heads), about)


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
