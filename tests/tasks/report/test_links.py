"""A link opens the source at the cited words, or there is none; a citation carries its paragraph.

Run: pytest tests/tasks/report/test_links.py
"""

from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tasks.infer.quotes import Quote
from tasks.ingest.parse.child import parse_file
from tasks.relate.relations import Placed, Relation
from tasks.report.cited import AROUND, cited
from tasks.report.findings import pair
from tasks.report.links import link, named_link
from tasks.settings import ParseConfig


@pytest.mark.parametrize(
    ("uri", "label", "place", "words", "expected"),
    [
        ("/docs/a b.pdf", "", "page 3", "The rent", "file:///docs/a%20b.pdf#page=3"),
        (
            "/docs/a.txt",
            "",
            "line 1",
            "well-paid, twice",
            "file:///docs/a.txt#:~:text=well%2Dpaid%2C%20twice",
        ),
        ("/docs/a.docx", "", "paragraph 2", "The rent", "file:///docs/a.docx"),
        ("/docs/old.zip", "letters/a.txt", "line 1", "The rent", "file:///docs/old.zip"),
        ("/docs/\\xe9.txt", "", "", "", "file:///docs/%E9.txt"),
        ('/docs/"><script>.txt', "", "", "", "file:///docs/%22%3E%3Cscript%3E.txt"),
        ("s3://papers/a.pdf", "", "page 3", "The rent", ""),
        ("javascript:alert(1)", "", "", "", ""),
    ],
)
def test_a_link_opens_the_source_at_its_place_or_is_none(
    uri: str, label: str, place: str, words: str, expected: str
) -> None:
    assert link(uri, label, place, words) == expected


def test_a_link_to_many_lines_names_how_they_begin_and_end() -> None:
    address = link("/docs/a.md", "", "line 4", "one two three\nfour five six seven eight nine ten\n")
    assert unquote(urlsplit(address).fragment) == ":~:text=one two three,five six seven eight nine ten"


def test_a_name_with_a_number_sign_is_a_part_unless_it_is_a_file(tmp_path: Path) -> None:
    assert named_link(f"{tmp_path}/mails.jsonl#row=12") == f"file://{tmp_path}/mails.jsonl"
    (tmp_path / "plan #2.txt").write_text("x")
    assert named_link(f"{tmp_path}/plan #2.txt") == f"file://{tmp_path}/plan%20%232.txt"


def test_a_citation_carries_what_stands_around_it_in_its_paragraph_and_no_more(tmp_path: Path) -> None:
    said, path = "The rent is 900 euros.", tmp_path / "lease.txt"
    path.write_text(f"Another paragraph.\n\nOn this day: {said} {'Both sign it. ' * 60}\n\nThe end.\n")
    (row,) = parse_file(path, path.name, tmp_path / "lease.parquet", ParseConfig())
    source = {"uri": str(path), "parsed": "lease.parquet", "part": 0, "label": ""}
    start = path.read_text().index(said)
    found = cited(tmp_path, source, Quote(said, row["document"], start, start + len(said)))
    assert (found.text, found.before) == (said, "On this day: ")
    assert found.place == f"{path}:line 3:{start}-{start + len(said)}"
    assert found.link == f"file://{path}#:~:text=The%20rent%20is%20900%20euros."
    assert found.after.startswith(" Both sign it.")
    assert found.after.endswith("…")
    assert len(found.after) <= AROUND


def test_words_that_a_changed_source_holds_no_more_have_no_link_to_it() -> None:
    before = Placed("The rent is 900 euros.", "d1", 10, 32, "/docs/lease.txt", "line 3", "Lease", "")
    now = replace(before, text="The rent is 950 euros.", document="d2")
    for kind, linked in (("changes", False), ("contradicts", True)):
        found = pair(Relation(kind, now, before))
        assert found.before is not None
        assert found.now is not None
        assert bool(found.before.link) is linked
        assert found.now.link == "file:///docs/lease.txt#:~:text=The%20rent%20is%20950%20euros."
