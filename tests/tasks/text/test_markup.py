"""What is left of a marked-up text is what a person would read aloud.

Run: pytest tests/tasks/text/test_markup.py
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.text.markup import readable


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain text, a < b and 3 * 4 * 5.", "Plain text, a < b and 3 * 4 * 5."),
        ('<p align="center">Pumps &amp; <b>valves</b></p>', "Pumps & valves"),
        ("one<br/>two", "one two"),
        ("<!-- hidden\nlines --> shown <style>p { }</style>", "shown"),
        ("<ann@x.example> and Vec<String> stay", "<ann@x.example> and Vec<String> stay"),
        ("[![Build](https://x/b.svg)](https://x/y) [Docs](https://x/d(1)) ![logo](l.png)", "Docs"),
        ("see [the docs][1] and [here](<a b>)\n\n[1]: https://x.example", "see the docs and here"),
        ("**Bold**, *soft*, __strong__ and `code`, not snake_case_name or 2*3*4",
         "Bold, soft, strong and code, not snake_case_name or 2*3*4"),
        ("## Heading ##\n\n```python\nx = 1\n```\n", "Heading\n\nx = 1"),
        ("Title\n=====\n\nText", "Title\n\nText"),
        (".. image:: https://x/b.svg\n   :alt: badge\n\nUse :func:`close <pumps.close>` of `Orrin <https://x>`_.",
         "Use close of Orrin."),
        (".. |b| image:: x.svg\n\n|b| Text ``literal``.", "Text literal."),
        (r"1\. not a list, \*not soft\*", "1. not a list, *not soft*"),
        ("पंप **चालू** करें। [यहाँ](x) 泵**已**开 اضغط [هنا](x)", "पंप चालू करें। यहाँ 泵**已**开 اضغط هنا"),
        ("", ""),
    ],
)  # fmt: skip
def test_markup_is_taken_away_and_nothing_else(text: str, expected: str) -> None:
    assert readable(text) == expected


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    assert len(readable(text)) <= len(text)


@given(st.text("abc def.,!?'é日", max_size=200))
def test_a_text_without_markup_stays(text: str) -> None:
    assert readable(f"a{text}") == f"a{text}".strip()  # dots alone are a rule


@pytest.mark.parametrize(
    "unit", ["<", "[", "*", "`", "<a ", "![", "](", "_a ", "&amp;", "<!--", "\n", " ", ":a:`", ".. ", "|"]
)
def test_no_text_makes_it_slow(unit: str) -> None:
    began = time.process_time()
    readable(unit * (50_000 // len(unit)))
    assert time.process_time() - began < 60  # quadratic time would take many minutes
