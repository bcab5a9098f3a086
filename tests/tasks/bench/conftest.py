"""A haystack of prose for tests that hide facts in it."""

import pydoc_data.topics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from tasks.bench.haystack import Encode, Haystack, encoder

PROSE = "\n\n".join(pydoc_data.topics.topics.values())[:60_000]


@pytest.fixture(scope="module")
def encode(tokenizer_dir: Path) -> Encode:
    return encoder(tokenizer_dir)


@pytest.fixture(scope="module")
def decode(tokenizer_dir: Path) -> Callable[[list[int]], str]:
    tokenizer: Any = Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))
    return lambda ids: str(tokenizer.decode(ids))


@pytest.fixture(scope="module")
def prose(encode: Encode) -> Haystack:
    return Haystack(PROSE, encode)
