"""Real weights for every test: converted once per machine into a cache beside the checkout."""

from pathlib import Path

import pytest

from model.weights import default_embedder, default_model

CACHE = Path(__file__).parents[1] / ".nightread" / "models"


@pytest.fixture(scope="session")
def model_dir() -> Path:
    """SmolLM2-135M-Instruct as a Hugging Face folder."""
    return default_model(CACHE)


@pytest.fixture(scope="session")
def embedder_dir() -> Path:
    """all-MiniLM-L6-v2 as a Hugging Face folder."""
    return default_embedder()


@pytest.fixture
def small_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """An index that learns early and from little, so that a short text exercises what a long one does."""
    for name, value in (("FIRST", 512), ("BATCH", 256), ("DIRECTIONS", 128), ("LIST", 64)):
        monkeypatch.setattr(f"model.context.index.{name}", value)
