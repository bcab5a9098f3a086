"""Without salience the windows are noted, and no model reads them.

Run: pytest tests/tasks/infer/test_bounds.py
"""

import json
from pathlib import Path

import pytest

from tasks.infer import models
from tests.tasks.reading import Reading, Texts, windows

PROSE = "The keeper of the light wrote down the weather of the day and the ships that passed. "


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Texts:
    return Texts(
        tmp_path_factory.mktemp("texts"), tiny_model_dir, {"long.txt": PROSE * 200, "short.txt": PROSE}
    )


def test_windows_are_noted_with_their_characters_and_no_model_is_loaded(
    tmp_path: Path, texts: Texts, tiny_model_dir: Path
) -> None:
    loaded = models._reader.cache_info().misses
    reading = Reading(tmp_path / "home", texts, tiny_model_dir, "infer.salience=false")
    outcome = reading.infer()
    assert models._reader.cache_info().misses == loaded
    assert outcome.windows == sum(document.windows for document in reading.documents) > 10
    assert outcome.tokens == sum(document.tokens for document in reading.documents)
    notes = [json.loads(payload) for payload in windows(tmp_path / "home").values()]
    assert {note["chars"][1] for note in notes} >= {len(PROSE * 200), len(PROSE)}
    assert all(note["salient"] == [] for note in notes)
    assert not (tmp_path / "home" / "states").exists()


def test_several_workers_are_not_started_for_it(tmp_path: Path, texts: Texts, tiny_model_dir: Path) -> None:
    home = tmp_path / "home"
    Reading(home, texts, tiny_model_dir, "infer.salience=false", "infer.workers=2").infer()
    again = Reading(home, texts, tiny_model_dir, "infer.salience=false")
    assert again.infer().windows == 0, "everything was noted, and is not noted again"
