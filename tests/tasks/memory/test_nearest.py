"""The nearest vectors found in memory are those of the exact scan; what takes too much is left on disk."""

from pathlib import Path

import numpy as np
import pytest

from tasks.memory.nearest import Nearest, nearest
from tasks.memory.publish import VECTOR_KEYS
from tasks.memory.reader import Memory, open_memory
from tasks.recall.candidates import vector_query
from tests.tasks.memory.rows import put


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Of two runs, the second of which replaced rows of the first."""
    put(tmp_path, "r1", ["d0", "d1", "d2"])
    put(tmp_path, "r2", ["d3", "d1"])
    return open_memory(tmp_path)


def test_they_and_their_cosines_are_those_that_the_table_finds(memory: Memory) -> None:
    asked = np.random.default_rng(3).standard_normal(256).astype(np.float32)
    memory.keep((), VECTOR_KEYS)
    assert memory.nearest.keys() == set(VECTOR_KEYS)
    for column, kept in memory.nearest.items():
        query = vector_query(memory.table, column, asked).select(["_distance"]).with_row_id(True)
        found = query.limit(7).to_arrow()
        rows, cosines = kept.of(asked, 7)
        assert sorted(cosines, reverse=True) == list(cosines)
        assert cosines == pytest.approx(1.0 - found["_distance"].to_numpy(), abs=1e-5)
        assert set(rows.tolist()) == set(found["_rowid"].to_pylist())


def test_of_many_vectors_few_are_looked_at_and_the_best_are_among_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tasks.memory.nearest.BLOCK", 1_000)
    random = np.random.default_rng(5)
    mixed = random.standard_normal((40, 256)) * np.geomspace(1, 0.05, 40)[:, None]  # as those of texts are
    vectors = (
        random.standard_normal((6_000, 40)) @ mixed + 0.02 * random.standard_normal((6_000, 256))
    ).astype(np.float32)
    vectors[17] = 0.0
    asked = vectors[4321] + 0.1 * random.standard_normal(256).astype(np.float32)
    lengths = np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)
    exact = vectors @ asked / lengths / np.linalg.norm(asked)
    levels = np.arange(6_000, dtype=np.int32) % 5
    kept = Nearest(np.arange(6_000, dtype=np.uint64)[::-1] * 3, levels, vectors.copy())
    rows, cosines = kept.of(asked, 10)
    best = np.argsort(-exact)[:10]
    assert rows.tolist() == ((5_999 - best) * 3).tolist()
    assert cosines == pytest.approx(exact[best], abs=1e-5)
    summaries, cosines = kept.of(asked, 10, ("document", "corpus"))
    best = np.array([at for at in np.argsort(-exact) if levels[at] >= 3][:10])
    assert summaries.tolist() == ((5_999 - best) * 3).tolist()
    assert cosines == pytest.approx(exact[best], abs=1e-5)
    assert not len(kept.of(asked, 10, ())[0])
    everything, _ = kept.of(asked, 6_000)
    assert len(everything) == 5_999, "a vector without length is near to none"


def test_vectors_that_take_too_much_are_not_kept(memory: Memory) -> None:
    assert nearest(memory.table, VECTOR_KEYS, most_bytes=100) == {}
