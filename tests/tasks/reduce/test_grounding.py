"""Nothing invented is stored: what a draft says must stand in one source sentence.

Run: pytest tests/tasks/reduce/test_grounding.py
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.summarizer import Draft
from tasks.reduce.grounding import common_subsequence, ground, support
from tasks.settings import GroundConfig

SOURCE = "The Department of Defense spent $4.3 billion on spare parts in 2011."
ADVICE = "GAO recommended that the Navy improve its forecasts."
LICENCE = "The licensee may not sell copies without the written consent of the owner."


def draft(text: str, gain: float = 2.0) -> Draft:
    starts = [index for index, char in enumerate(text) if index == 0 or text[index - 1] == " "]
    return Draft(text, starts, [-1.0] * len(starts), [-1.0 - gain] * len(starts))


@pytest.mark.parametrize(
    "sentence",
    [
        SOURCE,
        "Department of Defense spent $4.3 billion on spare parts.",
        "The Department of Defense spent $4.3 billion in 2011.",
    ],
)
def test_a_compression_of_one_sentence_stands(sentence: str) -> None:
    assert ground(draft(sentence), [SOURCE, ADVICE], GroundConfig()).summary == sentence


@pytest.mark.parametrize(
    "sentence",
    [
        "The Department of Defense recommended that the Navy improve its forecasts of 2011.",
        "The Department of Defense spent $4.4 billion on spare parts in 2011.",
        "The Department of Energy spent $4.3 billion on spare parts in 2011.",
        "Spare parts spent the Department of Defense.",
        "The Navy spent $4.3 billion on spare parts in 2011.",
        "The licensee may sell copies with the written consent of the owner.",
        "The licensee must not sell copies without the written consent of the owner.",
        "A completely different claim is made here.",
    ],
)
def test_an_invention_is_dropped_and_counted(sentence: str) -> None:
    result = ground(draft(sentence), [SOURCE, ADVICE, LICENCE], GroundConfig())
    assert (result.summary, result.support, result.dropped) == ("", 0.0, 1)


def test_what_the_model_would_have_said_anyway_is_dropped() -> None:
    assert ground(draft(SOURCE, gain=0.1), [SOURCE], GroundConfig()).dropped == 1


def test_an_unfinished_or_repeated_sentence_is_dropped() -> None:
    text = f"{ADVICE} {ADVICE} The Department of Defense spent"
    result = ground(draft(text), [SOURCE, ADVICE], GroundConfig())
    assert result.summary == ADVICE
    assert result.dropped == 2


def test_nothing_supports_a_draft_without_spans() -> None:
    assert ground(draft(SOURCE), [], GroundConfig()).summary == ""


@given(st.text(max_size=200))
def test_any_text_can_be_judged(text: str) -> None:
    assert 0.0 <= support(text, text) <= 1.0


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_common_subsequence_is_symmetric_and_bounded(a: list[str], b: list[str]) -> None:
    length = common_subsequence(a, b)
    assert length == common_subsequence(b, a) <= min(len(a), len(b))
    assert common_subsequence(a, a) == len(a)


def test_a_draft_is_cut_into_sentences_as_its_source_is() -> None:
    said = "Dr. Smith paid the owner $3.50."
    result = ground(draft(f"{said} Dr. Smith"), [said], GroundConfig())
    assert (result.summary, result.dropped) == (said, 1)
