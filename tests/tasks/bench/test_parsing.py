"""`nightread bench parse` takes files and a text through the first steps of a read, and says how fast.

Run: pytest tests/tasks/bench/test_parsing.py (its slow test: 40 s)
"""

from pathlib import Path
from typing import Any

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


@pytest.mark.parametrize(("option", "value"), [("files", (5000, 0)), ("megabytes", 0)])
def test_a_number_that_cannot_be_is_refused_by_name(option: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=f"--{option} 0: give 1 or more"):
        Parsing(**{option: value})


def test_a_line_a_step_says_how_fast_it_was() -> None:
    row = {"corpus": "5,000 files", "step": "parse", "seconds": 10.0, "processor_s": 16.0, "count": 5000}
    row |= {"bytes": 10_240_000, "rss": 2 << 30, "rss_child": 1 << 30}
    more = {**row, "corpus": "50,000 files", "rss": 3 << 30}
    result = {"files": [5000, 50000], "file_bytes": 2048, "megabytes": 1, "parsers": 2, "rows": [row, more]}
    assert [line.split() for line in told(result).splitlines()[-2:]] == [
        ["5,000", "files", "parse", *"10.0 s 16.0 s 500 0.6 2.0 GiB 1.00 x 1.0 GiB".split()],
        ["50,000", "files", "parse", *"10.0 s 16.0 s 500 0.6 3.0 GiB 1.50 x 1.0 GiB".split()],
    ]


@pytest.mark.slow
def test_every_step_of_both_corpora_is_measured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = ["--files", "40", "--megabytes", "1", f"home={tmp_path}"]
    assert main(["bench", "parse", *made]) == 0
    lines = capsys.readouterr().out.splitlines()
    steps = ("discover", "parse", "choose", "shard", "plan", "merge")
    expected = [f"{corpus} {step}".split() for corpus in ("40 files", "text") for step in steps]
    assert [
        line.split()[: len(wanted)] for line, wanted in zip(lines[-12:], expected, strict=True)
    ] == expected
