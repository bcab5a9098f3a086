"""Turns of a dialogue are told in several formats; headers, glossaries and prose have none.

Run: pytest tests/tasks/text/test_speakers.py
"""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.speakers import is_dialogue, opening, turns

WORDS = [
    "Did you open the valve?",
    "Not yet, the key is gone.",
    "It is under the stone.",
    "Found it. Thank you!",
]


def talk(form: str, first: str = "Ann", second: str = "Ben") -> str:
    """A dialogue of two, each of its turns written as `form` says."""
    return "\n".join(
        form.format(name=(first, second)[number % 2], said=said) for number, said in enumerate(WORDS)
    )


@pytest.mark.parametrize(
    ("text", "date"),
    [
        (talk("{name}: {said}"), ""),
        (talk("[1:56 pm on 8 May, 2023] {name}: {said}"), "2023-05-08"),
        (talk("[24.12.2023, 14:05:11] {name}: {said}"), "2023-12-24"),
        (talk("24/12/2023, 14:05 - {name}: {said}"), "2023-12-24"),
        (talk("**{name}:** {said}"), ""),
        (talk("{name} (2023-05-08): {said}"), "2023-05-08"),
        (talk("[10:31] <{name}> {said}"), ""),
        (talk("10:31 <{name}> {said}"), ""),
        ("8 May 2023\n\n" + talk("{name}: {said}\n"), "2023-05-08"),
    ],
)  # fmt: skip
def test_turns_are_found_whatever_the_format(text: str, date: str) -> None:
    found = turns(text)
    assert [turn.speaker for turn in found] == ["Ann", "Ben", "Ann", "Ben"]
    assert {turn.date for turn in found} == {date}
    assert all(text[turn.start : turn.end].endswith(said) for turn, said in zip(found, WORDS, strict=True))


@pytest.mark.parametrize(
    ("first", "second", "form"),
    [("ANN LEE", "THE COURT", "{name}: {said}"), ("小红", "船长", "{name}：{said}"),
     ("राजेश", "मोहन", "{name}: {said}"), ("آن", "بن", "{name}: {said}"),
     ("Dr. O'Neil", "Frau Müller-Lüd", "{name}: {said}")],
)  # fmt: skip
def test_speakers_have_names_of_any_script(first: str, second: str, form: str) -> None:
    found = turns(talk(form, first, second))
    assert [turn.speaker for turn in found] == [first, second, first, second]


def test_a_turn_goes_on_over_its_lines_and_paragraphs() -> None:
    text = talk("{name}: {said}\n  And one more line.\n\nAnd a paragraph.\n")
    found = turns(text)
    assert len(found) == 4
    assert all(text[turn.start : turn.end].endswith("And a paragraph.") for turn in found)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Name: orrin-pumps\nVersion: 1.4.0\nSummary: Pumps\nLicense: MIT\nAuthor: Ann Lee",
        "Classifier: A\nClassifier: B\nClassifier: C\nKeywords: x\nClassifier: D",
        "From: Ann\nTo: Ben\nSubject: Keys\nDate: today\n\nBen, the keys are under the stone.",
        "Valve: a thing that closes.\nPump: a thing that pumps.\nHouse: where both stand.\nMill: near it.",
        "SQLite: a3b9\nPostgres: d4a7\nSQLite: 77c1\nPostgres: e9f0",
        "host: a.example\nport: 80\nhost: b.example\nport: 81",
        "The chair opened the meeting. Ann: a valve is needed.\nIt was agreed.\nBen left.\nAnn stayed.",
    ],
)
def test_what_is_no_dialogue_has_no_turns(text: str) -> None:
    assert turns(text) == []
    assert not is_dialogue(text)


def test_where_the_words_of_a_turn_begin_is_known() -> None:
    line = "[8 May 2023] Ann Lee: Hello."
    found = opening(line)
    assert found is not None
    assert (found.speaker, found.date, line[found.text_at :].strip()) == ("Ann Lee", "2023-05-08", "Hello.")
    assert opening("It was late: the valve was open.") is None


@given(
    st.lists(
        st.sampled_from(["Ann: a\n", "Ben: b\n", "\n", "more\n", "8 May 2023\n", "  x\r\n"]), max_size=30
    ).map("".join)
)
def test_turns_lie_in_order_and_apart(text: str) -> None:
    found = turns(text)
    assert all(first.end <= second.start for first, second in pairwise(found))
    assert all(text[turn.start : turn.end] == text[turn.start : turn.end].strip() != "" for turn in found)
