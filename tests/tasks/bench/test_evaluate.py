"""Evaluation counts what it says it counts: small dialogues and contracts whose recall is known by hand."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model.embed.embedder import Embedder
from tasks.bench.cuad import CHARACTERS, Answered, Floor, filled, scores, whole, within, word_windows
from tasks.bench.evaluate import evaluate, evaluate_cuad, evaluate_locomo
from tasks.bench.means import mean, share_error, standard_error
from tasks.errors import InvalidInput
from tasks.memory.reader import open_memory
from tasks.recall.candidates import Embed
from tasks.settings import RecallConfig
from tasks.text.bm25 import Bm25, terms

WORDS = RecallConfig(vector_weight=0.0)
FIRST = [
    "Hello there!",
    "Work was tiring this week.",
    "Mine too, endless meetings.",
    "I baked bread yesterday.",
    "Lovely, with rye?",
    "Rye and walnuts.",
    "I should visit.",
    "Please do. We adopted a parrot!",
]
SECOND = ["Good morning.", "Traffic was horrible.", "Take the tram.", "It says my name now."]


@pytest.fixture(scope="module")
def embed(embedder: Embedder) -> Embed:
    return embedder.encode


def talk(**questions: Any) -> dict[str, Any]:
    def session(number: int, lines: list[str]) -> list[dict[str, str]]:
        who = ("Ann", "Bob")
        return [
            {"speaker": who[n % 2], "dia_id": f"D{number}:{n + 1}", "text": line}
            for n, line in enumerate(lines)
        ]

    conversation = {
        "speaker_a": "Ann",
        "session_2": session(2, SECOND),
        "session_2_date_time": "9:00 am on 3 June, 2024",
        "session_1": session(1, FIRST),
        "session_1_date_time": "8:00 pm on 1 May, 2024",
    }
    return {"conversation": conversation, "qa": [questions]}


def ask(question: str, evidence: list[str], category: int = 1) -> dict[str, Any]:
    return talk(question=question, evidence=evidence, category=category)


def locomo(folder: Path, items: list[dict[str, Any]], faults: list[dict[str, Any]] | None = None) -> Path:
    (folder / "conversations.json").write_text(json.dumps(items))
    if faults is not None:
        (folder / "errors.json").write_text(json.dumps(faults))
    return folder


PARAGRAPHS = [
    ("Deliveries arrive on pallets at the northern gate", "Delivery"),
    ("This contract is governed by the laws of Norway", "Governing Law"),
    ("Invoices are due within thirty days of receipt", "Payment"),
    ("The insurer must hold cover of one million euros", "Insurance"),
    ("Neither side may disclose secrets of the other", "Secrecy"),
    ("The parties meet every quarter to review progress", "Meetings"),
    ("Machines are painted green before they are sent", "Colour"),
]


def contract() -> str:
    """Seven paragraphs of 500 characters and 98 blanks between them: seven passages."""
    filler = " and the engineers shall record the matter in the ledger kept at the site office"
    bodies = [(text + filler * 8)[:499] + "." for text, _ in PARAGRAPHS]
    return "\n\n".join(bodies)


def cuad(folder: Path, spans: list[tuple[str, int, int]]) -> Path:
    rows = [{"contract": "c.pdf", "category": c, "start": start, "end": end} for c, start, end in spans]
    (folder / "contracts.jsonl").write_text(json.dumps({"id": "c.pdf", "text": contract()}) + "\n")
    (folder / "spans.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    return folder


def test_bm25_is_the_formula_worked_by_hand() -> None:
    """idf of a word in one of two texts: ln(1 + 1.5 / 1.5); its text has 2 words where the mean is 2.5."""
    floor = Bm25(["The cats run", "dogs were sleeping soundly", ""][:2])
    norm = 1.5 * (1 - 0.75 + 0.75 * 2 / 2.5)
    assert floor.scores("a cat?") == pytest.approx([math.log(2) * 2.5 / (1 + norm), 0.0])
    assert floor.scores("cat cat")[0] == pytest.approx(2 * floor.scores("cat")[0])


def test_words_are_stemmed_and_stop_words_left_out() -> None:
    assert terms("The runners were RUNNING, it_self & on 7 May") == ["runner", "run", "self", "7", "may"]


def test_texts_that_share_no_word_come_last_in_their_order() -> None:
    floor = Bm25(["red", "green", "blue", "green green"])
    assert floor.rank("green things", 3) == [3, 1, 0]
    assert floor.rank("nothing", 10) == [0, 1, 2, 3]
    assert Bm25([]).rank("nothing", 10) == []


def test_evidence_recall_is_the_share_of_a_questions_turns_among_those_returned(
    tmp_path: Path, embed: Embed
) -> None:
    """Turn 8 holds the words and comes first; turn 12, the other half of the answer, holds none of them.

    The floor fills up with turns in their order, so turn 12 is its twelfth. Words alone never return it.
    """
    path = locomo(tmp_path, [ask("Who adopted the parrot?", ["D1:8", "D2:4"])])
    found = evaluate("locomo", path, embed, WORDS)
    assert found["recall"] == {"5": 0.5, "10": 0.5, "20": 0.5, "50": 0.5}
    assert found["floor"] == {"5": 0.5, "10": 0.5, "20": 1.0, "50": 1.0}
    assert found["by_category"]["multi-hop"]["floor"] == found["floor"]
    everything = evaluate("locomo", path, embed, RecallConfig())
    assert everything["recall"]["20"] == 1.0  # meaning ranks all twelve turns


def test_recall_is_a_mean_over_questions_of_the_same_category_and_of_all(
    tmp_path: Path, embed: Embed
) -> None:
    items = [
        ask("Who adopted the parrot?", ["D1:8"], category=1),
        ask("Which bread had walnuts?", ["D2:2"], category=4),
        ask("Who takes the tram?", ["D2:3"], category=4),
        ask("What is never said?", [], category=3),
    ]
    found = evaluate("locomo", locomo(tmp_path, items), embed, WORDS)
    assert found["questions"] == 3
    assert found["recall"]["5"] == 0.6667
    assert {name: part["recall"]["5"] for name, part in found["by_category"].items()} == {
        "multi-hop": 1.0,
        "single-hop": 0.5,
    }


def test_chosen_conversations_alone_are_measured_and_the_weakest_half_is_told(
    tmp_path: Path, embed: Embed
) -> None:
    items = [ask("Who adopted the parrot?", ["D1:8"]), ask("Who takes the tram?", ["D2:2"])]
    path = locomo(tmp_path, items)
    found = evaluate("locomo", path, embed, WORDS, only=[1])
    assert (found["questions"], found["recall"]["5"], found["floor"]["5"]) == (1, 1.0, 0.0)
    assert found["least_gain"]["5"] == 1.0  # a turn beside the words: no window of words holds it
    both = evaluate("locomo", path, embed, WORDS)
    assert both["least_gain"]["5"] == 0.0  # of the first conversation, where both find it
    with pytest.raises(InvalidInput, match="--only 2: give numbers of conversations, 0 to 1"):
        evaluate("locomo", path, embed, WORDS, only=[2])


def test_corrections_of_the_gold_are_measured_beside_the_published_gold(tmp_path: Path, embed: Embed) -> None:
    question = "Who adopted the parrot?"
    fault = {"question": question, "cited_evidence": ["D1:4"], "correct_evidence": ["D1:8"]}
    other = {"question": question, "cited_evidence": ["D1:5"], "correct_evidence": ["D1:1"]}
    found = evaluate("locomo", locomo(tmp_path, [ask(question, ["D1:4"])], [fault, other]), embed, WORDS)
    assert found["recall"]["5"] == 0.0
    assert found["corrected"]["recall"]["5"] == found["corrected"]["floor"]["5"] == 1.0


def test_evidence_is_understood_as_untidily_as_it_is_published(tmp_path: Path, embed: Embed) -> None:
    untidy = [["D1:8; D2:3"], ["D1:8 D2:3"], ["D:1:8", "D2:3"], ["D1:8", "D2:3", "D9:9"]]
    items = [ask("parrot on the tram", evidence, category=n) for n, evidence in enumerate(untidy, 1)]
    found = evaluate("locomo", locomo(tmp_path, items), embed, WORDS)
    assert {name: part["recall"]["5"] for name, part in found["by_category"].items()} == dict.fromkeys(
        ["multi-hop", "temporal", "open-domain", "single-hop"], 1.0
    )


def test_a_turn_is_a_record_with_its_date_speaker_and_photo(tmp_path: Path, embed: Embed) -> None:
    item = ask("parrot", ["D1:8"])
    item["conversation"]["session_1"][7]["blip_caption"] = "a grey bird"
    evaluate_locomo(locomo(tmp_path, [item]), embed, tmp_path / "home", WORDS)
    rows = open_memory(tmp_path / "home").rows("text LIKE '%parrot%'", ["text", "level"])
    line = "[8:00 pm on 1 May, 2024] Bob: Please do. We adopted a parrot! [photo: a grey bird]"
    assert rows == [{"text": line, "level": "passage"}]


def test_a_question_is_asked_of_its_own_conversation_only(tmp_path: Path, embed: Embed) -> None:
    other = ask("the tram?", ["D2:3"])
    for turn in other["conversation"]["session_1"]:
        turn["text"] = "tram tram tram"
    items = [ask("the tram?", ["D2:3"]), other]
    found = evaluate("locomo", locomo(tmp_path, items), embed, WORDS)
    assert found["questions"] == 2
    assert found["recall"]["5"] == 0.5  # found in the first; crowded out in the second


def test_a_gold_span_is_found_when_a_citation_overlaps_it_within_a_budget_of_characters(
    tmp_path: Path, embed: Embed
) -> None:
    """Seven passages of 500 characters, three of which fit; the floor cites a window and part of the next."""
    text = contract()
    law, cover = text.index("governed by"), text.index("cover of one")
    path = cuad(tmp_path, [("Governing Law", law, law + 30), ("Insurance", cover, cover + 10)])
    found = evaluate("cuad", path, embed, RecallConfig(), passage_chars=500)
    assert found["recall"] == found["described"]["recall"] == 1.0
    assert found["characters"] == CHARACTERS
    assert found["floor_characters"] < CHARACTERS
    assert set(found["by_category"]) == {"Governing Law", "Insurance"}


def test_shares_are_over_spans_and_a_span_no_citation_touches_is_lost(tmp_path: Path, embed: Embed) -> None:
    """By words alone the paragraph on machines is cited and the two before it; the other spans are missed."""
    text = contract()
    colour, law = text.index("Machines"), text.index("governed")
    spans = [("Machines", at, at + 20) for at in (colour, law, text.index("Invoices"))]
    found = evaluate("cuad", cuad(tmp_path, spans), embed, WORDS, passage_chars=500)
    assert (found["spans"], found["questions"]) == (3, 1)
    assert (found["recall"], found["characters"]) == (0.3333, 1500)


def test_a_line_separator_inside_a_contract_does_not_cut_its_row(tmp_path: Path, embed: Embed) -> None:
    text = "Norway governs.\u2028\x0b\x85 The end."
    cuad(tmp_path, [("Governing Law", 0, 6)])
    (tmp_path / "contracts.jsonl").write_text(json.dumps({"id": "c.pdf", "text": text}, ensure_ascii=False))
    assert evaluate("cuad", tmp_path, embed, RecallConfig())["recall"] == 1.0


def test_only_the_best_citations_that_fit_the_budget_count() -> None:
    assert within([(0, 700), (900, 1600), (1700, 1801)]) == [(0, 700), (900, 1600)]
    assert within([(at, at + 9) for at in range(0, 100, 10)]) == [
        (0, 9),
        (10, 19),
        (20, 29),
        (30, 39),
        (40, 49),
    ]


def test_the_floor_is_whole_windows_that_fit_and_once_more_fills_the_budget() -> None:
    floor = Floor("Norway governs. " + "filler words here " * 400)
    best = floor.best("governs")
    assert whole(best) == [floor.windows[0]]
    assert filled(best)[0] == floor.windows[0]
    assert sum(end - start for start, end in filled(best)) == CHARACTERS
    assert whole([(0, 2000), (2000, 2100)]) == [(0, CHARACTERS)]


def test_scores_set_ours_beside_the_floor_over_all_spans() -> None:
    one = Answered(
        "a.pdf", "Insurance", [(0, 10), (50, 60)], [(0, 11), (50, 51)], [(0, 12), (12, 20)], [(0, 9)]
    )
    two = Answered("b.pdf", "Insurance", [(0, 10), (90, 95)], [(90, 100)], [(90, 100)], [(90, 100)])
    found = scores([one, two])
    assert (found["recall"], found["floor"], found["ratio"]) == (0.75, 0.5, 1.5)
    assert (found["characters"], found["floor_characters"]) == (11, 15)
    assert (found["floor_error"], found["filled_floor"]) == (0.0, 0.5)


def test_standard_errors_are_those_worked_by_hand() -> None:
    assert (mean([1, 2, 3, 6]), standard_error([1, 2, 3, 6])) == (3.0, 1.0801)  # sqrt(14 / 3 / 4)
    assert share_error([(1, 2), (2, 2)]) == 0.25  # ratio 0.75; residuals 0.5 and 0.5; sqrt(0.5 * 2 / 1) / 4
    assert standard_error([1.0]) == share_error([]) == 0.0


def test_windows_are_runs_of_words_that_lose_none() -> None:
    text = "  one two\nthree  four five "
    assert [text[start:end] for start, end in word_windows(text, 2)] == ["one two", "three  four", "five"]
    assert word_windows(" \n", 2) == []


def test_two_contracts_of_one_text_are_both_asked(tmp_path: Path, embed: Embed) -> None:
    law = contract().index("governed by")
    path = cuad(tmp_path, [("Governing Law", law, law + 9)])
    for name, row in (
        ("contracts.jsonl", {"id": "copy.pdf", "text": contract()}),
        ("spans.jsonl", {"contract": "copy.pdf", "category": "Governing Law", "start": law, "end": law + 9}),
    ):
        with (path / name).open("a") as file:
            file.write(json.dumps(row) + "\n")
    found = evaluate("cuad", path, embed, WORDS)
    assert (found["spans"], found["recall"]) == (2, 1.0)


def test_progress_is_told_what_is_done_of_how_much(tmp_path: Path, embed: Embed) -> None:
    told: list[tuple[str, int, int]] = []
    path = locomo(tmp_path, [ask("parrot", ["D1:8"]), ask("tram", ["D2:3"])])
    evaluate("locomo", path, embed, WORDS, lambda *step: told.append(step))
    assert told[0] == ("embedding passages", 0, 12)  # twice the same conversation is read once
    assert told[-1] == ("asking questions", 2, 2)


def test_measuring_never_writes_to_a_memory_in_use(tmp_path: Path, embed: Embed) -> None:
    path = cuad(tmp_path, [("Insurance", 0, 9)])
    evaluate_cuad(path, embed, tmp_path / "home", WORDS)
    with pytest.raises(InvalidInput, match="holds a memory"):
        evaluate_cuad(path, embed, tmp_path / "home", WORDS)


def _no_vectors(texts: list[str]) -> np.ndarray:
    raise AssertionError("bad input is refused before anything is embedded")


@pytest.mark.parametrize(
    "content", [None, "{", "[1]", '{"a": 1}', '[{"conversation": {}}]', '"text"', "\xff"]
)
def test_what_is_not_locomo_is_refused_with_its_path_and_what_was_expected(
    tmp_path: Path, content: str | None
) -> None:
    if content is not None:
        (tmp_path / "conversations.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(InvalidInput, match=r"conversations\.json .*LoCoMo: a list of"):
        evaluate("locomo", tmp_path, _no_vectors, WORDS)


@pytest.mark.parametrize("content", ["{", "{}", "[1, 2]"])
def test_a_broken_list_of_faults_is_refused_too(tmp_path: Path, content: str) -> None:
    locomo(tmp_path, [ask("parrot", ["D1:8"])])
    (tmp_path / "errors.json").write_text(content)
    with pytest.raises(InvalidInput, match=r"errors\.json .*LoCoMo errors"):
        evaluate("locomo", tmp_path, _no_vectors, WORDS)


@pytest.mark.parametrize("line", ["{", "[]", '{"contract": "c.pdf"}', '{"contract": 1, "category": "x"}'])
def test_what_is_not_cuad_is_refused_with_path_line_and_what_was_expected(tmp_path: Path, line: str) -> None:
    with (cuad(tmp_path, [("Insurance", 0, 9)]) / "spans.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InvalidInput, match=r"spans\.jsonl:2 is not CUAD spans\.jsonl: lines of"):
        evaluate("cuad", tmp_path, _no_vectors, WORDS)


def test_a_missing_folder_an_unknown_contract_and_an_unknown_data_set_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nowhere.contracts\.jsonl cannot be read as CUAD"):
        evaluate("cuad", tmp_path / "nowhere", _no_vectors, WORDS)
    (cuad(tmp_path, []) / "spans.jsonl").write_text(
        json.dumps({"contract": "other.pdf", "category": "Insurance", "start": 0, "end": 9})
    )
    with pytest.raises(InvalidInput, match=r"not there: 'other\.pdf'"):
        evaluate("cuad", tmp_path, _no_vectors, WORDS)
    with pytest.raises(InvalidInput, match="evaluate squad: no such data set; give one of locomo, cuad"):
        evaluate("squad", tmp_path, _no_vectors, WORDS)
