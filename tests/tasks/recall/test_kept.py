"""What is kept in memory answers as the table does, where it may answer at all."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks.memory.publish import publish
from tasks.memory.reader import Memory, open_memory
from tasks.memory.staging import stage
from tasks.recall import candidates
from tasks.recall.hit import Hit
from tasks.recall.opened import keep
from tasks.recall.recall import recall
from tasks.settings import RecallConfig
from tests.tasks.memory.rows import record, sees

WORDS = (
    "rent deposit tenant lease harbour storm ship mast kitten garden wall roof mill river price bread".split()
)
CONFIG = RecallConfig(candidates=24, k=8)
"""Far fewer candidates than records: a filter that is not heeded leaves others."""
QUESTION = "which tenant paid the deposit for the mill by the river"
ABOUT = "Which documents are about the deposit of the tenant?"
BY_TABLE: tuple[dict[str, Any], ...] = (
    {"document": "d3"},
    {"date": "2024-03"},
    {"label": "personal"},
    {"level": "passage", "document": ["d1", "d2"]},
    {"level": "passage", "without_label": "personal"},
)
IN_MEMORY: tuple[dict[str, Any], ...] = (
    {},
    {"level": "passage"},
    {"level": ["document", "section"]},
    {"level": []},
)


def embed(texts: Any) -> np.ndarray:
    """What the words say together, with a mark of each text: no two are equally near."""
    found = []
    for text in texts:
        told = np.random.default_rng(sum(map(ord, text))).normal(size=256)
        words = [
            np.random.default_rng(WORDS.index(word)).normal(size=256)
            for word in text.split()
            if word in WORDS
        ]
        found.append(0.5 * told + sum(words, np.zeros(256)))
    vectors = np.array(found, np.float32)
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def rows_of(name: str, random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for number in range(60):
        text = f"{name} {number} " + " ".join(random.choice(WORDS, 5))
        level = {58: "section", 59: "document"}.get(number, "passage")
        vector, other = embed([text, f"{name} {text}"])
        dates, labels = (
            ["2024-03-05"] if number % 3 == 0 else [],
            ["personal data"] if number % 4 == 0 else [],
        )
        more = {
            "summary": "" if level == "passage" else text,
            "level": level,
            "dates": dates,
            "labels": labels,
        }
        found.append(record(name, number, text, vector=vector, context_vector=other, **more))
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home, random, names = (
        tmp_path_factory.mktemp("home"),
        np.random.default_rng(1),
        [f"d{n}" for n in range(6)],
    )
    publish(home, "r1", [stage(home, "r1", rows_of(name, random)) for name in names], sees(*names))
    return home


def hits(memory: Memory, question: str = QUESTION, **filters: Any) -> list[Hit]:
    return recall(memory, question, embed, CONFIG, place=lambda *_: "", **filters)


def said(some: list[Hit]) -> list[tuple[Any, ...]]:
    """Ids, scores, and how each search found them."""
    return [
        (hit.id, pytest.approx(hit.score, abs=1e-4), [(one.search, one.rank) for one in hit.receipt.found])
        for hit in some
    ]


@pytest.mark.parametrize("filters", [*IN_MEMORY, *BY_TABLE], ids=str)
def test_hits_and_scores_are_those_of_the_table(home: Path, filters: dict[str, Any]) -> None:
    before, memory = open_memory(home), open_memory(home)
    keep(memory)
    assert memory.resident
    assert memory.nearest
    assert said(hits(memory, **filters)) == said(hits(before, **filters))


def test_hits_of_a_question_for_documents_are_those_of_the_table(home: Path) -> None:
    before, memory = open_memory(home), open_memory(home)
    keep(memory)
    found = hits(memory, ABOUT)
    assert found[0].level == "document"
    assert said(found) == said(hits(before, ABOUT))


def test_the_table_is_searched_for_vectors_only_where_more_than_levels_is_asked_for(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory, searched = open_memory(home), list[str]()
    keep(memory)
    by_table = candidates.vector_query

    def noted(table: Any, column: str, vector: Any) -> Any:
        searched.append(column)
        return by_table(table, column, vector)

    monkeypatch.setattr(candidates, "vector_query", noted)
    for filters in IN_MEMORY:
        assert bool(hits(memory, **filters)) == (filters != {"level": []})
    assert hits(memory, ABOUT)
    assert not searched
    for filters in BY_TABLE:
        assert hits(memory, **filters)
        assert sorted(searched) == ["context_vector", "vector"]
        searched.clear()
