"""Discovery: each source once, and a sample that every machine has.

Run: pytest tests/tasks/ingest/test_discover.py
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.ingest.discover import SAMPLE_CHARS, discover, root
from tasks.ingest.storage import Found
from tasks.ingest.uris import SAMPLE
from tasks.settings import StorageConfig

LOCAL = StorageConfig()


def sample(home: Path) -> list[Found]:
    return list(discover([SAMPLE], home, LOCAL))


def test_a_source_that_two_uris_lead_to_comes_once(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    uris = [str(tmp_path / "b.txt"), str(tmp_path), str(tmp_path / "*.txt")]
    assert [Path(found.uri).name for found in discover(uris, tmp_path, LOCAL)] == ["b.txt", "a.txt"]


def test_the_sample_is_a_bounded_number_of_distinct_whole_texts(tmp_path: Path) -> None:
    texts = [Path(found.uri).read_text(encoding="utf-8") for found in sample(tmp_path)]
    assert len(texts) >= 10
    assert len(set(texts)) == len(texts)
    assert SAMPLE_CHARS / 2 < sum(map(len, texts)) <= SAMPLE_CHARS


def test_the_sample_is_the_same_each_time_and_mends_what_was_changed(tmp_path: Path) -> None:
    first = sample(tmp_path)
    assert sample(tmp_path) == first
    kept = Path(first[0].uri).read_text(encoding="utf-8")
    Path(first[0].uri).write_text("scribbled over")
    (tmp_path / "sample" / "stray.txt").write_text("no part of it")
    assert [found.uri for found in sample(tmp_path)] == [found.uri for found in first]
    assert Path(first[0].uri).read_text(encoding="utf-8") == kept


@pytest.mark.heavy
def test_the_sample_is_the_same_under_the_backport_that_prefect_brings(tmp_path: Path) -> None:
    code = """
import importlib_metadata, sys
from pathlib import Path
from tasks.ingest.discover import sample_folder
print(*sorted(path.name for path in sample_folder(Path(sys.argv[1])).iterdir()))
"""
    said = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "other"], capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == sorted(Path(found.uri).name for found in sample(tmp_path))


def test_sources_of_the_sample_lie_under_its_root(tmp_path: Path) -> None:
    assert all(found.uri.startswith(root(SAMPLE, tmp_path) + "/") for found in sample(tmp_path))
