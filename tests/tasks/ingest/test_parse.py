"""Every source gets an outcome: good ones their exact text, bad ones a reason, and none hangs.

Run: pytest tests/tasks/ingest/test_parse.py
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidInput
from tasks.ingest.discover import discover
from tasks.ingest.parse import parse_source, parser_key, place_of, read_spans, read_text
from tasks.settings import ParseConfig, StorageConfig
from tests.sources import BAD, GOOD, pdf, word

pytestmark = pytest.mark.heavy

LOCAL = StorageConfig()
CAPS = ParseConfig(timeout_s=4.0, memory_mb=600, max_mb=64, plugins=("tests.tasks.bad_parsers",))
LETTERS = st.characters(codec="utf-8", exclude_characters="\0\r")
PROSE = st.text(LETTERS, min_size=1, max_size=400).filter(str.strip)


def parsed(folder: Path, home: Path, config: ParseConfig = CAPS) -> dict[str, list[dict[str, Any]]]:
    found = discover([str(folder)], home, LOCAL)
    return {Path(item.uri).name: parse_source(item, home, config, LOCAL) for item in found}


def text_of(home: Path, row: dict[str, Any]) -> str:
    return "".join(span.text for span in read_spans(home, row["parsed"], row["part"]))


def test_bad_inputs_get_an_outcome_and_a_reason_and_good_ones_beside_them_are_read(tmp_path: Path) -> None:
    folder, home = tmp_path / "corpus", tmp_path / "home"
    folder.mkdir()
    for name, (make, _) in BAD.items():
        make(folder / name)
    for name, make_good in GOOD.items():
        make_good(folder / name)
    (folder / "inside").mkdir()
    (folder / "inside" / "round").symlink_to(folder)
    started = time.monotonic()
    rows = parsed(folder, home)
    assert time.monotonic() - started < 90
    assert {name: rows[name][0]["outcome"] for name in BAD} == {name: bad for name, (_, bad) in BAD.items()}
    assert all(rows[name][0]["reason"] for name in BAD)
    assert {name for name in GOOD if rows[name][0]["outcome"] != "ok"} == set()
    texts = {name: text_of(home, rows[name][0]) for name in GOOD}
    assert texts["plain.txt"] == "Größe: naïve café\nsecond line"
    assert "grüßt die Bevölkerung" in texts["latin.txt"]
    assert texts["page.html"] == "Head\nOne two"
    assert texts["deep.html"] == "deep text"
    assert "A printed sentence." in texts["paper.pdf"]
    assert texts["letter.docx"] == "Dear reader,\nthis is a letter.\n"
    assert [row["outcome"] for row in rows["rows.jsonl"]] == ["ok", "corrupt", "corrupt", "empty_text", "ok"]
    last = rows["rows.jsonl"][-1]
    assert (text_of(home, last), last["label"]) == ("last row", "row=6")


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Тёмный лес стоял над рекой, и было тихо. Всё спало вокруг деревни. ", "cp1251"),
        ("吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。", "shift_jis"),
        ("学而时习之、不亦说乎。有朋自远方来、不亦乐乎。", "gb18030"),
    ],
)
def test_a_text_in_a_legacy_encoding_is_read_exactly(text: str, encoding: str, tmp_path: Path) -> None:
    (tmp_path / "old.txt").write_bytes((text * 30).encode(encoding))
    row = parsed(tmp_path / "old.txt", tmp_path / "home")["old.txt"][0]
    assert text_of(tmp_path / "home", row) == text * 30


def test_the_same_bytes_are_read_as_their_names_say(tmp_path: Path) -> None:
    for name in ("a.txt", "b.html", "c.exe"):
        (tmp_path / name).write_bytes(b"<p>One</p>")
    rows = parsed(tmp_path, tmp_path / "home")
    texts = [text_of(tmp_path / "home", rows[name][0]) for name in ("a.txt", "b.html")]
    assert texts == ["<p>One</p>", "One"]
    assert rows["c.exe"][0]["outcome"] == "unsupported"


def test_a_file_that_changes_while_it_is_read_is_not_remembered_as_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("as it was found")
    found = next(iter(discover([str(path)], tmp_path, LOCAL)))
    path.write_text("as it is by now")
    os.utime(path, ns=(1, 1))
    assert parse_source(found, tmp_path / "home", CAPS, LOCAL)[0]["outcome"] == "unreadable"


def test_a_parsed_text_that_is_empty_or_gone_is_made_again(tmp_path: Path) -> None:
    path, home = tmp_path / "a.txt", tmp_path / "home"
    path.write_text("The storm tore two planks off.\n")
    (row,) = parsed(path, home)["a.txt"]
    (home / row["parsed"]).write_bytes(b"")  # as a loss of power leaves it
    assert parsed(path, home)["a.txt"] == [row]
    assert text_of(home, row) == path.read_text()


def test_caps_do_not_change_the_name_of_what_was_parsed_and_plugins_do() -> None:
    assert parser_key(ParseConfig(timeout_s=1, memory_mb=64, max_mb=1)) == parser_key(ParseConfig())
    assert parser_key(CAPS) != parser_key(ParseConfig())


def test_a_row_among_many_small_ones_is_found_without_reading_the_rest(tmp_path: Path) -> None:
    lines = (json.dumps({"text": f"row {number}"}) for number in range(1, 5001))
    (tmp_path / "many.jsonl").write_text("\n".join(lines))
    rows = parsed(tmp_path / "many.jsonl", tmp_path / "home")["many.jsonl"]
    assert len({row["document"] for row in rows}) == 5000
    row, home = rows[4320], tmp_path / "home"
    assert text_of(home, row) == "row 4321"
    assert place_of(home, row["parsed"], row["part"], 0) == "row 4321"


def test_a_file_that_vanishes_after_discovery_is_quarantined(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("here now")
    found = next(iter(discover([str(tmp_path / "a.txt")], tmp_path, LOCAL)))
    (tmp_path / "a.txt").unlink()
    assert parse_source(found, tmp_path / "home", CAPS, LOCAL)[0]["outcome"] == "vanished"


@pytest.mark.parametrize("uri", ["/nowhere/at/all", "/nowhere/*.nothing"])
def test_a_uri_that_leads_nowhere_is_named_in_the_error(uri: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=re.escape(uri)):
        list(discover([uri], tmp_path, LOCAL))


FORMATS: dict[str, Callable[[Path, str], object]] = {
    "a.txt": lambda path, text: path.write_text(text, encoding="utf-8", newline=""),
    "a.jsonl": lambda path, text: path.write_text(json.dumps({"text": text})),
}


@pytest.mark.parametrize("name", FORMATS)
@given(text=PROSE, cut=st.tuples(st.integers(0, 400), st.integers(0, 400)))
@settings(max_examples=25)  # an example parses a file in a process
def test_characters_read_back_are_those_at_their_offsets(
    name: str, text: str, cut: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / name
    FORMATS[name](path, text)
    rows = parsed(path, tmp_path / "home")[name]
    if rows[0]["outcome"] == "ok":
        start, end = sorted(min(at, len(text)) for at in cut)
        found = read_text(tmp_path / "home", rows[0]["parsed"], rows[0]["part"], start, end)
        assert found == text_of(tmp_path / "home", rows[0])[start:end] == text[start:end]
        assert rows[0]["chars"] == len(text)


def test_a_long_document_is_read_back_exactly_across_spans(tmp_path: Path) -> None:
    text = "".join(f"line {number} of a long text\n" for number in range(60_000))
    (tmp_path / "long.txt").write_text(text)
    row = parsed(tmp_path / "long.txt", tmp_path / "home")["long.txt"][0]
    home = tmp_path / "home"
    for start in (0, 65_500, 524_280, len(text) - 40):
        assert read_text(home, row["parsed"], 0, start, start + 300) == text[start : start + 300]
    at = text.index("line 43210 ")
    assert place_of(home, row["parsed"], 0, at) == "line 43211"


def page(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"<p>{escape(line)}</p>" for line in lines), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "make"), [("a.html", page), ("a.docx", lambda path, lines: word(path, *lines))]
)
@given(lines=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=40), min_size=1))
@settings(max_examples=15)  # an example parses a file in a process
def test_a_quote_from_a_page_or_a_letter_stands_at_its_offsets(
    name: str, make: Callable[[Path, list[str]], object], lines: list[str], tmp_path: Path
) -> None:
    make(tmp_path / name, lines)
    row, home = parsed(tmp_path / name, tmp_path / "home")[name][0], tmp_path / "home"
    text = text_of(home, row)
    assert text.split() == lines
    assert len(text) == row["chars"]
    assert hashlib.sha256(text.encode()).hexdigest() == row["document"]
    at = text.index(lines[-1])
    assert read_text(home, row["parsed"], 0, at, at + len(lines[-1])) == lines[-1]


@given(
    pages=st.lists(st.from_regex(r"[A-Za-z0-9]{1,12}( [A-Za-z0-9]{1,12}){0,6}", fullmatch=True), min_size=1)
)
@settings(max_examples=15)  # an example parses a file in a process
def test_a_quote_from_a_paper_stands_at_its_offsets_and_on_its_page(pages: list[str], tmp_path: Path) -> None:
    pdf(tmp_path / "a.pdf", *pages)
    row, home = parsed(tmp_path / "a.pdf", tmp_path / "home")["a.pdf"][0], tmp_path / "home"
    text = text_of(home, row)
    assert text.split() == " ".join(pages).split()
    assert len(text) == row["chars"]
    at = 0
    for number, page_text in enumerate(pages, 1):
        at = text.index(page_text, at)
        assert read_text(home, row["parsed"], 0, at, at + len(page_text)) == page_text
        assert place_of(home, row["parsed"], 0, at) == f"page {number}"
        at += len(page_text)
