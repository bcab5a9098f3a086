"""The report opens with what is new, and shows documents' text as text: nothing in it becomes markup.

Run: pytest tests/tasks/report/test_report.py
"""

import base64
import hashlib
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import html
from markdown_it import MarkdownIt

from tasks.recall.coverage import Coverage
from tasks.report.cited import Cited
from tasks.report.entries import Contents, Entry, Failure, Theme, first_of_each, status, worth_reading
from tasks.report.page import ANNOUNCED, lead, linked, markdown, page, plain
from tasks.report.report import telling_names

EVIL = "<script>alert(1)</script> | a `pipe` [link](http://x) ![i](x) &lt;b&gt; www.x.org\n# heading $x$"
LEASE = Entry(
    document="d1",
    title="Lease of the mill (contract, 2024-03-05)",
    source="/docs/lease.txt",
    kind="contract",
    status="new",
    tokens=1200,
    sentences=("Anna lets the mill to Ben.", "The rent is 900 euros.", "It ends in 2030."),
    quotes=(
        Cited(
            "Anna lets the mill\nto Ben.",
            "/docs/lease.txt:line 3:10-35",
            "file:///docs/lease.txt#:~:text=Anna%20lets%20the%20mill,to%20Ben.",
            "On this day ",
            " Both sign.",
        ),
    ),
)


def outcome(text: str = EVIL, **changes: Any) -> dict[str, Any]:
    row = {
        "title": text,
        "source": text,
        "action": "read: new",
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
        "relations": {},
        "found": [],
        "table": [row, row],
        "sources": 2,
        "became": {"read: new": 2},
        "longest": [row, row],
    }
    return figures | changes


def contents(text: str = EVIL) -> Contents:
    entry = replace(
        LEASE, title=text, source=text, sentences=(text,), quotes=(Cited(text, text, "", text, text),)
    )
    return Contents((entry,), (Theme(text, (text,)),), (text,), (Failure(text, text),))


class Tags(HTMLParser):
    """Collects tags, identifiers, addresses and plain text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags += [tag] if tag != "wbr" else []  # where a line of a path may end
        named = dict(attrs)
        if tag not in ("use", "g", "path") and "id" in named:
            self.ids.append(named["id"] or "")
        self.links += [value or "" for name, value in attrs if name in ("href", "src") and tag != "use"]

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(text: str) -> Tags:
    """The Markdown report of this text, as a browser would see it."""
    to_html = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return Tags(to_html.render(markdown(outcome(text), contents(text))))


def test_text_of_documents_stays_text_in_html() -> None:
    tags, harmless = Tags(page(outcome(), contents())), Tags(page(outcome("words"), contents("words")))
    assert tags.tags == harmless.tags
    assert not {"img", "iframe", "object", "b"} & set(tags.tags)
    assert tags.tags.count("script") == 1  # its own
    assert tags.text.count("<script>alert(1)</script>") >= 10
    assert tags.text.count("&lt;b&gt;") >= 10
    assert "svg" in tags.tags


def test_the_figures_name_what_became_of_sources_the_time_of_stages_and_long_documents_as_text() -> None:
    shown = page(outcome("六分仪 <b>$1", stages={"parse": 2.0, "embed": 8.0}), contents("words"))
    became, seconds, long = [part.partition("</figure")[0] for part in shown.split("<figure>")[1:]]
    assert "read: new" in became
    assert seconds.index('width="25.0%"') < seconds.index("8.0 s")
    assert long.count("六分仪 &lt;b&gt;$1") == 2
    assert "<b>" not in long


def test_the_policy_of_a_page_allows_its_own_style_and_script_and_nothing_else() -> None:
    page_ = html.fromstring(page(outcome(), contents()))
    (policy,) = page_.xpath("//meta[@http-equiv='Content-Security-Policy']/@content")
    assert policy.startswith("default-src 'none'; ")
    for name, element in (("style-src", "style"), ("script-src", "script")):
        (text,) = page_.xpath(f"//{element}/text()")
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{name} 'sha256-{digest}';" in policy
    assert page_.xpath("//@style | //@onclick | //@onload") == []


def test_a_citation_shows_its_words_in_their_paragraph_and_leads_to_them_in_the_source() -> None:
    shown = html.fromstring(page(outcome("/docs"), Contents((LEASE,))))
    (quote,) = shown.xpath("//blockquote[@id]")
    assert [f"#{quote.get('id')}"] == shown.xpath("//span[@class='places']/a/@href")
    assert [mark.text for mark in quote.xpath("mark")] == ["Anna lets the mill\nto Ben."]
    assert quote.text_content().startswith("On this day Anna lets the mill\nto Ben. Both sign.")
    assert quote.xpath("cite/a/@href") == [LEASE.quotes[0].link]
    assert shown.xpath("//p[@class='where']/a/@href") == ["file:///docs/lease.txt"] * 2


def test_a_page_needs_nothing_from_elsewhere_and_its_links_lead_somewhere_in_it() -> None:
    tags = Tags(page(outcome("words"), contents("words")))
    assert tags.links
    inside = {link.removeprefix("#") for link in tags.links if link.startswith("#")}
    assert inside <= set(tags.ids)
    assert all(link.startswith(("#", "file:///")) for link in tags.links)
    assert len(tags.ids) == len(set(tags.ids))


def test_text_of_documents_stays_text_in_markdown() -> None:
    shown = rendered(EVIL)
    assert shown.tags == rendered("plain words").tags
    assert shown.text.count(" ".join(EVIL.split())) >= 12
    table = [line for line in markdown(outcome(), contents()).splitlines() if "| read: new |" in line]
    assert len(table) == 2
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


def test_of_very_many_sources_the_first_are_shown_and_the_others_counted_with_where_they_are() -> None:
    told = Contents((LEASE,), gone=("/a",), more={"new": 1_999_999, "gone": 6, "told": 1_999_999})
    many = outcome("words", sources=2_000_000)
    for shown in (page(many, told), markdown(many, told)):
        assert "2,000,000 new documents and 7 no longer there" in shown
        assert "The first 2 of 2,000,000 sources, by name; " in shown
        assert "Of 1,999,999 more, " in shown
    assert "by name" not in page(outcome("words"), told)


def test_those_worth_reading_of_each_status_are_kept_and_the_others_counted() -> None:
    new = [replace(LEASE, document=f"n{number}", tokens=number) for number in range(200)]
    changed = [replace(LEASE, document="c", status="changed"), replace(LEASE, status="", sentences=())]
    kept, more = first_of_each(iter([*new, *changed]), most=3)
    assert [entry.document for entry in kept] == ["n199", "n198", "n197", "c", "d1"]
    assert more == {"new": 197, "told": 197}
    assert Contents(tuple(kept), more=more).count("new") == 200


def test_it_opens_with_what_is_new_in_two_sentences_and_ends_with_sources_and_figures() -> None:
    changed = replace(LEASE, title="Minutes of 3 May", status="changed", source="/docs/minutes.txt")
    kept = replace(LEASE, title="Old paper", status="", source="/docs/paper.txt")
    told = Contents(
        (LEASE, changed, kept),
        (Theme("Mills: 2 documents", ("Lease of the mill: Anna lets it.",)),),
        ("/docs/gone.txt",),
        (Failure("/docs/bad.pdf", "encrypted: it needs a password"),),
    )
    shown = page(outcome("/docs", documents=3), told)
    order = [
        "1 new document, 1 changed document, 1 no longer there and 1 that could not be read. Memory holds 3",
        "What is new</h2>",
        "Anna lets the mill to Ben. The rent is 900 euros.</p>",
        "What has changed</h2>",
        "No longer there</h2>",
        "/docs/gone.txt",
        "Could not be read</h2>",
        "encrypted: it needs a password",
        "Themes</h2>",
        "Mills: 2 documents",
        "Summaries</h2>",
        "Anna lets the mill to Ben. The rent is 900 euros. It ends in 2030.",
        "<details>",
        "/docs/lease.txt:line 3:10-35",
        "Old paper",
        "Sources</h2>",
        "The run in figures</h2>",
    ]
    places = [shown.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)
    twin = markdown(outcome("/docs", documents=3), told)
    assert twin.index("## What is new") < twin.index("## Themes") < twin.index("## Summaries")
    assert "- **Lease of the mill (contract, 2024-03-05)** Anna lets the mill to Ben." in twin


def test_of_many_new_documents_the_first_are_announced_and_all_are_in_the_table() -> None:
    many = tuple(replace(LEASE, title=f"Lease {number}") for number in range(ANNOUNCED + 5))
    shown = page(outcome("words"), Contents(many))
    opening = shown[: shown.index('id="summaries"')]
    assert f"Lease {ANNOUNCED - 1}<" in opening
    assert f"Lease {ANNOUNCED}<" not in opening
    assert "And 5 more, in the table of sources." in opening
    assert "- and 5 more, in the table of sources" in markdown(outcome("words"), Contents(many))


def test_what_people_read_comes_before_licences_and_code_and_what_is_new_before_all() -> None:
    licence = replace(LEASE, kind="licence", tokens=9999)
    short = replace(LEASE, tokens=10)
    old = replace(LEASE, status="", tokens=99_999)
    assert sorted([old, licence, short, LEASE], key=worth_reading) == [LEASE, short, licence, old]


@pytest.mark.parametrize(
    ("label", "stale", "expected"),
    [("", False, "changed"), ("row=2", False, "new"), ("row=2", True, "read again")],
)
def test_a_document_is_new_changed_or_read_again(label: str, stale: bool, expected: str) -> None:
    assert status({"uri": "/docs/a.jsonl", "label": label}, stale, frozenset({"/docs/a.jsonl"})) == expected


def test_a_run_with_nothing_to_read_has_a_report_too() -> None:
    none: dict[str, Any] = {"table": [], "sources": 0, "became": {}, "longest": []}
    quiet = outcome("/docs", tokens=0, windows=0, read_seconds=0.0, status="unchanged", generated=0, **none)
    assert "Nothing is new. Memory holds 1 document of this corpus." in markdown(quiet, Contents(()))
    assert "nothing to read" in page(quiet, Contents(()))
    assert "<svg" not in page(quiet, Contents(()))


def test_the_same_run_gives_the_same_page() -> None:
    assert page(outcome(), contents()) == page(outcome(), contents())


def test_documents_that_were_read_again_are_counted_as_people_say_it() -> None:
    again = [replace(LEASE, document=name, status="read again") for name in ("d1", "d2")]
    assert lead(outcome(), Contents(tuple(again))).startswith("2 reread documents.")


def test_both_forms_say_what_is_left_out_and_lead_to_the_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    held = Coverage(0.9, 10, ("page 1: 10 characters",), 9, ("2 Term",), 4)
    entry = replace(LEASE, coverage=held, omitted="2 images (page 1)", source="/docs/a <b>(1)|.txt")
    twin = markdown(outcome("/docs"), Contents((entry,)))
    to_html = MarkdownIt("commonmark").enable("table")
    monkeypatch.setattr(to_html, "validateLink", lambda _: True)  # file: too, as editors have it
    for shown in (page(outcome("/docs"), Contents((entry,))), to_html.render(twin)):
        links = Tags(shown).links
        assert "file:///docs/a%20%3Cb%3E%281%29%7C.txt" in links
        assert "file:///docs/lease.txt#:~:text=Anna%20lets%20the%20mill,to%20Ben." in links
        for told in (
            "in its text: 2 images (page 1)",
            "In no passage: page 1: 10 characters",
            "2 Term; and 3",
        ):
            assert told in Tags(shown).text
    assert linked("a [b]", "http://x/> <b>") == "[a \\[b\\]](<http://x/%3E%20%3Cb%3E>)"


def test_names_of_sources_that_hold_what_is_redacted_are_counted() -> None:
    rows = [{"uri": "/mails/ann.lee@mail.example.txt"}, {"uri": "/mails/lease.txt"}]
    assert telling_names(rows, ("email",)) == 1
    assert telling_names(rows, ("iban",)) == telling_names(rows, ()) == 0
