"""What narrows the passages narrows the answer too, or the page says that it does not."""

import httpx2

from tests.flows.gateway.pages.conftest import Town
from tests.flows.gateway.pages.test_search import RENT

FARE = "What is the fare of the ferry Margaret?"
NOTHING = "Nothing that was read answers this with these filters."


def answer(town: Town, question: str, **filters: str) -> str:
    """The part of a page that answers."""
    page = httpx2.get(town.url, params={"q": question, **filters}, trust_env=False, timeout=120).text
    return page.partition('id="answer"')[2].partition('id="passages"')[0]


def streamed(town: Town, question: str, **filters: str) -> str:
    """The same, as it comes where a script runs."""
    url = f"{town.url}/answers"
    return httpx2.get(url, params={"q": question, **filters}, trust_env=False, timeout=120).text


def test_an_answer_keeps_to_the_filters(town: Town) -> None:
    assert "1,700 euros" in answer(town, RENT, date="2023")
    assert NOTHING in answer(town, RENT, date="1999-01")
    assert "crowns" in answer(town, FARE, label="hidden characters")
    assert NOTHING in answer(town, FARE, without_label="hidden characters")
    assert NOTHING in streamed(town, RENT, date="1999-01")


def test_the_page_says_that_the_kind_narrows_the_passages_only(town: Town) -> None:
    told = answer(town, RENT, level="document")
    assert "the kind that you chose narrows the list below" in told
    assert "1,700 euros" in told
