"""`nightread bench parse` takes files and a text through the first steps of a read, and says how fast.

Run: pytest tests/tasks/bench/test_parsing.py (its slow test: 40 s)
"""

from pathlib import Path

import pytest

from flows.cli import main
from flows.ingesting import told
from tasks.bench.parsing import FILE_BYTES, Parsing, _write_files
from tasks.errors import InvalidInput


def test_files_that_are_made_are_alike_in_size_and_not_in_words(tmp_path: Path) -> None:
    _write_files(tmp_path, 3)
    texts = [path.read_text() for path in sorted(tmp_path.rglob("*.txt"))]
    assert {len(text) for text in texts} == {FILE_BYTES}
    assert len(set(texts)) == 3


@pytest.mark.parametrize("option", ["files", "megabytes"])
def test_a_number_that_cannot_be_is_refused_by_name(option: str) -> None:
    with pytest.raises(InvalidInput, match=f"--{option} 0: give 1 or more"):
        Parsing(**{option: 0})


def test_a_line_a_step_says_how_fast_it_was() -> None:
    row = {"corpus": "files", "step": "parse", "seconds": 10.0, "processor_s": 16.0, "count": 5000}
    row |= {"bytes": 10_240_000, "rss": 2 << 30, "rss_child": 1 << 30}
    result = {"files": 5000, "file_bytes": 2048, "megabytes": 1, "parsers": 2, "rows": [row]}
    assert told(result).splitlines()[-1].split() == [
        "files", "parse", "10.0", "s", "16.0", "s", "500", "0.6", "2.0", "GiB"
    ]  # fmt: skip


@pytest.mark.slow
def test_every_step_of_both_corpora_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["--files", "40", "--megabytes", "1", f"home={tmp_path}"]
    assert main(["bench", "parse", *made]) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = [line.split()[:2] for line in lines[-6:]]
    assert steps == [
        [corpus, step] for corpus in ("files", "text") for step in ("discover", "parse", "shard")
    ]
