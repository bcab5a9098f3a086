"""Natural text has the requested length and never repeats."""

import json
import re
from pathlib import Path

import pytest

from tasks.bench.natural_text import natural_text
from tasks.errors import InvalidInput

LONG = "The quick brown fox jumps over the lazy dog, and then it goes on for a while."


def test_the_text_of_this_machine_is_exact_in_length_and_the_same_for_a_seed() -> None:
    text = natural_text(None, 800_000, 3)
    assert len(text) == 800_000
    assert text == natural_text(None, 800_000, 3)
    assert text[:2000] != natural_text(None, 2000, 4)


def test_no_long_paragraph_comes_twice() -> None:
    paragraphs = [
        " ".join(part.split())
        for part in re.split(r"\n\s*\n", natural_text(None, 1_000_000, 0))
        if len(part) > 80
    ]
    assert len(paragraphs) > 1000
    assert len(paragraphs) == len(set(paragraphs))


def test_given_files_are_read_by_their_kind_and_repeat_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(f"{LONG}\n\n{{\n\nOnly in a.\n")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "b.md").write_text(f"Only in b.\n\n{LONG}\n\n{{")
    (tmp_path / "c.jsonl").write_text("".join(json.dumps({"text": f"Row {row}."}) + "\n" for row in range(3)))
    (tmp_path / "d.bin").write_text("never")
    every = [LONG, "{", "{", "Only in a.", "Only in b.", "Row 0.", "Row 1.", "Row 2."]
    text = natural_text([tmp_path], sum(len(paragraph) + 2 for paragraph in every), 0)
    for said in (LONG[:30], "Only in a.", "Only in b.", "Row 0.", "Row 1.", "Row 2."):
        assert text.count(said) == 1
    assert text.count("{") == 2
    assert "never" not in text


def test_too_little_text_says_how_much_there_is(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("word")
    with pytest.raises(InvalidInput, match=r"a\.txt: 6 characters .* 100 are needed; add files"):
        natural_text([tmp_path / "a.txt"], 100, 0)


@pytest.mark.parametrize("name", ["nowhere", "picture.png"])
def test_a_path_without_text_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "picture.png").write_bytes(b"")
    with pytest.raises(InvalidInput, match=name):
        natural_text([tmp_path / name], 10, 0)


def test_rows_without_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": 1}\n')
    with pytest.raises(InvalidInput, match=r"a\.jsonl.*text"):
        natural_text([tmp_path], 10, 0)
