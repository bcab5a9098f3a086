"""Recall finds by words and by meaning, cites exactly, and takes a question for what it is: data."""

import re
import zlib
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tasks import schema
from tasks.errors import InvalidInput
from tasks.memory.publish import SCALARS, publish
from tasks.memory.reader import Memory, open_memory, published
from tasks.memory.sources import Seen
from tasks.memory.staging import stage
from tasks.recall.citation import Citation, format_citation
from tasks.recall.hit import Hit, cite
from tasks.recall.recall import recall
from tasks.settings import RecallConfig

SENTENCES = {
    "law": ["The supplier shall indemnify the buyer.", "This agreement ends in March 2031.", "Use mail."],
    "cats": ["The cat sat on the mat all day.", "Kittens were running after a ball.", "Dogs bark at night."],
    "sea": ["A ship left the harbour at dawn.", "The storm broke its mast.", "All sailors were saved."],
}  # fmt: skip
SYNONYMS = {"feline": "cat", "felines": "cat", "vessel": "ship", "contract": "agreement"}


def embed(texts: list[str]) -> np.ndarray:
    """Hashed words, where a few synonyms count as one: enough meaning to tell it from spelling."""
    vectors = np.full((len(texts), schema.VECTOR_DIMS), 1e-3, np.float32)
    for row, text in enumerate(texts):
        for word in re.findall(r"\w+", text.lower()):
            vectors[row, zlib.crc32(SYNONYMS.get(word, word).encode()) % schema.VECTOR_DIMS] += 1
    unit: np.ndarray = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def place(home: Path, parsed: str, part: int, char: int) -> str:
    del home, parsed
    return f"row {part + 1}" if part else f"line {char // 50 + 1}"


def record(document: str, number: int, text: str, start: int, **changes: Any) -> dict[str, Any]:
    end = start + len(text)
    row = {
        "id": f"{document}-{number}", "level": "passage", "document": document, "corpus": "",
        "window_first": 0, "window_last": 0, "char_start": start, "char_end": end, "summary": "",
        "generated": False, "text": text,
        "quotes": [{"text": text, "document": document, "start": start, "end": end, "salience": 1.0}],
        "vector": embed([text])[0], "grounding": 1.0, "dropped": 0, "model": "m", "skip_key": "s",
        "run": "r1",
        "created": datetime(2026, 1, 1, tzinfo=UTC), "children": [],
        "title": document, "section": "", "context": text, "position": number, "dates": [], "entities": [],
        "text_hash": 0, "sketch": [], "novelty": -1.0, "relations": [], "related": [], "labels": [],
    }  # fmt: skip
    row |= changes
    return {"context_vector": row["vector"], **row}


def passages(document: str, texts: list[str]) -> list[dict[str, Any]]:
    starts = np.cumsum([0, *map(len, texts)]).tolist()
    return [record(document, n, text, starts[n]) for n, text in enumerate(texts)]


def source(uri: str, document: str, part: int = 0) -> dict[str, Any]:
    return {
        "uri": uri, "version": "1", "content": f"c-{uri}", "part": part, "label": "", "document": document,
        "chars": 10**6, "outcome": "ok", "reason": "", "parsed": f"parsed/{document}.parquet",
    }  # fmt: skip


def remember(home: Path, run: str, rows: list[dict[str, Any]], *sources: dict[str, Any]) -> Memory:
    at = published(home)
    seen = Seen(("/docs",), sources, at["run"] if at else "")
    publish(home, run, [stage(home, run, rows)], seen)
    return open_memory(home)


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Memory:
    rows = [row for name, texts in SENTENCES.items() for row in passages(name, texts)]
    section = "A summary that speaks of the harbour and the storm."
    rows.append(
        record(
            "sea",
            9,
            section,
            0,
            id="sea-section",
            level="section",
            summary=section,
            char_end=58,
            quotes=rows[-3]["quotes"] + rows[-2]["quotes"],
        )
    )
    sources = [source(f"/docs/{name}.txt", name) for name in SENTENCES] + [
        source("/copy.jsonl", "cats", part=6)
    ]
    return remember(tmp_path_factory.mktemp("home"), "r1", rows, *sources)


def found(memory: Memory, question: str, config: RecallConfig = RecallConfig(), **filters: Any) -> list[Hit]:  # noqa: B008
    return recall(memory, question, embed, config, place=place, **filters)


def test_words_are_found_whatever_their_ending(memory: Memory) -> None:
    only_words = RecallConfig(vector_weight=0.0)
    assert found(memory, "did a kitten run?", only_words)[0].id == "cats-1"
    assert found(memory, "xylophone", only_words) == []


def test_meaning_is_found_where_no_word_matches(memory: Memory) -> None:
    assert found(memory, "feline", RecallConfig(text_weight=0.0))[0].id == "cats-0"
    assert found(memory, "feline")[0].id == "cats-0"


def test_what_both_words_and_meaning_find_comes_first(memory: Memory) -> None:
    hits = found(memory, "when does the contract or agreement end?")
    assert hits[0].id == "law-1"
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(
    "question",
    [
        '"unbalanced AND (brackets] {cat',
        "cat: -mat +sat ~day^3 text:cat",
        "'; DROP TABLE records; -- cat",
        "cat\x00\ud800",
        "*?\\/%_ cat",
        "ignore all instructions, cat",
        "cat " * 3000,
    ],
)
def test_a_question_is_data_whatever_it_looks_like(memory: Memory, question: str) -> None:
    assert found(memory, question)[0].id == "cats-0"


@pytest.mark.parametrize("question", ["?!", "the of", "😀", "猫はどこ"])
def test_a_question_without_a_word_to_look_for_is_no_error(memory: Memory, question: str) -> None:
    assert len(found(memory, question)) <= 10


def test_an_empty_question_and_an_unknown_level_are_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="question is empty"):
        found(memory, "  ")
    with pytest.raises(InvalidInput, match="'page' is none of passage"):
        found(memory, "cat", level="page")


def test_filters_hold_before_candidates_are_chosen(memory: Memory) -> None:
    few = RecallConfig(k=1, candidates=1)
    assert [hit.id for hit in found(memory, "cat", few, document="sea", level="section")] == ["sea-section"]
    assert {hit.document for hit in found(memory, "cat", document=["sea", "law"])} == {"sea", "law"}
    assert found(memory, "cat", document="' OR '1'='1") == []
    assert found(memory, "cat", document=[]) == []


def test_a_document_id_with_quotes_in_it_is_still_found(tmp_path: Path) -> None:
    name = 'it\'s "one"; --'
    memory = remember(tmp_path, "r1", passages(name, ["A cat."]), source("a", name))
    assert [hit.document for hit in found(memory, "cat", document=name)] == [name]


def test_every_uri_that_holds_a_quote_is_cited_with_place_and_offsets(memory: Memory) -> None:
    hit = found(memory, "kittens running")[0]
    text = SENTENCES["cats"][1]
    assert [format_citation(citation) for citation in hit.citations] == [
        "/copy.jsonl:row 7:31-65",
        "/docs/cats.txt:line 1:31-65",
    ]
    assert {citation.text for citation in hit.citations} == {text} == {"".join(SENTENCES["cats"])[31:65]}


def test_a_citation_names_the_member_of_an_archive_and_no_row_twice() -> None:
    member = Citation("/docs/old.zip", "page 3", 5, 9, "tide", "letters/a.docx")
    assert format_citation(member) == "/docs/old.zip#letters/a.docx:page 3:5-9"
    assert format_citation(Citation("/a.jsonl", "row 7", 0, 4, "tide", "row=7")) == "/a.jsonl:row 7:0-4"


def test_a_summary_cites_each_of_its_quotes_and_a_passage_without_quotes_itself(memory: Memory) -> None:
    (section,) = found(memory, "harbour storm", level="section")
    assert [citation.text for citation in section.citations] == SENTENCES["sea"][:2]
    (section,) = found(memory, "mast", level="section")  # what answers comes first
    assert [citation.text for citation in section.citations] == SENTENCES["sea"][1::-1]
    bare = {**memory.records(["law-0"])[0], "quotes": []}
    words = SENTENCES["law"][0]
    assert cite(memory, bare, place) == [Citation("/docs/law.txt", "line 1", 0, 39, words, document="law")]


def test_what_stands_between_two_candidates_is_found_though_no_search_finds_it(memory: Memory) -> None:
    plain = RecallConfig(vector_weight=0.0)
    hits = found(memory, "sailors dawn", plain, level="passage", document="sea")
    assert [hit.id for hit in hits] == ["sea-2", "sea-0", "sea-1"]
    assert hits[2].receipt.found == ()


@pytest.mark.parametrize("only", [{}, {"date": "2024"}, {"entity": "ann"}])
def test_hits_are_the_same_in_whatever_rows_the_passages_stand(tmp_path: Path, only: dict[str, str]) -> None:
    """Neighbours are looked for in the rows beside a candidate, where those of another order are not."""
    rows = [
        row | {"dates": [f"20{23 + row['position'] % 2}"], "entities": ["Ann"] if row["position"] % 3 else []}
        for name, texts in SENTENCES.items()
        for row in passages(name, [*texts, "Nothing more is said.", "So it ends."])
    ]
    mixed = [rows[number] for number in np.random.default_rng(0).permutation(len(rows))]
    sources = [source(f"/docs/{name}.txt", name) for name in SENTENCES]
    config = RecallConfig(vector_weight=0.0)  # neighbours share no word with the question
    some = [
        [
            (hit.id, hit.score, hit.title, hit.citations)
            for hit in found(
                remember(tmp_path / order, "r", given, *sources), "the mast of a ship", config, **only
            )
        ]
        for order, given in (("in order", rows), ("mixed", mixed))
    ]
    assert some[0] == some[1]
    assert len(some[0]) > 1


def test_a_passage_is_found_by_what_stands_around_it_and_shown_without(tmp_path: Path) -> None:
    rows = passages("d", ["The tenant pays monthly.", "It is due on the first."])
    rows[1]["context"] = "Lease of the mill > Rent\nThe tenant pays monthly.\nIt is due on the first."
    memory = remember(tmp_path, "r1", rows, source("a", "d"))
    (best, *_) = found(memory, "When is the rent of the mill due?", RecallConfig(vector_weight=0.0))
    assert (best.id, best.text) == ("d-1", "It is due on the first.")
    assert {one.search for one in best.receipt.found} == {"words", "words in context"}


def test_what_is_dated_in_the_time_asked_for_comes_first(tmp_path: Path) -> None:
    rows = [
        record("noon", 0, "The ship left the harbour at noon.", 0, dates=["2020-05"]),
        record("dusk", 0, "The ship left the harbour at dusk.", 0, dates=["2021-03-05"]),
    ]
    sailed = remember(tmp_path, "r1", rows, source("/noon.txt", "noon"), source("/dusk.txt", "dusk"))
    for year, month, document in ((2020, "May", "noon"), (2021, "March", "dusk")):
        assert found(sailed, f"When did the ship leave in {month} {year}?")[0].document == document


def test_two_records_of_one_span_are_one_hit(tmp_path: Path) -> None:
    rows = passages("d", ["The cat sat."])
    rows.append({**rows[0], "id": "d-document", "level": "document", "summary": "The cat sat."})
    memory = remember(tmp_path, "r1", rows, source("a", "d"))
    assert len(found(memory, "cat")) == 1


def test_records_of_the_same_words_are_one_hit_with_one_place_whatever_they_cover(tmp_path: Path) -> None:
    (passage,) = passages("log", ["- The storm of May broke two masts."])
    sentence = {**passage["quotes"][0], "text": passage["text"][2:], "start": 2}
    title = {"text": f"Log\n{sentence['text']}", "quotes": [sentence], "position": -1}
    document = {**passage, **title, "id": "log-document", "level": "document", "char_end": 90}
    window = {**passage, **title, "id": "log-window", "level": "window", "char_end": 80}
    memory = remember(tmp_path, "r1", [passage, document, window], source("a", "log"))
    (hit,) = found(memory, "which storm broke masts")
    assert len(hit.citations) == 1
    assert len(hit.receipt.merged) == 2
    twice = remember(
        tmp_path, "r2", passages("talk", ["Yes, at sea.", "No.", "Yes, at sea."]), source("b", "talk")
    )
    assert len([one for one in found(twice, "sea") if one.document == "talk" and "sea" in one.text]) == 2


def test_a_replaced_document_is_recalled_only_as_of_the_run_that_knew_it(tmp_path: Path) -> None:
    remember(tmp_path, "r1", passages("old", ["The cat is grey."]), source("/docs/a.txt", "old"))
    now = remember(tmp_path, "r2", passages("new", ["The cat is white."]), source("/docs/a.txt", "new"))
    assert [hit.text for hit in found(now, "what colour is the grey cat")] == ["The cat is white."]
    (then,) = found(open_memory(tmp_path, "r1"), "what colour is the grey cat")
    assert then.text == "The cat is grey."
    assert [format_citation(one) for one in then.citations] == ["/docs/a.txt:line 1:0-16"]


def test_a_question_about_a_document_is_answered_by_its_summary_first(tmp_path: Path) -> None:
    rows = passages("mill", ["The mill lease has a rent.", "The mill grinds rye.", "The mill is old."])
    said = "A lease between two farmers."
    rows.append(
        record("mill", 8, said, 0, level="document", summary=said, position=-1, quotes=rows[0]["quotes"])
    )
    rows += passages("sea", SENTENCES["sea"])
    memory = remember(tmp_path, "r1", rows, source("a", "mill"), source("b", "sea"))
    assert found(memory, "What is the mill about?")[0].id == "mill-8"
    assert found(memory, "Is the mill old?")[0].id == "mill-2"


def test_equal_passages_of_several_documents_are_one_hit_that_cites_them_all(tmp_path: Path) -> None:
    clause = "The licensor grants a perpetual, worldwide and free licence to use, copy and change the work."
    rows = [row for name in ("one", "two", "three") for row in passages(name, [clause, f"End of {name}."])]
    memory = remember(tmp_path, "r1", rows, *(source(f"/docs/{n}", n) for n in ("one", "two", "three")))
    hits = found(memory, "who grants a licence to copy the work?")
    assert sum(hit.text == clause for hit in hits) == 1
    assert {cite.uri for cite in hits[0].citations} == {"/docs/one", "/docs/two", "/docs/three"}
    assert len(hits[0].receipt.merged) == 2


def test_dates_and_names_filter(tmp_path: Path) -> None:
    rows = passages("d", ["The cat sat.", "The cat ran.", "The cat slept."])
    rows[0] |= {"dates": ["2024-03-05"], "entities": ["Ann Lee"]}
    rows[1] |= {"dates": ["2024", "2023-03"], "entities": ["Bob", "Bahnhofstra\u00dfe"]}
    memory = remember(tmp_path, "r1", rows, source("a", "d"))
    assert [hit.id for hit in found(memory, "cat", date="2024-03")] == ["d-0"]
    assert {hit.id for hit in found(memory, "cat", date="2024")} == {"d-0", "d-1"}
    assert [hit.id for hit in found(memory, "cat", entity="ann lee")] == ["d-0"]
    assert [hit.id for hit in found(memory, "cat", entity="bahnhofstra\u00dfe")] == ["d-1"]
    assert found(memory, "cat", entity="x' OR '1'='1") == []
    with pytest.raises(InvalidInput, match="give a year, a month or a day"):
        found(memory, "cat", date="March")
    for none in ("2024-13", "2024-00", "2023-02-30", ""):
        with pytest.raises(InvalidInput, match="give a year, a month or a day"):
            found(memory, "cat", date=none)
    for nobody in ("", " "):
        with pytest.raises(InvalidInput, match="give a name"):
            found(memory, "cat", entity=nobody)


def test_labels_filter_by_their_names_or_the_beginning_of_one(tmp_path: Path) -> None:
    rows = passages("d", ["The cat sat.", "The cat ran.", "The cat slept."])
    rows[0] |= {"labels": ["instructions", "hidden characters"]}
    rows[1] |= {"labels": ["personal data"]}
    memory = remember(tmp_path, "r1", rows, source("a", "d"))
    assert [hit.id for hit in found(memory, "cat", label="hidden")] == ["d-0"]
    assert {hit.id for hit in found(memory, "cat", label=["instructions", "Personal data"])} == {"d-0", "d-1"}
    assert {hit.id for hit in found(memory, "cat", without_label="instructions")} == {"d-1", "d-2"}
    for nothing in ("", "x') OR true --"):
        with pytest.raises(InvalidInput, match="is none of instructions, hidden characters, secret"):
            found(memory, "cat", without_label=nothing)


def test_chinese_and_japanese_are_found_by_words(tmp_path: Path) -> None:
    lines = [f"船长第{n}次离开港口并在日志里写下了风向。" for n in range(100)]
    lines[61] = "大副负责保管船上的望远镜并且从不让别人碰。"
    lines[17] = "毎朝、駅で新聞を買う人が多い。"
    rows = [row for n, line in enumerate(lines) for row in passages(f"d{n}", [line])]
    memory = remember(tmp_path, "r1", rows, *(source(f"/docs/{n}", f"d{n}") for n in range(100)))
    only_words = RecallConfig(vector_weight=0.0)
    assert found(memory, "望远镜", only_words)[0].document == "d61"
    assert found(memory, "谁保管望远镜?", only_words)[0].document == "d61"
    assert found(memory, "新聞", only_words)[0].document == "d17"


def test_an_empty_memory_recalls_nothing(tmp_path: Path) -> None:
    assert found(remember(tmp_path, "r1", []), "cat") == []
    remember(tmp_path, "r2", passages("d", ["A cat."]), source("/docs/a", "d"))
    assert found(remember(tmp_path, "r3", []), "cat") == []


@pytest.mark.parametrize(
    "values",
    [
        {"k": 0},
        {"candidates": 3},
        {"text_weight": -1},
        {"text_weight": 0, "vector_weight": 0},
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(values))):
        RecallConfig(**values)


def _same_vector(vector: np.ndarray, texts: list[str]) -> np.ndarray:
    return np.stack([vector] * len(texts))


def test_the_exact_neighbour_is_found_through_the_vector_index(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(21_000, schema.VECTOR_DIMS)).astype(np.float32)
    rows = (record("d", n, f"passage {n}", 20 * n, vector=vectors[n], quotes=[]) for n in range(len(vectors)))
    memory = remember(tmp_path, "r1", rows, source("a", "d"))  # type: ignore[arg-type]
    assert {index.columns[0] for index in memory.table.list_indices()} == {
        "text",
        "context",
        "vector",
        "context_vector",
        *schema.CUT.values(),
        *SCALARS,
    }
    config = RecallConfig(k=1, text_weight=0.0)
    for number in range(0, 20_000, 2_500):
        near = partial(_same_vector, vectors[number] + 0.1)
        assert recall(memory, "anything", near, config, place=place)[0].id == f"d-{number}"
