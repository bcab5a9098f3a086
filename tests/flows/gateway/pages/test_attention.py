"""The blocks that a real reader fetches for a question are shown where they stand in its context."""

import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
import torch
from starlette.testclient import TestClient

from flows.gateway.app import gateway
from model.reader import Reader
from tasks.serve.directory.local import LocalDirectory
from tasks.serve.door import Name, ReaderDoor
from tasks.serve.embedded import Embedded
from tests.flows.gateway.homes import Homes
from tests.tasks.serve.readers import Tiny

QUESTION = "How many gulls sat on pier 40?"
LEASE_S = 600.0


@pytest.fixture
def door(tiny_model_dir: Path, tmp_path: Path) -> Iterator[ReaderDoor]:
    """A reader of random weights that has read a log."""
    reader = Reader(tiny_model_dir, 128, torch.device("cpu"), torch.float32)
    engine = Tiny(reader, tiny_model_dir).engine(tmp_path / "reader", LocalDirectory(LEASE_S))
    door = Embedded(engine)
    door.read(Name("", "log"), [f"On pier {pier} sat {pier * 3} gulls at dawn.\n" for pier in range(200)])
    yield door
    engine.stop()


def test_what_a_question_fetches_is_marked_and_told(own: Homes, door: ReaderDoor) -> None:
    with TestClient(gateway(own.config, lambda: door), "http://127.0.0.1:8320") as client:
        client.headers["Authorization"] = f"Bearer {own.reads}"
        shown = client.get("/attention", params={"key": "log", "q": QUESTION}).text
        answered = client.get("/attention", params={"key": "log", "q": QUESTION, "answer": "true"}).text
        unknown = client.get("/attention", params={"key": "nowhere", "q": QUESTION})
    blocks = door.retrieve(Name("", "log"), QUESTION).blocks
    words = re.findall(r'<p class="words" dir="auto">(.*?)</p>', shown, re.DOTALL)
    assert sorted(map(unescape, words)) == sorted(block.text for block in blocks)
    assert shown.count('class="mark"') == len(blocks) > 0
    assert "Written by the model from the blocks below; nobody has checked it." in answered
    assert 'role="alert"' in unknown.text
    assert str(own.home) not in unknown.text
