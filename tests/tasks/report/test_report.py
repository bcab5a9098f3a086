"""The report shows documents' text as text: nothing in it becomes markup or breaks a table.

Run: pytest tests/tasks/report/test_report.py
"""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tasks.report.page import Entry, markdown, page, plain

EVIL = "<script>alert(1)</script> | a `pipe` [link](http://x) ![i](x) &lt;b&gt; www.x.org\n# heading $x$"


def outcome(text: str = EVIL, **changes: Any) -> dict[str, Any]:
    row = {
        "source": text,
        "action": "read",
        "tokens": 1200,
        "windows": 1,
        "outcome": "ok",
        "reason": text,
    }
    figures = {
        "run": "20260101-000000-ab12",
        "corpus": text,
        "status": "published",
        "version": 3,
        "added": 9,
        "retired": 1,
        "documents": 1,
        "read": 1,
        "windows": 1,
        "tokens": 1200,
        "read_seconds": 4.0,
        "seconds": 9.0,
        "planned_seconds": 110.0,
        "peak_rss": 1 << 30,
        "generated": 1,
        "dropped": 2,
        "quarantined": [],
        "table": [row],
    }
    return figures | changes


def entries(text: str = EVIL) -> list[Entry]:
    return [Entry(text, text, [(text, text)])]


class Tags(HTMLParser):
    """Collects tags and plain text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Tags:
    """The Markdown report of this text, as a browser would see it."""
    to_html = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return Tags(to_html.render(markdown(outcome(text), entries(text))))


def test_text_of_documents_stays_text_in_html() -> None:
    tags = Tags(page(outcome(), entries()))
    assert not {"script", "img", "iframe", "object", "b", "a"} & set(tags.tags)
    assert tags.text.count("<script>alert(1)</script>") >= 5
    assert tags.text.count("&lt;b&gt;") >= 5
    assert "svg" in tags.tags


def test_text_of_documents_stays_text_in_markdown() -> None:
    shown = rendered(EVIL)
    assert shown.tags == rendered("plain words").tags
    assert shown.text.count(" ".join(EVIL.split())) == 7
    table = [line for line in markdown(outcome(), entries()).splitlines() if "| read |" in line]
    assert len(table) == 1
    assert table[0].replace("\\|", "").count("|") == 7


MARKS = [
    "*",
    "_",
    "#",
    "-",
    "+",
    "=",
    "1.",
    "2)",
    ">",
    "|",
    "`",
    "~~",
    "[a](b)",
    "![",
    "<b>",
    "&amp;",
    "\\",
    "$",
]
TEXTS = st.lists(st.sampled_from([*MARKS, "word", " ", "\n"]), min_size=1, max_size=12).map("".join)


@given(TEXTS.filter(str.strip))
def test_no_text_changes_the_structure_of_the_markdown(text: str) -> None:
    shown = rendered(text)
    assert shown.tags == rendered("plain words").tags
    assert " ".join(text.split()) in shown.text


@pytest.mark.parametrize("text", ["http://x.org", "www.x.org", "a@b.org"])
def test_no_address_in_a_text_becomes_a_link(text: str) -> None:
    assert plain(text) not in (text, "")  # renderers that look for bare addresses find none
    assert plain(text).replace("\\", "") == text


def test_prose_stays_readable_in_markdown() -> None:
    prose = 'It costs (in 2011) 3.5 million - "a lot", he said; isn\'t it?'
    assert plain(prose) == prose


def test_a_run_with_nothing_to_read_has_a_report_too() -> None:
    quiet = outcome(tokens=0, windows=0, read_seconds=0.0, table=[], status="unchanged")
    assert "nothing to read" in markdown(quiet, [])
    assert "<svg" not in page(quiet, [])


def test_the_same_run_gives_the_same_page() -> None:
    assert page(outcome(), entries()) == page(outcome(), entries())
