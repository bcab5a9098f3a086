"""Questions made by rule have a known answer, and what becomes of them is counted with its error."""

import re
import zlib
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tasks import schema
from tasks.bench.ask import evaluate_ask
from tasks.bench.asked import trials
from tasks.bench.made import questions, unambiguous
from tasks.errors import InvalidInput
from tasks.settings import RecallConfig

MILL = (
    "Rules of the mill\n\nThe miller must grind the barley of the abbey within nine days. "
    "The sluice of the mill was rebuilt on 4 May 1921 after the great flood.\n\n"
    '"Toll" means the share of the flour that the miller keeps.\n'
)
PORT = (
    "Rules of the port\n\nThe harbour master shall light the beacon at the pier before dusk. "
    "The pilot of a foreign vessel must present the charter to the customs officer on arrival.\n"
)


def embed(texts: list[str]) -> np.ndarray:
    """Hashed words: enough to bring a passage near to a question in its words."""
    vectors = np.full((len(texts), schema.VECTOR_DIMS), 1e-3, np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            vectors[row, zlib.crc32(word.encode()) % schema.VECTOR_DIMS] += 1
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def test_a_question_knows_the_characters_of_its_answer() -> None:
    made = {one.kind: one for one in questions("mill", MILL, Random(1))}
    assert MILL[slice(*made["duration"].answer)] == "nine days"
    assert made["duration"].text.startswith("How long ")
    assert "nine" not in made["duration"].text
    assert MILL[slice(*made["date"].answer)] == "4 May 1921"
    assert "1921" not in made["date"].text
    assert MILL[slice(*made["definition"].answer)].startswith("the share of the flour")


def test_a_question_that_two_sentences_answer_is_dropped() -> None:
    made = list(questions("mill", MILL, Random(1)))
    assert unambiguous(made, {"mill": MILL}) == made
    kept = unambiguous(made, {"mill": MILL, "copy": MILL})
    assert kept == []


def folder(path: Path) -> Path:
    for number, text in enumerate((MILL, PORT)):
        (path / f"{number}.txt").write_text(text)
    return path


def test_half_of_the_texts_are_read_and_all_are_asked_about(tmp_path: Path) -> None:
    (trial,) = trials(folder(tmp_path), 20, 0)
    assert len(trial.texts) == 1
    assert {case.read for case in trial.cases} == {True, False}
    assert all((case.document in trial.texts) == case.read for case in trial.cases)


def test_a_folder_without_texts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidInput, match=r"neither contracts\.jsonl, nor conversations\.json, nor two texts"
    ):
        list(trials(tmp_path, 20, 0))


def test_what_becomes_of_the_questions_adds_up(tmp_path: Path) -> None:
    found = evaluate_ask(folder(tmp_path), embed, RecallConfig())["texts"]
    read, never = found["read"], found["never_read"]
    assert read["questions"] > 0 < never["questions"]
    assert sum(read[name][0] for name in ("answered", "wrong", "not_found")) == pytest.approx(1)
    assert never["not_found"][0] + never["false_answers"][0] == pytest.approx(1)
    assert read["answered_first"][0] <= read["answered"][0]
    assert never["not_found"][0] == 1
