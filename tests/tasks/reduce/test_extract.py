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


def test_a_mail_is_told_by_what_its_writer_says_not_by_what_it_quotes() -> None:
    text = (
        "From: Ann Lee <ann@quay.example>\nTo: Ben Ost <ben@quay.example>\nSubject: Rent\n\nDear Ben,\n\n"
        "the rent of shed 4 rises to 1,600 euros in June.\n\nOn Monday, Ben Ost wrote:\n"
        "> The tenant of shed 4 must be told in good time.\n"
    )
    assert body(summary(text, "rent.eml")) == "the rent of shed 4 rises to 1,600 euros in June."


def test_a_table_is_told_by_its_rows() -> None:
    rows = "".join(f"Tenant: Boatyard {n}; Rent: {n},450; Since: 202{n}-03-01.\n" for n in range(1, 6))
    said = body(summary(f"# Rents\n\nTenant; Rent; Since.\n{rows}", "rents.xlsx"))
    assert "Tenant: Boatyard 1; Rent: 1,450; Since: 2021-03-01." in said


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
    said = body(summary(MINUTES, "minutes.txt", 36))
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


GRANT = """Copyright (c) 2031 Ida Holm

Leave is hereby given, free of charge, to anyone who holds a copy of these drawings and of the notes beside
them, to build, alter, copy and sell the boats that they show, and to let others do the same, subject to the
following conditions:

The notice above shall be included in all copies of the drawings.
"""


def test_what_a_licence_grants_is_told_though_the_sentence_only_leads_up_to_its_conditions() -> None:
    said = body(summary(GRANT, "LICENSE"))
    assert said.startswith(
        "Leave is hereby given, free of charge, to anyone who holds a copy of these drawings"
    )
    assert ":" not in said
    assert "..." in said


def test_the_numbered_headings_of_minutes_are_not_told_as_what_was_said() -> None:
    agenda = MINUTES.replace("2. The board", "2. Report of the harbour master on oars and dues\nThe board")
    agenda = agenda.replace("3. Per Lind", "3. Old and new business of the club\nPer Lind")
    said = body(summary(agenda, "minutes.txt"))
    assert "The board approved a budget" in said
    assert "harbour master" not in said
    assert "Old and new business" not in said
    assert "Minutes of the board" not in said


def test_a_sentence_with_a_hole_where_a_picture_or_a_defined_word_stood_is_not_told() -> None:
    text = """Orlo pumps
==========

Orlo pumps lift water from deep wells without any noise at all.

If the yard pleases you, then |give| to the people who build it. Wells of forty metres need ![two](t.png)
of them in a row. The mutable_ handle_ of a pump is made of ash wood. _They are oiled in May.

.. |give| image:: give.svg
"""
    said = body(summary(text, "README.rst"))
    assert "lift water" in said
    assert "to the people who build it" not in said
    assert "of them in a row" not in said
    assert "The mutable handle of a pump" in said
    assert "They are oiled" in said
    assert "_" not in said


def test_courtesies_preambles_and_lines_of_a_table_of_contents_are_not_told() -> None:
    mail = (
        "From: Ida <i@x.example>\nSubject: Trailer\n\nThank you for your message of last week. "
        "I hope this mail finds you well. The trailer costs 1,900 crowns and comes in May.\n"
    )
    assert body(summary(mail)) == "The trailer costs 1,900 crowns and comes in May."
    changes = CHANGELOG.replace(
        "# Changelog\n", "# Changelog\n\nAll notable changes to this library are documented in this file.\n"
    )
    assert "notable" not in body(summary(changes, "CHANGELOG.md"))
    lease = LEASE.replace("WHEREAS", "Unsolicited Repairs of the Mill and Its Doors.\n\nWHEREAS")
    assert "Unsolicited Repairs" not in body(summary(lease, "lease.txt"))


def test_hindi_is_told_though_its_vowels_are_signs_and_no_letters() -> None:
    said = "जहाज़ तारा जुलाई में मुंबई बंदरगाह से निकला। कप्तान मोहन ने हवा की दिशा लिखी।"
    node = summary(said)
    assert body(node) == said
    assert node.title == "जहाज़ तारा जुलाई में मुंबई बंदरगाह से निकला"


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
