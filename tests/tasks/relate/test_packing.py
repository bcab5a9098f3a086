"""What a model is tuned on is named by a source, a folder or a glob.

Run: pytest tests/tasks/relate/test_packing.py
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.changes import Replaced
from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.relate.tuning.packing import chain, pack
from tests.tasks.memory.rows import record, source

WHERE = {"oak": "rents/oak.txt", "elm": "rents/elm.txt", "ash": "rents-old/ash.txt"}


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Memory:
    """Three documents of one word each in two folders, one of which begins as the other is called."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "parsed").mkdir()
    rows, sources = [], []
    for name, place in WHERE.items():
        span = {"part": 0, "char_start": 0, "text": name, "place": "line", "number": 1}
        pq.write_table(pa.Table.from_pylist([span], schema.TEXT), tmp_path / f"parsed/c{name}-p.parquet")
        rows.append(record(name, 1, id=f"{name}-document", level="document", run="r1"))
        sources.append(source(f"{tmp_path}/{place}", name))
    publish(tmp_path, "r1", [stage(tmp_path, "r1", rows)], Seen((str(tmp_path),), tuple(sources)), Replaced())
    return open_memory(tmp_path)


def test_only_what_lies_in_the_place_is_packed(memory: Memory, tokenizer_dir: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(tokenizer_dir / "tokenizer.json"))

    def packed(uri: str) -> set[str]:
        assert pack(memory, uri, tokenizer_dir, tmp_path / "packed.i32") > 0
        ids = np.fromfile(tmp_path / "packed.i32", np.int32)
        return set(tokenizer.decode(ids.tolist()).split())

    assert packed("") == {"oak", "elm", "ash"}
    assert packed("rents") == packed(f"{tmp_path}/rents") == {"oak", "elm"}
    assert packed("rents*/*sh.txt") == {"ash"}
    with pytest.raises(InvalidInput, match="memory holds no document there"):
        packed("rent")


def walked(vectors: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> list[int]:
    """From the first document always to the most alike that is left."""
    order, left = [0], set(range(1, len(vectors)))
    while left:
        order.append(max(sorted(left), key=lambda one: float(vectors[one] @ vectors[order[-1]])))
        left.remove(order[-1])
    return order


def test_each_document_is_followed_by_the_most_alike_that_is_left() -> None:
    vectors = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    assert list(chain(vectors, np.arange(60))) == walked(vectors)
    assert list(chain(vectors, np.arange(0))) == []


def test_of_many_documents_those_that_are_alike_stand_side_by_side_and_none_is_missing() -> None:
    made = np.random.default_rng(1)
    of = made.permutation(np.repeat(np.arange(16), 32))
    vectors = (np.eye(16)[of] + made.normal(scale=0.05, size=(512, 16))).astype(np.float32)
    order = list(chain(vectors, np.arange(512), block=150))
    assert sorted(order) == list(range(512))
    assert order[0] == 0
    alike = sum(of[one] == of[other] for one, other in pairwise(order))
    assert alike > 450, "of 511; 496 where all are compared with all"
