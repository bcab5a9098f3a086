"""The report shows documents' text as text: nothing in it becomes markup or breaks a table.

Run: pytest tests/tasks/test_report.py
"""

from html.parser import HTMLParser
from typing import Any

from tasks.report.report import markdown, page

EVIL = "<script>alert(1)</script> | a `pipe` [link](http://x)\n# heading $x$"


def outcome(**changes: Any) -> dict[str, Any]:
    row = {
        "source": EVIL,
        "action": "read",
        "tokens": 1200,
        "windows": 1,
        "outcome": "ok",
        "reason": EVIL,
    }
    figures = {
        "run": "20260101-000000-ab12",
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


ENTRIES = [{"title": EVIL, "summary": EVIL, "quotes": [(EVIL, EVIL)]}]


class Tags(HTMLParser):
    """Collects tags and plain text."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_text_of_documents_stays_text_in_html() -> None:
    tags = Tags()
    tags.feed(page(outcome(), ENTRIES))
    assert not tags.tags & {"script", "img", "iframe", "object"}
    assert tags.text.count("<script>alert(1)</script>") >= 4
    assert "svg" in tags.tags


def test_text_of_documents_stays_text_in_markdown() -> None:
    text = markdown(outcome(), ENTRIES)
    table = [line for line in text.splitlines() if line.startswith("|") and "read |" in line]
    assert len(table) == 1
    assert table[0].replace("\\|", "").count("|") == 7
    assert "<script>" not in text.replace("\\<", "")
    assert not any(line.startswith("# heading") for line in text.splitlines())


def test_a_run_with_nothing_to_read_has_a_report_too() -> None:
    quiet = outcome(tokens=0, windows=0, read_seconds=0.0, table=[], status="unchanged")
    assert "nothing to read" in markdown(quiet, [])
    assert "<svg" not in page(quiet, [])


def test_the_same_run_gives_the_same_page() -> None:
    assert page(outcome(), ENTRIES) == page(outcome(), ENTRIES)
