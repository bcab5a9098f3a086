"""A reader, a document with one fact, and a context that holds it."""

import pydoc_data.topics
from pathlib import Path

import pytest

from model.context import heads
from model.context.context import Context, Memory
from model.context.heads import Heads
from model.geometry import BLOCK
from model.reader import Reader
from tests.conftest import ReaderOf
from tests.model.facts import FACT, TOKENS, ids_of


@pytest.fixture(scope="session")
def reader(reader_of: ReaderOf) -> Reader:
    """The default model with windows of 512 tokens."""
    return reader_of(256)


@pytest.fixture(scope="session")
def voting(model_dir: Path, reader: Reader) -> Heads:
    return heads.load(model_dir, reader.config)


@pytest.fixture(scope="session")
def document(reader: Reader) -> tuple[list[int], set[int]]:
    """Token ids of natural text with one fact in its middle, and the blocks of the fact."""
    prose = ids_of(reader, "\n\n".join(pydoc_data.topics.topics.values())[:20_000])[:TOKENS]
    fact = ids_of(reader, FACT)
    middle = TOKENS // 3
    blocks = range(middle // BLOCK, (middle + len(fact) - 1) // BLOCK + 1)
    return prose[:middle] + fact + prose[middle:], set(blocks)


@pytest.fixture(scope="session")
def context(reader: Reader, voting: Heads, document: tuple[list[int], set[int]]) -> Context:
    context = Context(reader, voting, Memory(kv=True))
    context.read(document[0])
    return context
