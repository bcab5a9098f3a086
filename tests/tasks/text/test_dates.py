"""Dates are found as they are written, with the precision they have; what could be two dates is none.

Run: pytest tests/tasks/text/test_dates.py
"""

import time
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.dates import dates
from tasks.text.periods import Period, days_of, resolve

TODAY = date(2024, 3, 13)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("built in 1962, sold 2024-03-05", ["1962", "2024-03-05"]),
        ("March 5th, 2024 and 5 March 2024", ["2024-03-05", "2024-03-05"]),
        ("1:56 pm on 8 May, 2023", ["2023-05-08"]),
        ("the 20t h day of November, 2018", ["2018-11-20"]),
        ("as of Nov  5,  1999; September 2018", ["1999-11-05", "2018-09"]),
        ("Fri, 29 Nov 2024 10:00:00 +0000", ["2024-11-29"]),
        ("09/24/2018 or 24/09/2018 or 24.9.2018", ["2018-09-24"] * 3),
        ("03/04/2018 could be two days", []),
        (
            "am 5. März 2024, le 1er mars 2024, el 5 de marzo de 2024",
            ["2024-03-05", "2024-03-01", "2024-03-05"],
        ),
        ("5 марта 2024, 5 जुलाई 2021, 5 مارس 2024", ["2024-03-05", "2021-07-05", "2024-03-05"]),
        ("于2024年3月5日签订, 2024に", ["2024-03-05", "2024"]),
        ("2024年3月5日，2024年3月，2024年", ["2024-03-05", "2024-03", "2024"]),
        (
            "一九八七年三月，二〇二四年三月五日，二○二一年十二月廿三日",
            ["1987-03", "2024-03-05", "2021-12-23"],
        ),
        ("二零一一年十月三十日；一九一一年二月三十日", ["2011-10-30"]),
        ("30 February 2021 and 2021-13-01", []),
        ("2004-05 may be a fiscal year, 2004-06 is none", ["2004-06"]),
        ("1,962 pumps, $1962, version 1.1962, 19620, A1962, 1962%", []),
        ("we may march in 2021", ["2021"]),
    ],
)
def test_dates_are_found_as_they_are_written(text: str, expected: list[str]) -> None:
    found = dates(text)
    assert [one.iso for one in found] == expected
    assert all(text[one.start : one.end].strip() for one in found)


@given(st.dates(date(1500, 1, 1), date(2099, 12, 31)))
def test_every_day_is_read_back(day: date) -> None:
    month = f"{day:%B}"
    for text in (day.isoformat(), f"{day.day} {month} {day.year}", f"{month} {day.day}, {day.year}"):
        assert [one.iso for one in dates(f"on {text}.")] == [day.isoformat()]


@pytest.mark.parametrize("unit", ["2", "20 ", "may ", " ", "5. ", "2021-", "march 5 ", "年"])
def test_no_text_makes_dates_slow(unit: str) -> None:
    began = time.process_time()
    dates(unit * (200_000 // len(unit)))
    assert time.process_time() - began < 60  # quadratic time would take many minutes


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("What was decided in 2021?", "2021-01-01", "2021-12-31"),
        ("Who left last March?", "2023-03-01", "2023-03-31"),
        ("Who left in March?", "2024-03-01", "2024-03-31"),
        ("Who left in May?", "2023-05-01", "2023-05-31"),
        ("Who leaves next May?", "2024-05-01", "2024-05-31"),
        ("Between May and July 2022, who left?", "2022-05-01", "2022-07-31"),
        ("What happened from 5 March 2023 to 7 March 2023?", "2023-03-05", "2023-03-07"),
        ("What did she do yesterday?", "2024-03-12", "2024-03-12"),
        ("What did she do last week?", "2024-03-04", "2024-03-10"),
        ("What did she do last month?", "2024-02-01", "2024-02-29"),
        ("What is planned this year?", "2024-01-01", "2024-12-31"),
        ("Who came last Friday?", "2024-03-08", "2024-03-08"),
        ("Who came last Wednesday?", "2024-03-06", "2024-03-06"),
        ("What happened three weeks ago?", "2024-02-19", "2024-02-25"),
        ("What changed in the last two months?", "2024-01-13", "2024-03-13"),
        ("What has changed since 2021?", "2021-01-01", ""),
        ("What changed after March 2021?", "2021-04-01", ""),
        ("What stood there before 5 March 2021?", "", "2021-03-04"),
        ("Where was she two weeks before 5 March 2021?", "2021-02-19", "2021-03-05"),
        ("Where was she the week before 16 November 2023?", "2023-11-09", "2023-11-16"),
        ("What stood there until 2020?", "", "2020-12-31"),
    ],
)
def test_a_question_names_its_time(question: str, first: str, last: str) -> None:
    assert resolve(question, TODAY) == [Period(first, last)]


@pytest.mark.parametrize(
    "question",
    ["Who may march?", "When did it happen?", "", "Who is the last tenant?", "Who plays Pump 2088?"],
)
def test_a_question_without_a_time_has_no_period(question: str) -> None:
    assert resolve(question, TODAY) == []


def test_a_period_holds_dates_of_any_precision_that_touch_it() -> None:
    march = days_of("2024-03")
    assert [march.holds(iso) for iso in ("2024-03-31", "2024", "2024-04", "2023-12-31")] == [
        True,
        True,
        False,
        False,
    ]
    assert Period("2024-03-05", "").holds("2025")
    assert not Period("", "2024-03-05").holds("2025")


@given(st.text(max_size=200), st.dates(date(1900, 1, 1)))
def test_any_question_can_be_asked_on_any_day(question: str, today: date) -> None:
    for period in resolve(question, today):
        assert not period.last or period.first <= period.last


def test_a_question_of_many_dates_costs_time_in_proportion_to_its_length() -> None:
    began = time.process_time()
    assert len(resolve("what happened" + " and before 12 May 2021" * 20_000, date(2026, 1, 1))) == 20_000
    assert time.process_time() - began < 60  # quadratic time would take many minutes
