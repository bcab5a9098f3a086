"""Importing the engine does nothing; registration with transformers is one explicit import.

Run: pytest tests/model/test_imports.py
"""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

LIGHT = """
import sys
import model, model.attention, model.bench, model.context.heads, model.cost, model.files, model.geometry
import model.hardware, model.parallel.layout, model.weights
print(sorted({"torch", "transformers"} & set(sys.modules)))
"""
REGISTERED = """
import model.context.generate, model.reader
from transformers import AttentionInterface, GenerationMixin, PreTrainedConfig

def known():
    ours = GenerationMixin.generate is model.context.generate.generate
    return "sparse_sliding_window" in AttentionInterface(), hasattr(PreTrainedConfig, "window_size"), ours

print(*known())
import model.register
print(*known())
"""


def said(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout.splitlines()


@pytest.mark.heavy
def test_constants_costs_and_files_are_imported_without_torch() -> None:
    assert said(LIGHT) == ["[]"]


@pytest.mark.heavy
def test_nothing_but_the_explicit_import_registers_with_transformers() -> None:
    assert said(REGISTERED) == ["False False False", "True True True"]
