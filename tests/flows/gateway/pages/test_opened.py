"""What opens: the stored text at its place, quickly; nothing that was not read into this home."""

from pathlib import Path
from time import perf_counter

import pytest

from tasks.errors import InvalidInput
from tasks.ingest.parse.child import parse_file
from tasks.memory.reader import open_memory
from tasks.recall.view.opened import OpenDocument
from tasks.recall.view.pages.matched import matched
from tasks.recall.view.piece import piece
from tasks.settings import ParseConfig
from tests.flows.gateway.conftest import Client
from tests.flows.gateway.homes import Homes


def opened(home: Path, text: str, name: str = "long.txt") -> OpenDocument:
    """A document whose text was parsed into this home."""
    (home / "parsed").mkdir(parents=True)
    path = home / name
    path.write_text(text)
    (part,) = parse_file(path, name, home / "parsed" / "p.parquet", ParseConfig())
    row = {"uri": str(path), "version": "", "content": "", **part, "part": 0, "parsed": "parsed/p.parquet"}
    return OpenDocument(home, part["document"], (row,), "r", True)


def test_a_piece_holds_exactly_the_cited_characters_and_whole_lines(tmp_path: Path) -> None:
    text = "".join(f"Line {number} tells of tide {number * 7}.\n" for number in range(1, 2000))
    document = opened(tmp_path / "home", text)
    start = text.index("Line 1200")
    end = text.index("Line 1203")
    found = piece(document, (start, end))
    assert "".join(one.text for block in found.blocks for one in block.words) == text[found.start : found.end]
    cited = "".join(one.text for block in found.blocks for one in block.words if one.is_cited)
    assert cited == text[start:end]
    assert [block.number for block in found.cited_blocks] == [1200, 1201, 1202]
    assert text[found.start - 1] == text[found.end - 1] == "\n"
    assert text.count("\n", 0, found.start) + 1 == found.blocks[0].number
    with pytest.raises(InvalidInput, match="the document has 0 to"):
        piece(document, (0, len(text) + 1))


def test_pieces_behind_each_other_are_the_whole_text(tmp_path: Path) -> None:
    text = "\n".join("word " * (number % 40) for number in range(800)) + "x" * 30_000
    document, at, seen = opened(tmp_path / "home", text), 0, ""
    while at < len(text):
        found = piece(document, None, at)
        assert found.start == at
        seen += "".join(one.text for block in found.blocks for one in block.words)
        at = found.end
    assert seen == text


def test_ten_million_characters_open_at_once(tmp_path: Path) -> None:
    text = "".join(f"Entry {number:07d} of the long ledger.\n" for number in range(290_000))
    document = opened(tmp_path / "home", text)
    began = perf_counter()
    found = piece(document, (len(text) - 5000, len(text) - 4900))
    assert perf_counter() - began < 2  # the machine may be busy; reading all of it takes longer
    assert found.end == len(text) > 9_000_000


def test_words_are_found_in_the_text_layer_whatever_lies_between_their_letters() -> None:
    shown = "The in-\x02\r\nspector saw the of\ufb01ce twice.\r\nThe in-\x02\r\nspector left."
    ((start, count),) = matched(shown, "", "inspector saw the office")
    assert shown[start : start + count] == "in-\x02\r\nspector saw the of\ufb01ce"
    ((start, count),) = matched(shown, "The inspector saw the office twice.\n", "The inspector")
    assert start > shown.index("twice")
    columns = matched("the right column\rthe left column", "", "the left column\nthe right column")
    assert columns == [(17, 15), (0, 16)]
    assert matched(shown, "", "nowhere on the page") == []


@pytest.mark.parametrize(
    "path",
    [
        "/document/{lab}?start=0&end=10", "/document/{lab}/page/1.png", "/document/..%2f..%2fetc%2fpasswd",
        "/document/%2Fdocs%2Flease.txt", "/document/' OR 1=1", "/record/' OR ''='", "/record/..%2f..",
        "/record/x/below", "/runs/..%2f..%2f", "/runs/nowhere", "/static/..%2frouter.py", "/static/base.html",
        "/document/lease?start=5&end=4", "/document/lease?at=99999",
        "/document/lease/page/1.png",
    ],
)  # fmt: skip
def test_nothing_opens_but_what_was_read_into_the_home(own: Homes, client: Client, path: str) -> None:
    memory = open_memory(own.home / "tenants" / "lab")
    lab = next(row["document"] for row in memory.sources.to_pylist())
    answer = client(own, own.reads).get(path.format(lab=lab))
    assert answer.status_code in (400, 404)
    assert "vault" not in answer.text
    assert str(own.home) not in answer.text


def test_every_page_forbids_what_it_does_not_bring(own: Homes, client: Client) -> None:
    ours = client(own, own.reads)
    for path in (
        "/",
        "/?q=rent",
        "/documents",
        "/tree",
        "/runs",
        "/runs/r1",
        "/unread",
        "/attention",
        "/nowhere",
    ):
        policy = ours.get(path).headers.get("content-security-policy", "")
        assert "default-src 'none'" in policy or path == "/nowhere"
        assert "unsafe" not in policy
