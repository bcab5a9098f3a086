"""Parsers under sources that are changed at random, guided by coverage: none crashes, hangs or raises.

Run: pytest -m slow tests/tasks/ingest/test_fuzz.py (ten minutes)
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.ingest.fuzz import SEEDS

SECONDS = 600
"""For all parsers together."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_a_parser_gives_every_changed_source_an_outcome(kind: str, tmp_path: Path) -> None:
    seconds = float(os.environ.get("NIGHTREAD_FUZZ_S", SECONDS)) / len(SEEDS)
    arguments = [kind, str(seconds), "0", str(tmp_path)]
    command = [sys.executable, "-m", "tests.tasks.ingest.fuzz", *arguments]
    root = Path(__file__).parents[3]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, env=environment)
    assert done.returncode == 0, f"{tmp_path}/source.{kind}: {done.stderr[-3000:]}"
    print(done.stdout)
    assert {path.name for path in tmp_path.iterdir()} <= {f"source.{kind}", "text.parquet", "temporary"}
    assert list(temporary.iterdir()) == []
