"""What lies inside a source: numbered through, limited as a whole, each harming no other.

Run: pytest tests/tasks/ingest/test_members.py
"""

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.ingest.omitted import many, remark
from tasks.ingest.parse import members
from tasks.ingest.parse.base import Item, Omitted, TextSpan
from tasks.settings import ParseConfig

ROWS = b'{"text": "first"}\n{"text": 3}\n{"text": "third"}\n'


@pytest.fixture(autouse=True)
def source(tmp_path: Path) -> None:
    (tmp_path / "source.zip").write_bytes(b"x")
    members.begin(tmp_path / "source.zip", ParseConfig())


def told(items: Iterator[Item]) -> list[tuple[int, str, str]]:
    return [(one.part, one.label, one.reason or one.text) for one in items if isinstance(one, TextSpan)]


def test_documents_are_numbered_through_all_members(tmp_path: Path) -> None:
    container = members.Container(ParseConfig())
    (tmp_path / "c.txt").write_text("from a file")
    found = told(container.member("a.txt", b"plain"))
    found += told(container.member("../../rows.jsonl", io.BytesIO(ROWS)))
    found += told(container.member("b.png", b"\x89PNG\r\n\x1a\n"))
    found += told(container.member("empty.txt", b""))
    found += told(container.member("c.txt", tmp_path / "c.txt"))
    assert [(part, label) for part, label, _ in found] == [
        (0, "a.txt"), (1, "../../rows.jsonl/row=1"), (2, "../../rows.jsonl/row=2"),
        (3, "../../rows.jsonl/row=3"), (4, "b.png"), (5, "empty.txt"), (6, "c.txt"),
    ]  # fmt: skip
    assert [text.partition(":")[0] for *_, text in found] == [
        "plain", "first", "corrupt", "third", "unsupported", "empty_text", "from a file"
    ]  # fmt: skip


def test_an_embedded_text_belongs_to_the_document_around_it_and_says_what_it_lacks() -> None:
    items = list(members.embedded("rows.jsonl", ROWS, ParseConfig()))
    assert [item.text for item in items if isinstance(item, TextSpan)] == ["first", "third"]
    assert {(item.part, item.where) for item in items if isinstance(item, Omitted)} == {(0, "row=2")}


def test_what_unpacks_to_more_than_is_allowed_is_refused_as_a_whole() -> None:
    container = members.Container(ParseConfig(max_mb=1))
    members._now.allowed = 1 << 20
    assert told(container.member("a.txt", io.BytesIO(b"x" * (1 << 19))))
    with pytest.raises(members.TooMuch, match="unpacks to more than 1,048,576 bytes"):
        told(container.member("b.txt", io.BytesIO(b"x" * (1 << 20))))


def test_what_is_left_out_is_said_as_people_say_it() -> None:
    assert [many("image", 1), many("page without text", 2), many("entry", 3)] == [
        "1 image", "2 pages without text", "3 entries"
    ]  # fmt: skip
    omitted = [{"kind": "page without text", "count": 4, "where": "pages 2-5"}]
    row = {"omitted": omitted, "encoding": "cp1252, guessed"}
    assert remark(row) == "left out: 4 pages without text (pages 2-5); read as cp1252, guessed"
    assert remark({}) == ""
