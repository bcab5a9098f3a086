"""What a summary says of documents of every kind, and that each of its sentences stands in the document.

Run: pytest tests/tasks/reduce/test_extract.py
"""

import pytest

from tasks.reduce.tree import SummaryNode, document_tree
from tests.tasks.reduce.texts import (
    CHANGELOG,
    CHINESE,
    CODE,
    DIALOGUE,
    GERMAN,
    LEASE,
    MINUTES,
    README,
    TEXTS,
    read_as,
)


def summary(text: str, name: str = "", words: int = 120) -> SummaryNode:
    """The document's own node."""
    return document_tree("key", read_as(text, name), 8, words)[-1]


def body(node: SummaryNode) -> str:
    return node.text.removeprefix(node.title).strip()


@pytest.mark.parametrize("name", TEXTS)
def test_every_quote_of_every_node_stands_at_its_characters_in_order(name: str) -> None:
    text = TEXTS[name]
    nodes = document_tree("key", read_as(text, name, 600), 2, 60)
    assert nodes[-1].level == "document"
    for node in nodes:
        assert node.quotes
        assert [quote.start for quote in node.quotes] == sorted({quote.start for quote in node.quotes})
        for quote in (*node.quotes, *node.spans):
            assert text[quote.start : quote.end] == quote.text
            assert node.chars[0] <= quote.start < quote.end <= node.chars[1]


@pytest.mark.parametrize("name", TEXTS)
def test_the_same_text_has_the_same_summary_however_it_comes_in_pieces(name: str) -> None:
    assert summary(TEXTS[name], name) == summary(TEXTS[name], name)


def test_a_contract_is_told_by_its_parties_purpose_term_price_end_and_law() -> None:
    node = summary(LEASE * 2, "lease.txt", 150)
    assert "(contract, 2024-03-05)" in node.title
    said = body(node)
    for needed in ("Mill House Ltd", "five years", "$1,450", "terminate", "laws of Norway"):
        assert needed in said
    for empty in ("IN WITNESS", "By:", "entire agreement", "convenience"):
        assert empty not in said


def test_a_readme_is_told_by_what_it_is_without_badges_comments_code_or_requests_to_cite() -> None:
    node = summary(README, "tinywheel.md")
    assert node.title.startswith("tinywheel (readme")
    assert body(node).startswith(
        "tinywheel is a small library that balances bicycle wheels from the recorded sound of their spokes."
    )
    for markup in ("<", "**", "`", "[!", "](", "pip install", "load(", "BibTeX", "cite", "left alone"):
        assert markup not in body(node)


def test_what_markdown_tells_programs_in_front_is_no_sentence_but_a_rule_is_only_a_rule() -> None:
    said = "A mooring is a permanent anchor. Inspect its chain every twelve months."
    for front in ("---\ntitle: Guide\nauthor: P. Lund\ntags:\n  - boats\n---\n", "---\n"):
        assert body(summary(f"{front}{said}\n", "moor.md")).endswith(said)
        assert "Lund" not in body(summary(f"{front}{said}\n", "moor.md"))


def test_minutes_are_told_by_their_decisions_and_not_by_their_stories() -> None:
    said = body(summary(MINUTES, "minutes.txt", 40))
    assert "approved a budget of $4,200" in said
    assert "without a fee" in said
    assert "long story" not in said


def test_a_dialogue_is_told_by_what_its_speakers_did_and_plan_with_their_names() -> None:
    said = body(summary(DIALOGUE, "chat.txt", 40))
    assert "Ann: " in said
    assert "Bob: " in said
    assert "lighthouse" in said
    for chat in ("How are you", "amazing", "Nice!"):
        assert chat not in said


def test_code_is_told_by_its_docstrings() -> None:
    node = summary(CODE, "prices.py")
    assert body(node).startswith("Prices of parcels: what a shop must pay the carrier for each of them.")
    for code in ("import", "def ", "return", "self", '"""'):
        assert code not in body(node)


def test_a_changelog_is_told_newest_first() -> None:
    said = body(summary(CHANGELOG, "CHANGELOG.md", 12))
    assert said.startswith("Removed support for wheels")
    assert "First release" not in said


def test_a_german_report_is_summarised_in_german() -> None:
    said = body(summary(GERMAN, "bericht.txt", 45))
    assert said.startswith("Dieser Bericht beschreibt den Zustand der alten Brücke von Tarn")
    assert 40 <= len(said.split()) <= 75


def test_a_chinese_report_is_summarised_by_whole_sentences() -> None:
    node = summary(CHINESE, "report-zh.txt", 30)
    assert node.quotes
    assert all(quote.text.endswith("。") for quote in node.quotes)
    assert len(body(node)) < 0.6 * len(CHINESE)


WORDS = (
    "anchor bell crane organ kiln statue wheel press bridge lamp tower garden school market river road ship "
    "miller baker captain mayor teacher farmer doctor painter mason weaver sailor keeper judge smith clerk"
).split()


def statement(n: int) -> str:
    """A sentence that shares some words with others and repeats none."""
    one, two, three, four = (WORDS[(n * step + step) % len(WORDS)] for step in (1, 3, 7, 11))
    said = f"In {1500 + n} the {one} of the {two} was given to the {three}"
    return f"{said} by the {four} of house {n}."


STATEMENTS = [statement(n) for n in range(90)]


def test_a_summary_has_about_as_many_words_as_asked_and_a_third_of_a_short_text() -> None:
    long = " ".join(STATEMENTS)
    assert 150 <= len(body(summary(long, words=150)).split()) <= 180
    short = " ".join(STATEMENTS[:18])
    assert len(body(summary(short, words=250)).split()) <= len(short.split()) / 3 + 20


def test_a_tiny_document_is_its_own_summary() -> None:
    tiny = " ".join(STATEMENTS[:3])
    assert body(summary(tiny)) == tiny


def test_nothing_is_said_twice() -> None:
    text = " ".join(STATEMENTS[:20] + [STATEMENTS[4]] * 6 + STATEMENTS[20:30])
    said = body(summary(text, words=120))
    assert said.count(STATEMENTS[4]) <= 1


def test_a_text_of_nothing_but_headings_and_code_has_no_summary() -> None:
    (only,) = document_tree("key", read_as("# Title\n\n```\nx = 1\n```\n\n## Usage\n"), 8, 100)
    assert (only.level, only.text, only.is_told) == ("document", "Title (readme)", False)
    assert [quote.text for quote in only.quotes] == ["# Title"]


def test_a_document_of_many_windows_is_told_from_its_beginning_to_its_end() -> None:
    """2,000 sentences: more than are compared at once, so windows and sections nominate."""
    text = "\n\n".join(statement(n) for n in range(2000))
    nodes = document_tree("key", read_as(text, window=16_000), 4, 250)
    levels = {node.level for node in nodes}
    assert levels == {"window", "section", "document"}
    starts = [quote.start / len(text) for quote in nodes[-1].quotes]
    assert min(starts) < 0.1
    assert max(starts) > 0.4
    assert 250 <= len(body(nodes[-1]).split()) <= 320
    assert all(len(node.quotes) <= 8 for node in nodes if node.level == "window")
