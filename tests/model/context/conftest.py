"""The default model as users load it, with its tokenizer; weights are loaded once a session."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from model import register
from model.context import named
from tests.conftest import ReaderOf


@pytest.fixture(scope="session")
def tokenizer(tokenizer_dir: Path) -> Any:
    return AutoTokenizer.from_pretrained(tokenizer_dir)


@pytest.fixture
def smollm(reader_of: ReaderOf) -> Iterator[Any]:
    """The default model in fp32 with our attention, no field set and no context begun; it is left so."""
    assert register.__doc__
    model = reader_of(512).model
    fields = dict(vars(model.config))
    yield model
    for key in list(model.__dict__.get(named.HELD, ())):
        named.forget(model, key)
    vars(model.config).clear()
    vars(model.config).update(fields)
