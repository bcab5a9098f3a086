"""Parsers under sources that are changed at random, guided by coverage: none crashes, hangs or raises.

Run: pytest -m slow tests/tasks/ingest/test_fuzz.py (ten minutes a parser, 3.2 hours for all 19 of them, one
after the other; NIGHTREAD_FUZZ_S=60 for a minute each, NIGHTREAD_FUZZ_SEED=7 for other changes,
-k docx for one). A source on which a parser fails is left in pytest's folder of the test.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tasks.ingest.fuzz import SEEDS

SECONDS = 600
"""For each parser."""


@pytest.mark.slow
@pytest.mark.parametrize("kind", SEEDS)
def test_a_parser_gives_every_changed_source_an_outcome(kind: str, tmp_path: Path) -> None:
    seconds, seed = (
        os.environ.get(f"NIGHTREAD_FUZZ_{name}", str(usual)) for name, usual in (("S", SECONDS), ("SEED", 0))
    )
    arguments = [kind, seconds, seed, str(tmp_path)]
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
