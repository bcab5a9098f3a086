"""Measures of summaries: ROUGE beside the lead, and which document a window is of."""

import json
from pathlib import Path

import numpy as np
import pytest

from tasks.bench.reports import evaluate_reports
from tasks.bench.summaries import first_words, summarised, windows
from tasks.bench.which import documents, evaluate_which
from tasks.errors import InvalidInput
from tasks.settings import RecallConfig

TOPICS = {
    "bridge": "The bridge over the Vell was closed in March as its northern pier had sunk by two inches.",
    "harbour": "The harbour of Tarn handled nine hundred ships last year, most of them loaded with timber.",
    "school": "The school board of Orlo hired twelve teachers of music after parents had asked for them.",
}
NOISE = "Nobody present could say why the lamps along the road were lit at noon on that particular day. "


def report(topic: str) -> str:
    """A text that begins with what does not matter and says its topic again and again."""
    body = [
        f"{NOISE}{TOPICS[topic]} Engineers wrote part {n} about the {topic} of the town." for n in range(30)
    ]
    return "\n\n".join(body)


def test_a_report_is_scored_at_the_length_of_its_reference_beside_its_first_words(tmp_path: Path) -> None:
    rows = [{"id": topic, "text": report(topic), "summary": TOPICS[topic]} for topic in TOPICS]
    (tmp_path / "reports.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = evaluate_reports(tmp_path)
    assert found["reports"] == 3
    assert found["verbatim"] == 1.0
    assert found["rouge1"]["difference"] == pytest.approx(
        found["rouge1"]["ours"] - found["rouge1"]["lead"], abs=2e-4
    )
    assert {row["words"] for row in found["by_report"].values()} == {len(TOPICS[t].split()) for t in TOPICS}


def test_what_is_no_report_is_refused_with_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").write_text('{"id": "a"}')
    with pytest.raises(InvalidInput, match=r"gov_report reports\.jsonl: lines of"):
        evaluate_reports(tmp_path)


def by_topic(texts: list[str]) -> np.ndarray:
    """Vectors that only know how often each topic is named."""
    counts = np.array([[text.count(topic) + 0.01 for topic in TOPICS] for text in texts], dtype=np.float32)
    found: np.ndarray = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    return found


def test_a_document_is_found_by_the_summary_that_says_what_it_is_about(tmp_path: Path) -> None:
    """The leads of all three are the same noise; each summary names its topic."""
    for topic in TOPICS:
        noise = "\n\n".join(f"{NOISE}It was {n} degrees." for n in range(12))
        (tmp_path / f"{topic}.txt").write_text(f"{noise}\n\n{report(topic)}")
    found = evaluate_which([tmp_path], by_topic, 60, RecallConfig())
    (row,) = found["by_path"].values()
    assert row["documents"] == 3
    assert row["mrr"]["windows"]["ours"] == 1.0
    assert row["mrr"]["windows"]["lead"] < 1.0
    assert row["mrr"]["passages"]["difference"] > 0.0


def test_equal_texts_are_one_document_and_an_empty_folder_is_refused(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(report("school"))
    assert [one.name for one in documents(tmp_path)] == ["a.txt"]
    with pytest.raises(InvalidInput, match="holds no documents"):
        documents(tmp_path / "nowhere")


def test_windows_overlap_by_half_and_leave_no_word_out() -> None:
    text = " ".join(f"w{n}" for n in range(7000))
    spans = windows(text)
    assert [len(text[start:end].split()) for start, end in spans] == [3000, 3000, 3000, 2500]
    assert (spans[0][0], spans[-1][1]) == (0, len(text))
    assert windows("few words") == [(0, 9)]


def test_a_summary_is_as_long_as_asked_and_its_body_leaves_out_the_title() -> None:
    made = summarised(report("bridge"), 40, "bridge.txt")
    assert 40 <= len(made.body.split()) <= 80
    assert made.text == "\n".join(filter(None, (made.title, made.body)))
    assert first_words("a b c", 2) == "a b"
