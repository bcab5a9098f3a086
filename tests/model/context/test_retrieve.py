"""The block of a fact is found among thousands of tokens, however they came.

Run: pytest tests/model/context/test_retrieve.py
"""

import pytest
import torch

from model.context import retrieve
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.geometry import BLOCK
from model.reader import Reader
from tests.model.facts import QUESTION, ids_of


def test_the_block_of_a_fact_gets_the_most_votes(
    context: Context, reader: Reader, document: tuple[list[int], set[int]]
) -> None:
    chosen = retrieve.choose(context, ids_of(reader, QUESTION), k=8)
    assert chosen.blocks[0] in document[1]
    assert chosen.votes == sorted(chosen.votes, reverse=True)
    assert chosen.visited == len(context) // BLOCK  # every block but the sinks, and the tail


def test_a_question_about_the_tail_finds_it(context: Context, reader: Reader) -> None:
    assert len(context) % BLOCK, "the document ends within a block"
    last = reader.tokenizer.decode(list(context.ids[-12:]))
    assert context.blocks in retrieve.choose(context, ids_of(reader, last), k=8).blocks


def test_reading_in_any_pieces_is_the_same(
    reader: Reader, voting: Heads, document: tuple[list[int], set[int]], context: Context
) -> None:
    again = Context(reader, voting, Memory(kv=True))
    for start in range(0, len(document[0]), 350):
        again.read(document[0][start : start + 350])
    assert again.ids == context.ids
    for one, two in zip(again.cache.layers, context.cache.layers, strict=True):
        torch.testing.assert_close(one.keys, two.keys, atol=2e-3, rtol=1e-3)
    question = ids_of(reader, QUESTION)
    assert retrieve.choose(again, question, 4).blocks == retrieve.choose(context, question, 4).blocks


@pytest.mark.parametrize(("path", "question"), [("nearest", [1]), ("exact", [])])
def test_bad_questions_are_named(context: Context, path: str, question: list[int]) -> None:
    with pytest.raises(ValueError, match=r"nearest|empty question"):
        retrieve.choose(context, question, 4, path)
