"""Hits are shown as they stand in their documents, with every place, and with a reason when asked for."""

from typing import Any

from flows.hits import SOURCES, hits, verbatim

TABLE = "| item | price |\n| --- | --- |\n| rye | 4 |\n\n- sown in autumn\n    - by hand"


def hit(**changes: Any) -> dict[str, Any]:
    found = [{"search": "words", "rank": 3, "value": 8.25, "gain": 0.9}]
    row = {
        "level": "passage", "score": 0.5, "title": "Prices", "section": "Grain > Rye", "summary": "",
        "text": TABLE, "quotes": [{"text": TABLE, "citation": "a.md:line 3:10-80"}],
        "receipt": {"found": found, "fused": 1.25, "walked": 0.125, "reranked": None, "merged": []},
    }  # fmt: skip
    return row | changes


def shown(*some: dict[str, Any], answered: bool = True, explain: bool = False) -> str:
    return hits({"answered": answered, "hits": list(some), "seconds": {"search": 0.0125}}, explain)


def test_tables_and_lists_keep_their_lines() -> None:
    said = shown(hit())
    assert said.splitlines()[0] == "1. passage, score 0.50: Prices > Grain > Rye"
    assert said.splitlines()[1:] == [
        "   | | item | price |",
        "   | | --- | --- |",
        "   | | rye | 4 |",
        "   |",
        "   | - sown in autumn",
        "   |     - by hand",
        "     a.md:line 3:10-80",
    ]


def test_only_a_line_that_is_too_long_is_wrapped() -> None:
    lines = verbatim("short\n" + "  " + "word " * 40, "> ").splitlines()
    assert lines[0] == "> short"
    assert [len(line) <= 100 and line.startswith(">   word") for line in lines[1:]] == [True] * 3


def test_equal_words_are_shown_once_with_every_place() -> None:
    quotes = [{"text": TABLE, "citation": f"{n}.md:line 3:10-80"} for n in range(SOURCES + 2)]
    said = shown(hit(quotes=quotes))
    assert said.count("rye") == 1
    assert said.count(".md:line 3") == SOURCES
    assert said.endswith("     and 2 more")


def test_a_summary_is_shown_with_its_quotes() -> None:
    said = shown(hit(level="document", summary="Grain got dearer.", quotes=hit()["quotes"]))
    assert "\n   Grain got dearer.\n   | | item" in said


def test_what_a_summary_holds_of_its_quotes_is_not_said_twice() -> None:
    quote = {"text": "Grain got\ndearer.", "citation": "a.md:line 9:90-108"}
    said = shown(hit(level="document", summary="Grain got dearer. So did rye.", quotes=[quote]))
    assert said.splitlines()[1:] == ["   Grain got dearer. So did rye.", "     a.md:line 9:90-108"]


def test_unrelated_hits_are_not_shown_as_answers() -> None:
    said = shown(*[hit()] * 5, answered=False)
    assert said.startswith("nothing in memory answers this; nearest:\n\n1. passage")
    assert "\n3. passage" in said
    assert "\n4. " not in said
    assert shown() == "nothing in memory answers this"


def test_a_receipt_says_what_found_a_hit_and_what_it_cost() -> None:
    said = shown(hit(), explain=True)
    why = "why: words: rank 3, 8.25 (0.90 of the best); together 1.25; after the walk 0.125"
    assert why in said
    assert said.endswith("(search 12 ms)")
    receipt = hit()["receipt"] | {"found": [], "reranked": 0.5, "merged": ["b", "c"]}
    flat = " ".join(shown(hit(receipt=receipt), explain=True).split())
    assert "no search: its neighbours; together 1.25; after the walk 0.125; the reader added +0.50" in flat
    assert "merged: b, c" in flat


def test_a_title_is_said_once() -> None:
    whole = hit(
        level="document", section="", summary="Prices (table, 2024)\nRye costs four crowns.", quotes=[]
    )
    assert shown(whole).splitlines() == [
        "1. document, score 0.50: Prices (table, 2024)",
        "   Rye costs four crowns.",
    ]
    called = hit(
        level="document", section="", title="Rye costs four", summary="Rye costs four\nRye costs four crowns."
    )
    assert shown(called | {"quotes": []}).splitlines() == [
        "1. document, score 0.50",
        "   Rye costs four crowns.",
    ]
    passage = hit(section="", title="Rye costs four", text="Rye costs four crowns.")
    passage["quotes"] = [{"text": "Rye costs four crowns.", "citation": "a.md:line 3:10-32"}]
    assert shown(passage).splitlines()[0] == "1. passage, score 0.50"
    alone = hit(level="document", section="", summary="Prices (table)", quotes=[])
    assert shown(alone).splitlines() == ["1. document, score 0.50: Prices (table)"]
