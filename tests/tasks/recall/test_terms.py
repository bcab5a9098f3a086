"""Terms and values: what of a question is compared, and what kind of value it asks for."""

import pytest

from tasks.recall.ask.values import Expected, expected, values
from tasks.recall.terms import ordered, stems, terms


@pytest.mark.parametrize(
    ("question", "kinds"),
    [
        ("When did Nora go to Leeds?", {"nora": "name", "go": "word", "leed": "name"}),
        ("Which licence has GPLv3 code?", {"licenc": "word", "gplv3": "name", "code": "word"}),
        ("Wie hoch ist die Miete in Lindau?", {"hoch": "word", "miet": "word", "lindau": "word"}),
        ("Who paid 300 crowns?", {"pay": "word", "300": "number", "crown": "word"}),
    ],
)
def test_names_and_numbers_are_told_from_other_words(question: str, kinds: dict[str, str]) -> None:
    assert {term.stem: term.kind for term in terms(question)} == kinds


def test_forms_of_a_word_are_one_term() -> None:
    assert stems("She went and wrote") == stems("she goes, writing")
    assert stems("U.K. law") == stems("the UK laws")
    assert stems("借书期限") == {"借书", "书期", "期限"}


def test_a_text_in_ascii_has_the_words_that_it_has_beside_others() -> None:
    text = "U.S. rent isn't 1,200.50 or 3rd; snake_case, don't O'Neil's a.b. x.y.z 7'up it's' (e.g. 12.5.6.)"
    assert text.isascii()
    assert ordered(f"{text} \u00e9t\u00e9") == [*ordered(text), "ete"]


def test_letters_and_their_marks_apart_are_words_too() -> None:
    for mark in ("\u3099", "\uff9e"):
        assert stems(f"は{mark}は {mark}")


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("When does the lease end?", "date"),
        ("How long does the lease last?", "duration"),
        ("How many days is the notice?", "duration"),
        ("What is the monthly rent?", "money"),
        ("How many planks were torn off?", "number"),
        ("Who closed the slipway?", "person"),
        ("Why was it closed?", "reason"),
        ("Wann endet der Vertrag?", "date"),
        ("Is smoking allowed?", "yes or no"),
        ("Describe the slipway", ""),
    ],
)
def test_a_question_says_what_kind_of_value_answers_it(question: str, kind: Expected) -> None:
    assert expected(question) == kind


@pytest.mark.parametrize(
    ("text", "kind", "form"),
    [
        ("It ends on 4 March 2024.", "date", "4 march 2024"),
        ("within thirty (30) days of it", "duration", "thirty (30) days"),
        ("a rent of EUR 1,450 a month", "money", "eur 1450"),
        ("a share of 2.5% of sales", "percent", "2.5%"),
    ],
)
def test_values_are_found_in_the_form_in_which_they_are_compared(
    text: str, kind: Expected, form: str
) -> None:
    assert [value.form for value in values(text, kind)] == [form]
