"""A large memory of made records is filled by the real steps, and measured beside the exact scan."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flows.figures import large_memory
from tasks.bench.memory.apart import apart
from tasks.bench.memory.bench import Size
from tasks.bench.memory.ingest import ingest
from tasks.bench.memory.made import PASSAGES_EACH, Pool, document, pool
from tasks.bench.memory.measure import measure
from tasks.bench.progress import Progress, silent
from tasks.errors import InvalidInput, NightreadError
from tasks.settings import RecallConfig

WORDS = "boat river lamp stone glass winter letter garden paper engine market window".split()


def embed(texts: list[str]) -> np.ndarray:
    counts = np.array([np.bincount(list(text.encode()), minlength=256)[:256] for text in texts], np.float32)
    unit: np.ndarray = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    return unit


@pytest.fixture
def real(tmp_path: Path) -> Pool:
    random = np.random.default_rng(1)
    lines = [" ".join(random.choice(WORDS, 9)).capitalize() + "." for _ in range(160)]
    passages = [f"{one} {two}" for one, two in zip(lines[::2], lines[1::2], strict=True)]
    return pool(passages, tmp_path / "real.npy", embed, silent)


def test_a_made_document_is_the_same_each_time_and_speaks_in_sentences_of_real_ones(real: Pool) -> None:
    one, again = (list(document(7, real, "r")) for _ in range(2))
    assert [row["id"] for row in one] == [row["id"] for row in again]
    assert np.array_equal([row["vector"] for row in one], [row["vector"] for row in again])
    assert len({row["id"] for row in one}) == PASSAGES_EACH
    known = {sentence for passage in real.sentences for sentence in passage}
    assert all(part + "." in known for row in one for part in row["text"].rstrip(".").split(". "))
    norms = np.linalg.norm([row["context_vector"] for row in one], axis=1)
    assert np.allclose(norms, 1, atol=1e-5)


def test_a_memory_is_filled_in_runs_and_its_figures_can_be_printed(tmp_path: Path, real: Pool) -> None:
    filled = ingest(tmp_path, real, 1000, 2, silent)
    assert [one["records"] for one in filled["runs"]] == [2 * PASSAGES_EACH, 3 * PASSAGES_EACH]
    answers = measure(tmp_path, filled["documents"], 4, embed, RecallConfig(), silent)
    assert answers["records"] == 1000
    assert answers["index"]["vector"]["recall"] == 1.0  # so few are scanned
    assert answers["kept"]["context_vector"]["recall"] == 1.0
    assert answers["by_date"]["all"]["p50"] <= answers["by_date"]["all"]["p95"]
    result: dict[str, Any] = {
        "processor": "p", "cores": 2, "load": 0.0, "real": 80, "ingest": filled, "upkeep": 1.0,
        "disk": {"published": 2048, "tidied": 1024}, "answers": answers,
    }  # fmt: skip
    said = large_memory(result)
    assert "1,000 records of 5 documents" in said
    assert "100.0 +- 0.0" in said


def fails(_: Progress) -> None:
    raise SystemExit(3)


def test_a_part_that_ends_without_an_answer_is_an_error() -> None:
    with pytest.raises(NightreadError, match="fails ended with code 3"):
        apart(fails, progress=silent)


@pytest.mark.parametrize(
    ("wrong", "said"), [({"records": 10}, "--records 10: give 1,000"), ({"runs": 0}, "--runs 0")]
)
def test_a_size_that_cannot_be_names_its_option(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(InvalidInput, match=said):
        Size(**{"records": 1000, "runs": 1, "questions": 1, "real": 10, **wrong})
